"""The schema of bridge.yaml takes what the daemon takes, and refuses what it can see to be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bridge.settings.settings_schema import settings_schema
from rules.source.places import read_file
from tests.fakes.command_line import command
from tests.house.reading import ROOT

EXAMPLES = [*sorted((ROOT / "examples").glob("*/bridge.yaml")), ROOT / "templates" / "starter" / "bridge.yaml"]


def mistakes(value: Any) -> list[str]:
    validator = Draft202012Validator(settings_schema())
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(settings_schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_the_daemon_takes_it_takes(path: Path) -> None:
    assert mistakes(read_file(path).value) == []


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"sever": {}}, "$"),
        ({"server": {"lisen": "x"}}, "$.server"),
        ({"destinations": {"a": {"type": "mattermos"}}}, "$.destinations.a.type"),
        ({"destinations": {"a": {"url": "x"}}}, "$.destinations.a"),
        ({"destinations": {"a": {"type": "teams", "url": "https://x", "chanel": "y"}}}, "$.destinations.a"),
        ({"destinations": {"a": {"type": "teams"}}}, "$.destinations.a"),
        ({"destinations": {"a": {"type": "teams", "url": "https://x", "burst": 0}}}, "$.destinations.a.burst"),
        ({"destinations": {"a": {"removed": "alive"}}}, "$.destinations.a.removed"),
        ({"sources": {"a": {"type": "github"}}}, "$.sources.a"),
    ],
)
def test_what_can_be_seen_to_be_wrong_is_underlined(wrong: Any, place: str) -> None:
    found = mistakes(wrong)
    assert any(one.startswith((f"{place}: ", f"{place}.")) for one in found), found


def test_a_reference_may_stand_for_any_value() -> None:
    settings = {"type": "teams", "url": "${env:HOOK}", "burst": "${env:BURST}", "when_unclear": "${file:/x}"}
    going = {"b": {"removed": "dead"}, "c": {"removed": {"move_to": "a"}}}
    assert mistakes({"destinations": {"a": settings, **going}}) == []


def test_the_command_prints_it() -> None:
    assert json.loads(command("settings", "--schema").out) == settings_schema()
