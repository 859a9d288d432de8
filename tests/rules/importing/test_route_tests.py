"""The tests that come with imported rules: one for each route, and all of them pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.importing.alertmanager import Converted, convert
from rules.language.read import read_rules
from rules.source.places import read_yaml
from rules.workbench.run_cases import run_cases
from tests.rules.importing.builders import as_config, world_of
from tests.rules.importing.test_routes import routes

CONFIGS = sorted((Path(__file__).parent / "data").glob("*.yml"))


def failures(converted: Converted) -> list[str]:
    """What the tests of a conversion say, when they are run against its rules."""
    rule_set = read_rules([("rules.d/alertmanager.yaml", converted.rule_file)], world_of(converted))
    return [str(one.differences) for one in run_cases(rule_set, rule_set.cases) if not one.passed]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_route_has_a_test_that_passes(path: Path) -> None:
    converted = convert(path.read_text(), file=path.name)
    assert failures(converted) == []
    tests = read_yaml(converted.tests, "t").value["tests"]
    paths = {route for route, _ in converted.routes.values()}
    without = {one.path for one in converted.remarks if "for it by hand" in one.text}
    assert {one["name"].rpartition("(")[2].rstrip(")") for one in tests} >= paths - without
    assert without == set()


@settings(max_examples=60, deadline=None)
@given(st.lists(routes(2), max_size=4))
def test_whatever_the_tree_the_tests_pass(children: list[dict[str, Any]]) -> None:
    assert failures(convert(as_config({"receiver": "r0", "routes": children}))) == []


def test_a_route_that_tells_at_certain_hours_is_tested_then() -> None:
    config = {
        "route": {
            "receiver": "a",
            "routes": [{"receiver": "b", "matchers": ["x=y"], "active_time_intervals": ["may"]}],
        },
        "time_intervals": [{"name": "may", "time_intervals": [{"months": ["may"], "weekdays": ["sunday"]}]}],
        "receivers": [{"name": n, "discord_configs": [{"webhook_url": "https://h.example.org"}]} for n in "ab"],
    }
    converted = convert(json.dumps(config))
    (test, _) = read_yaml(converted.tests, "t").value["tests"]
    assert test["start"].startswith("2026-05-")
    assert failures(converted) == []


def test_an_alert_that_keeps_others_quiet_is_expected_in_the_shadow() -> None:
    config = {
        "route": {"receiver": "a", "routes": [{"receiver": "a", "matchers": ["x=y"]}]},
        "inhibit_rules": [{"source_matchers": ["x=y"], "target_matchers": ['z=~".*"'], "equal": ["x"]}],
        "receivers": [{"name": "a", "discord_configs": [{"webhook_url": "https://h.example.org"}]}],
    }
    converted = convert(json.dumps(config))
    assert failures(converted) == []
    assert "shadow: true" in converted.tests
