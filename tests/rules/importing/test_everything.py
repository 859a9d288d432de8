"""A configuration with most of what there is: who is told is who Alertmanager would tell, read from the file itself."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.source.places import read_yaml
from tests.rules.importing.builders import Bridge, an_alert

FILE = Path(__file__).parent / "data" / "everything.yml"
CONFIG = read_yaml(FILE.read_text(), FILE.name).value
DESTINATIONS = {
    "null": [],
    "default-mattermost": ["default-mattermost"],
    "team-X-mails": ["team-X-mails"],
    "team-X-pager": ["team-X-pager-email"],
    "team-X-chat": ["team-X-chat-slack", "team-X-chat-slack-2"],
    "team-Y-mails": ["team-Y-mails"],
    "team-Y-pager": ["team-Y-pager-webhook"],
    "team-DB-pager": ["team-DB-pager-webhook", "team-DB-pager-webhook-2"],
}
LABELS = st.fixed_dictionaries(
    {},
    optional={
        "alertname": st.sampled_from(["Watchdog", "Slow"]),
        "service": st.sampled_from(["foo1", "foo2", "baz", "foo3", "files", "database"]),
        "severity": st.sampled_from(["critical", "warning", "info"]),
        "env": st.sampled_from(["dev", "prod"]),
        "owner": st.sampled_from(["team-a", "team-X", "team-Y"]),
        "foo": st.just("bar"),
        "a": st.just("b,c"),
        "tier": st.sampled_from(["golden", "silver"]),
        "quoted": st.just('it\'s "x"'),
    },
)
WRITTEN = re.compile(r'\s*(?P<name>\w+)\s*(?P<sign>=~|!~|!=|=)\s*(?P<value>"(?:\\.|[^"\\])*"|[^",{}]*?)\s*(?:,|$)')


def conditions(route: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Name, sign and value of each matcher of a route, in all three ways of writing them."""
    found = [(name, "=", value) for name, value in route.get("match", {}).items()]
    found += [(name, "=~", value) for name, value in route.get("match_re", {}).items()]
    for text in route.get("matchers", []):
        for one in WRITTEN.finditer(text.strip().removeprefix("{").removesuffix("}")):
            value = one["value"]
            if value.startswith('"'):
                value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
            found.append((one["name"], one["sign"], value))
    return found


def matches(route: dict[str, Any], labels: dict[str, str]) -> bool:
    for name, sign, value in conditions(route):
        has = labels.get(name, "")
        equal = has == value if sign in ("=", "!=") else re.fullmatch(value, has) is not None
        if equal is sign.startswith("!"):
            return False
    return True


def receivers(route: dict[str, Any], labels: dict[str, str], inherited: str = "") -> list[str]:
    """Whom Alertmanager tells: the children that match, until one does not say continue; else the route itself."""
    receiver = route.get("receiver", inherited)
    told: list[str] = []
    for child in route.get("routes", []):
        if matches(child, labels):
            told += receivers(child, labels, receiver)
            if not child.get("continue", False):
                break
    return told or [receiver]


@pytest.fixture(scope="module")
def bridge() -> Bridge:
    return Bridge(FILE.read_text())


NUMBER = itertools.count()
HOLIDAYS = {1, 2, 3, 7, 12}
"""Months in which the file's intervals may keep somebody quiet at any hour."""


def wait_for_working_noon(bridge: Bridge) -> None:
    """Go on to a noon at which no interval keeps anybody quiet, however many examples went before."""
    bridge.now_us += 43_200_000_000 - bridge.now_us % 86_400_000_000
    while (noon := datetime.fromtimestamp(bridge.now_us / 1e6, UTC)).weekday() > 3 or noon.month in HOLIDAYS:
        bridge.wait(86_400)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LABELS)
def test_every_alert_reaches_the_receivers_that_alertmanager_would_tell(bridge: Bridge, labels: dict[str, str]) -> None:
    expected = [name for receiver in receivers(CONFIG["route"], labels) for name in DESTINATIONS[receiver]]
    alone = labels | {"n": str(next(NUMBER))}
    wait_for_working_noon(bridge)
    assert sorted(bridge.told(an_alert(**alone), wait_s=31)) == sorted(expected)
    bridge.told(an_alert("resolved", **alone), wait_s=4 * 86_400)


def test_what_cannot_be_converted_is_named(bridge: Bridge) -> None:
    named = {remark.path for remark in bridge.converted.remarks}
    assert named >= {
        "templates",
        "receivers[3].pagerduty_configs[0]",
        "receivers[6].opsgenie_configs[0]",
        "receivers[7].telegram_configs[0]",
        "receivers[6].webhook_configs[0].http_config.basic_auth",
    }


def test_no_secret_is_copied(bridge: Bridge) -> None:
    text = bridge.converted.rules + bridge.converted.settings
    for secret in ("s3cret", "XXXX", "hooks/abc", "xoxb-1", "token=secret"):
        assert secret not in text
