"""Every command our pages tell people to type exists, with the options they are told to give."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bridge.cli.main import main
from tests.house.reading import ROOT, named

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
COMMAND = re.compile(r"(?<![\w/-])ams-bridge((?: [a-z]+)+)([^\n`#]*)")


def commands_of(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """Each ``ams-bridge`` command in the code of a page: its words, and its long options."""
    for code in CODE.findall(text):
        for words, rest in COMMAND.findall(code):
            yield words.split(), re.findall(r"(?<= )--[a-z-]+", rest.partition("|")[0])


def mistakes(words: list[str], options: list[str]) -> list[str]:
    """What is wrong with a command, in words; nothing if it can be typed like this."""
    command: click.Command = main
    known = {name for parameter in main.params for name in parameter.opts} | {"--help", "--version"}
    for word in words:
        if not isinstance(command, click.Group):
            break
        found = command.get_command(click.Context(command), word)
        if found is None:
            return [f"ams-bridge {' '.join(words)}: no command {word}"]
        command = found
        known |= {name for parameter in command.params for name in parameter.opts + parameter.secondary_opts}
    return [f"ams-bridge {' '.join(words)}: no option {option}" for option in options if option not in known]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_commands_that_exist(page: Path) -> None:
    found = [mistake for words, options in commands_of(page.read_text()) for mistake in mistakes(words, options)]
    assert not found, named(found, f"{page.name} tells people to type what does not exist:")


def test_the_commands_of_the_unit_exist() -> None:
    unit = (ROOT / "deploy" / "systemd" / "ams-bridge.service").read_text()
    typed = re.findall(r"^Exec\w+=-?/opt/ams-bridge/bin/ams-bridge (.+)$", unit, flags=re.MULTILINE)
    assert [each.split()[0] for each in typed] == ["check", "run", "reload"]
    options = [[word for word in each.split() if word.startswith("--")] for each in typed]
    found = [mistakes(each.split()[:1], named) for each, named in zip(typed, options, strict=True)]
    assert [mistake for each in found for mistake in each] == []


def test_commands_are_read_out_of_code_only() -> None:
    page = "ams-bridge is good\n```\nams-bridge deliveries list --state dead # gone\n```\n`systemctl stop ams-bridge`"
    assert list(commands_of(page)) == [(["deliveries", "list"], ["--state"])]
