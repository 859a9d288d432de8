"""A group whose commands are imported when one is called, and listed without importing any: help is there at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from bridge.cli.command_context import CliGroup


@dataclass(frozen=True, slots=True)
class Listed:
    """A command listed without being imported: ``file:function`` in this folder, and what its list says of it."""

    place: str
    about: str

    def load(self) -> click.Command:
        """The command itself."""
        module_name, _, name = self.place.partition(":")
        command: click.Command = getattr(import_module(f"bridge.cli.{module_name}"), name)
        return command


class LazyGroup(CliGroup):
    """A group of commands, imported when they are called; ``listed`` has them in the order people meet them."""

    def __init__(self, *args: Any, listed: Mapping[str, Listed], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.listed = listed

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The command names, in order."""
        return list(self.listed)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None for an unknown name."""
        entry = self.listed.get(cmd_name)
        return entry.load() if entry is not None else None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """See Group. No command is imported for it."""
        fitting = {name: entry for name, entry in self.listed.items() if name.startswith(incomplete)}
        completions = [CompletionItem(name, help=entry.about) for name, entry in fitting.items()]
        return [*completions, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands; none of them is imported for it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.about) for name, entry in self.listed.items()])
