"""Manual pages made of the command tree: one for the program, and one for each of its commands with all its verbs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import click

from bridge.cli.command_context import global_options

_MARKED: Final = re.compile(r"`([^`]*)`")
_EXIT_CODES: Final = (
    ("0", "Done."),
    ("1", "Could not be done, or the answer is no."),
    ("2", "The command was not understood."),
    ("78", "Settings or rules cannot be used; every problem is listed with file, line and column."),
    ("130", "Interrupted; a result that was printed is partial and says so."),
)
_GLOBAL: Final = {option.name for option in global_options()}


def pages(root: click.Group, version: str) -> Iterator[tuple[str, str]]:
    """The name of each page's file with its text, the program's own first."""
    context = click.Context(root, info_name="ams-bridge")
    children = [(name, root.get_command(context, name)) for name in root.list_commands(context)]
    commands = [(name, command) for name, command in children if command is not None]
    names = [f"ams-bridge-{name}" for name, _ in commands]
    yield "ams-bridge.1", "\n".join([*_program(root, version), *_listing(commands), *_end(names)]) + "\n"
    for name, command in commands:
        yield f"ams-bridge-{name}.1", "\n".join(_page(name, command, version)) + "\n"


def _program(root: click.Group, version: str) -> Iterator[str]:
    yield _title("ams-bridge", version)
    yield from (".SH NAME", "ams\\-bridge \\- messages in, rules people write in YAML, deliveries out")
    yield from (".SH SYNOPSIS", ".B ams\\-bridge", "[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]")
    yield from (".SH DESCRIPTION", *_paragraphs(root.help or ""))
    yield from (".SH OPTIONS", "They may stand before a command, behind it or between its words; the last one holds.")
    for option in global_options():
        yield from _option(option)


def _listing(commands: list[tuple[str, click.Command]]) -> Iterator[str]:
    yield ".SH COMMANDS"
    for name, command in commands:
        yield from (".TP", f"\\fBams\\-bridge {_text(name)}\\fR", _text(_first(command)))


def _end(also: list[str]) -> Iterator[str]:
    yield ".SH EXIT STATUS"
    for code, meaning in _EXIT_CODES:
        yield from (".TP", f"\\fB{code}\\fR", _text(meaning))
    yield ".SH ENVIRONMENT"
    for option in global_options():
        if isinstance(option.envvar, str):
            yield from (".TP", f"\\fB{_text(option.envvar)}\\fR", f"In place of {_text(option.opts[-1])}.")
    yield from (".TP", "\\fBSSL_CERT_FILE\\fR", "The authorities to trust, in place of the system's.")
    yield ".SH FILES"
    yield from (".TP", "\\fI/etc/ams\\-bridge/bridge.yaml\\fR, \\fI./bridge.yaml\\fR", "The settings.")
    yield ".SH SEE ALSO"
    yield ",\n".join(f".BR {_text(name)} (1)" for name in also).replace(",\n", " ,\n")


def _page(name: str, command: click.Command, version: str) -> Iterator[str]:
    yield _title(f"ams-bridge-{name}", version)
    yield from (".SH NAME", f"ams\\-bridge\\-{_text(name)} \\- {_text(_first(command).rstrip('.'))}")
    yield ".SH SYNOPSIS"
    leaves = list(_leaves(command, f"ams-bridge {name}"))
    for number, (path, leaf) in enumerate(leaves):
        yield from ([".br"] if number else [])
        yield f"\\fB{_text(path)}\\fR {_usage(leaf)}".rstrip()
    yield from (".SH DESCRIPTION", *_paragraphs(command.help or ""))
    if isinstance(command, click.Group):
        yield ".SH COMMANDS"
        for path, leaf in leaves:
            yield from (f".SS {_text(path)}", *_paragraphs(leaf.help or ""), *_options(leaf))
    elif own := list(_options(command)):
        yield from (".SH OPTIONS", *own)
    yield from (".PP", "The options of every command are told in", ".BR ams\\-bridge (1).")
    yield from (".SH SEE ALSO", ".BR ams\\-bridge (1)")


def _leaves(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if inner is not None:
            yield from _leaves(inner, f"{path} {name}")


def _options(command: click.Command) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name not in _GLOBAL:
            yield from _option(parameter)


def _option(option: click.Option) -> Iterator[str]:
    value = "" if option.is_flag else f" \\fI{_text(option.make_metavar(click.Context(click.Command('x'))))}\\fR"
    named = ", ".join(f"\\fB{_text(name)}\\fR" for name in [*option.opts, *option.secondary_opts])
    yield from (".TP", f"{named}{value}", _text(option.help or ""))


def _usage(command: click.Command) -> str:
    context = click.Context(command)
    arguments = [param.make_metavar(context) for param in command.params if isinstance(param, click.Argument)]
    return " ".join(["[\\fIOPTIONS\\fR]", *(f"\\fI{_text(argument)}\\fR" for argument in arguments)])


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(block for block in text.strip().split("\n\n") if block.strip()):
        yield from ([".PP"] if number else [])
        yield _text(" ".join(paragraph.split()))


def _first(command: click.Command) -> str:
    """The first sentence of what a command says of itself."""
    return " ".join((command.help or "").split("\n\n")[0].split())


def _title(name: str, version: str) -> str:
    return f'.TH "{_text(name.upper())}" "1" "" "ams\\-bridge {_text(version)}" "ams\\-bridge"'


def _text(text: str) -> str:
    """A text as roff takes it: nothing in it is a request, and hyphens can be copied."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("\u2019", "'")
    marked = _MARKED.sub(r"\\fB\1\\fR", escaped)
    return f"\\&{marked}" if marked.startswith((".", "'")) else marked
