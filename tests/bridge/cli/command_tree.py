"""Every command that can be typed, for tests that walk all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from bridge.cli.main import main


def commands(command: click.Command = main, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command and every group of commands, with its words; the program itself has none."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, (*path, name))


TREE = dict(commands())
LEAVES = {path: command for path, command in TREE.items() if not isinstance(command, click.Group)}
GROUPS = {path: command for path, command in TREE.items() if isinstance(command, click.Group)}


def places_of(path: str) -> list[int]:
    """Behind which words of a command its options may stand: 0 is the program's name."""
    return list(range(len(path.split()) + 1))


def typed_for(command: click.Command) -> list[str]:
    """What the command must be given at least, so that it is understood and asks nothing."""
    words = ["--yes"] if any("--yes" in parameter.opts for parameter in command.params) else []
    for parameter in command.params:
        if parameter.required:
            names = [parameter.opts[-1]] if isinstance(parameter, click.Option) else []
            words += [*names, _value(parameter.type)]
    return words


def _value(kind: click.ParamType) -> str:
    if isinstance(kind, click.Choice):
        return str(kind.choices[0])
    if isinstance(kind, click.Path):
        return str(Path(__file__) if kind.file_okay else Path(__file__).parent)
    return "1" if isinstance(kind, click.types.IntParamType) else "P/x"
