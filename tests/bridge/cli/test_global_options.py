"""The options of every command: before it, behind it or between its words, the nearest one wins, and over variables."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from bridge.cli.command_context import Context
from bridge.cli.main import main
from tests.bridge.cli.command_tree import LEAVES, places_of, typed_for

GIVEN = {"config": "-c", "url": "--url", "token": "--token"}
VARIABLES = {"AMS_BRIDGE_CONFIG": "variable", "AMS_BRIDGE_TOKEN": "variable"}
WAYS = [[0], [1], [0, 1], [-1], [0, 1, -1]]


def parsed(path: str, given: dict[int, list[str]]) -> Context:
    """What a command finds in its Context when ``given`` stands behind the word with that number, 0 the program's."""
    command: click.Command = main
    parent: click.Context | None = None
    words = path.split()
    for number, word in enumerate(words):
        ahead = [*given.get(number, []), word]
        parent = command.make_context(word, ahead, parent=parent)
        assert isinstance(command, click.Group)
        found = command.get_command(parent, word)
        assert found is not None
        command = found
    leaf = command.make_context(words[-1], [*given.get(len(words), []), *typed_for(command)], parent=parent)
    return leaf.ensure_object(Context)


def numbered(way: list[int], path: str) -> list[int]:
    """The places of ``way`` that this command has, from the first word on; -1 is behind its last."""
    last = len(path.split())
    return sorted({last if place == -1 else min(place, last) for place in way})


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("path", LEAVES)
def test_the_nearest_option_wins_and_over_variables(path: str, way: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    places = numbered(way, path)
    for name, option in GIVEN.items():
        found = parsed(path, {place: [option, f"at-{place}"] for place in places})
        assert str(getattr(found, name)) == f"at-{places[-1]}"


@pytest.mark.parametrize("path", LEAVES)
def test_of_an_option_given_twice_the_last_one_holds(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    for name, option in GIVEN.items():
        for place in places_of(path):
            assert str(getattr(parsed(path, {place: [option, "one", option, "two"]}), name)) == "two"


@pytest.mark.parametrize("path", LEAVES)
def test_without_an_option_the_variables_hold(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    found = parsed(path, {})
    assert (found.config, found.token, found.url) == (Path("variable"), "variable", None)


@pytest.mark.parametrize("path", LEAVES)
def test_an_option_that_says_nothing_on_purpose_wins_too(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMS_BRIDGE_TOKEN", "variable")
    assert [parsed(path, {place: ["--token", ""]}).token for place in places_of(path)] == [""] * len(places_of(path))


@pytest.mark.parametrize("flag", ["--json", "--quiet"])
@pytest.mark.parametrize("path", LEAVES)
def test_a_flag_holds_wherever_it_stands(path: str, flag: str) -> None:
    for place in places_of(path):
        output = parsed(path, {place: [flag]}).output
        assert (output.as_json, output.quiet) == (flag == "--json", flag == "--quiet")
