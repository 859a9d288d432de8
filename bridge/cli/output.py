"""How the command line speaks: tables for people, JSON for programs, errors that say what to do.

``--json`` prints one JSON value per command on standard output and nothing else there; progress and errors go to
standard error. ``--quiet`` prints errors only. What others wrote is printed as ``visible.py`` makes it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bridge.cli.fitting_tables import Column, draw_tables
from bridge.cli.visible import VisibleConsole, VisibleText, make_visible

_WIDE = 160  # columns where nobody says how many there are
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # 128 and the number of SIGINT, as shells say it
EXIT_BAD_CONFIGURATION = 78  # EX_CONFIG of sysexits.h; the unit file does not restart on it


def console(*, stderr: bool = False) -> Console:
    """The console to print on: a terminal as wide as it is, anything else wide enough that tables seldom fold."""
    made = VisibleConsole(stderr=stderr, highlight=False, emoji=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _WIDE
    return made


class Failed(click.ClickException):
    """A command could not do what was asked. The text says what is wrong and what would help."""

    exit_code = EXIT_FAILED

    def show(self, file: Any = None) -> None:
        """Print the text to standard error."""
        console(stderr=True).print(f"[bold red]error[/]  {escape(self.format_message())}", soft_wrap=True)


class BadConfiguration(Failed):
    """The settings or rules cannot be used. The text lists every problem with its place."""

    exit_code = EXIT_BAD_CONFIGURATION

    def show(self, file: Any = None) -> None:
        """Print the lines as they are, to standard error: one problem each, as editors and people read them."""
        console(stderr=True).print(VisibleText(self.format_message()), soft_wrap=True)


@dataclass(slots=True)
class Output:
    """Where and how to print, as asked on the command line."""

    as_json: bool = False
    quiet: bool = False
    console: Console = field(default_factory=console)
    errors: Console = field(default_factory=lambda: console(stderr=True))

    def print_rows(
        self, rows: Sequence[Any], columns: Sequence[Column], *, title: str = "", empty: str = "Nothing."
    ) -> None:
        """Print a listing: a table for people, or the rows as a JSON list."""
        if self.as_json:
            self.print_value(list(rows))
            return
        if self.quiet:
            return
        if not rows:
            self.console.print(f"[dim]{escape(empty)}[/]")
            return
        for part in draw_tables(rows, columns, self.console.width, title):
            self.console.print(part)

    def print_value(self, value: Any) -> None:
        """Print a value as JSON, exactly as it is, for ``--json``."""
        encoded = msgspec.json.format(msgspec.json.encode(value), indent=2)
        sys.stdout.write(encoded.decode() + "\n")
        sys.stdout.flush()

    def print_line(self, value: Any) -> None:
        """Print a value as one line of JSON, for streams under ``--json``."""
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
        sys.stdout.flush()

    def confirm(self, text: str, value: Any = None) -> None:
        """Print what was done: a line for people, or ``value`` as JSON."""
        if self.as_json:
            self.print_value(value if value is not None else {"done": text})
        elif not self.quiet:
            self.console.print(f"[green]✓[/] {escape(text)}", soft_wrap=True)

    def say(self, text: str) -> None:
        """Print a plain line for people; nothing under ``--json`` or ``--quiet``."""
        if not (self.as_json or self.quiet):
            self.console.print(escape(text), soft_wrap=True)

    def print_document(self, text: str) -> None:
        """Print the text of a file: exact where it goes into a file or to a program, made visible on a terminal.

        Nothing under ``--quiet``.
        """
        if self.quiet:
            return
        click.echo(make_visible(text) if self.console.is_terminal else text, nl=False)

    def end_partial(self, messages: int) -> None:
        """Say on standard error that a run was interrupted and how far it came, and exit with 130."""
        self.warn(f"interrupted: this is what {format_count(messages, 'message')} gave, not all of them")
        sys.exit(EXIT_INTERRUPTED)

    def warn(self, text: str) -> None:
        """Print a warning to standard error; nothing under ``--quiet``."""
        if not self.quiet:
            self.errors.print(f"[yellow]warning[/]  {escape(text)}", soft_wrap=True)


def format_count(number: int, noun: str) -> str:
    """``1 rule``, ``2 rules``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def print_details(output: Output, details: Mapping[str, Any]) -> None:
    """Print the details of one thing: named values under one another, or JSON; nothing under ``--quiet``."""
    if output.as_json:
        output.print_value(details)
        return
    if output.quiet:
        return
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    for name, value in details.items():
        grid.add_row(name, VisibleText(value if isinstance(value, str) else msgspec.json.encode(value).decode()))
    output.console.print(grid)
