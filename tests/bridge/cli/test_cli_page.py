"""docs/cli.md names every command and every option, and none that does not exist."""

from __future__ import annotations

import re

import click
import pytest

from bridge.cli.command_context import global_options
from bridge.cli.main import COMMANDS
from tests.bridge.cli.command_tree import LEAVES as ALL
from tests.house.reading import ROOT

PAGE = (ROOT / "docs" / "cli.md").read_text()
GLOBAL = {option.name for option in global_options()}


def own_options(command: click.Command) -> list[click.Option]:
    return [one for one in command.params if isinstance(one, click.Option) and one.name not in GLOBAL]


def sections() -> dict[str, str]:
    """The text below each command's heading, by the command's words."""
    found = re.findall(r"^##+ ams-bridge ([^\n]+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return {" ".join(re.findall(r"(?<!\S)[a-z][a-z-]*(?!\S)", heading)): text for heading, text in found}


def test_every_command_has_its_section_and_every_section_its_command() -> None:
    groups = {name for name in COMMANDS if any(path.startswith(f"{name} ") for path in ALL)}
    assert sections().keys() == ALL.keys() | groups


@pytest.mark.parametrize("path", ALL)
def test_every_option_is_told_and_no_other(path: str) -> None:
    table = [line for line in sections()[path].splitlines() if line.startswith("| `")]
    told = {option for line in table for option in re.findall(r"`(--?[a-z-]+)`", line.split("|")[1])}
    known = {name for option in own_options(ALL[path]) for name in [*option.opts, *option.secondary_opts]}
    assert told == known


@pytest.mark.parametrize("path", ALL)
def test_every_argument_stands_in_the_heading(path: str) -> None:
    command = ALL[path]
    context = click.Context(command)
    arguments = [one.make_metavar(context) for one in command.params if isinstance(one, click.Argument)]
    assert f" ams-bridge {' '.join([path, *arguments])}\n" in PAGE


def test_every_global_option_is_told() -> None:
    head = PAGE.partition("## ams-bridge")[0]
    assert [name for option in global_options() for name in option.opts if f"`{name}`" not in head] == []


@pytest.mark.parametrize("path", ALL)
def test_no_command_hides_a_global_option_behind_one_of_its_own(path: str) -> None:
    names = [parameter.name for parameter in ALL[path].params]
    assert len(names) == len(set(names))
    assert set(names) >= GLOBAL


@pytest.mark.parametrize("path", ALL)
def test_every_command_and_option_says_what_it_is_for(path: str) -> None:
    command = ALL[path]
    assert command.help
    assert [option.opts[0] for option in own_options(command) if not option.help] == []
