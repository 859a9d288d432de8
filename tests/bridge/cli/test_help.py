"""``--help``: there at once, and in order."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from bridge.cli import main as root
from bridge.cli.lazy import LazyGroup, Listed
from tests.bridge.cli import command_tree
from tests.fakes.command_line import command

HEAVY = ("rules", "broker", "httpx", "rich", "msgspec", "aiohttp")
GROUPS = {path: group for path, group in command_tree.GROUPS.items() if isinstance(group, LazyGroup)}
LISTED = {f"{path} {name}".strip(): one for path, group in GROUPS.items() for name, one in group.listed.items()}


@pytest.mark.parametrize("words", [[*path.split(), "--help"] for path in GROUPS], ids=" ".join)
def test_a_list_of_commands_imports_none_of_them(words: list[str]) -> None:
    script = (
        "import sys\nfrom bridge.cli.main import main\n"
        f"main({words!r}, standalone_mode=False)\n"
        f"print(sorted(name for name in sys.modules if name.startswith({HEAVY!r})))\n"
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
        "test", "explain", "simulate", "backtest", "diff", "versions", "promote", "rollback", "record", "coverage",
        "schema", "reference", "import",
    ]  # fmt: skip


def test_an_unknown_command_is_answered_with_what_would_help() -> None:
    said = command("rules", "tests")
    assert (said.code, isinstance(root.main, click.Group)) == (2, True)
    assert 'there is no command "tests"; did you mean "test"?' in said.err
