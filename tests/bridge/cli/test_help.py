"""``--help``: there at once, and in order."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from bridge.cli import main as root
from bridge.cli import rules_commands
from bridge.cli.lazy import Listed
from tests.fakes.command_line import command

LISTED = {**root.COMMANDS, **{f"rules {name}": one for name, one in rules_commands.COMMANDS.items()}}


@pytest.mark.parametrize("words", [["--help"], ["rules", "--help"]])
def test_a_list_of_commands_imports_none_of_them(words: list[str]) -> None:
    script = (
        "import sys\nfrom bridge.cli.main import main\n"
        f"main({words!r}, standalone_mode=False)\n"
        "print(sorted(name for name in sys.modules if name.startswith(('rules', 'broker', 'httpx', 'aiohttp'))))\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", LISTED)
def test_a_listed_command_is_there_under_its_name(name: str) -> None:
    assert LISTED[name].load().name == name.split()[-1]


@pytest.mark.parametrize("one", LISTED.values(), ids=LISTED)
def test_a_list_says_of_each_command_one_short_sentence(one: Listed) -> None:
    assert one.about.endswith(".")
    assert len(one.about) <= 70


def test_commands_are_listed_in_the_order_in_which_people_meet_them() -> None:
    lines = command("rules", "--help").out.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == [
        "test", "explain", "simulate", "backtest", "record", "coverage", "schema", "import",
    ]  # fmt: skip


def test_an_unknown_command_is_answered_with_what_would_help() -> None:
    said = command("rules", "tests")
    assert (said.code, isinstance(root.main, click.Group)) == (2, True)
    assert 'there is no command "tests"; did you mean "test"?' in said.err
