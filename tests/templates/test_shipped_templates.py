"""Every shipped template against its cases: CASE.json (data, attributes, parent) and CASE.expected.md beside it.

Each post is rendered at 2026-01-03 10:05 UTC. A case without its expected post fails and shows what was rendered.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.model import Event, MessageFacts
from rules.rendering.compiling import compile_file
from rules.rendering.environment import CompiledTemplate
from rules.rendering.template_files import read_templates
from rules.rendering.template_names import names_of
from rules.source.problems import Place
from tests.fakes.mattermost_reader import mentions_in

HERE = Path(__file__).parent
CASES = sorted(HERE.rglob("*.json"))
NOW_US = 1_767_434_700_000_000
NAMES = [
    *("argo/status", "argo/alarm", "alertmanager/alert", "alertmanager/group", "grafana/alert", "icinga/event"),
    *("nagios/event", "zabbix/event", "github/event", "gitlab/event", "cloudevent", "plain"),
]


@cache
def the_template(name: str) -> CompiledTemplate:
    environment, problems = read_templates(None)
    assert problems == ()
    template = compile_file(name, place=Place("rules.yaml"), environment=environment)
    assert isinstance(template, CompiledTemplate)
    return template


def a_post(name: str, data: Any, attributes: dict[str, str] | None = None, parent: Any = None) -> str:
    text = data if isinstance(data, str) else json.dumps(data)
    message = MessageFacts(id="7", offset=7, topic="alerts", project="ARGO", publish_time_us=NOW_US)
    event = Event(data=data, text=text, attributes=attributes or {}, message=message, parent=parent)
    return the_template(name).render(names_of(event, now_us=NOW_US))


def case_id(path: Path) -> str:
    return path.relative_to(HERE).with_suffix("").as_posix()


@pytest.mark.parametrize("path", CASES, ids=case_id)
def test_a_sample_gives_the_expected_post(path: Path):
    case = json.loads(path.read_text())
    name = path.parent.relative_to(HERE).as_posix()
    post = a_post(name, case["data"], case.get("attributes"), case.get("parent"))
    expected = path.with_suffix(".expected.md")
    assert expected.exists(), post
    assert post == expected.read_text().removesuffix("\n")


def test_every_shipped_template_has_cases_and_every_case_a_shipped_template():
    environment, _ = read_templates(None)
    assert sorted(environment.shelved) == sorted(NAMES)
    assert {path.parent.relative_to(HERE).as_posix() for path in CASES} == set(NAMES)


def test_the_argo_text_is_the_one_the_hand_written_consumer_made():
    event = {
        "type": "endpoint",
        "endpoint_group": "SITE-A",
        "status": "CRITICAL",
        "summary": "CRITICAL - timeout",
        "url.history": "https://ui.example/x?start_date=2026-01-01&end_date=2026-01-03",
    }
    assert a_post("argo/status", event) == (
        ":red_circle: **SITE-A** is CRITICAL :red_circle: \n"
        "**Summary**: CRITICAL - timeout \n"
        "**URL** : https://ui.example/x?start_date=2026-01-01&end_date=2026-01-03"
    )


KEYS = [
    *(
        "status",
        "labels",
        "annotations",
        "alerts",
        "startsAt",
        "endsAt",
        "severity",
        "host",
        "service",
        "state",
        "name",
    ),
    *("summary", "description", "commits", "ref", "action", "issue", "pull_request", "repository", "sender", "comment"),
    *("object_kind", "object_attributes", "user", "values", "id", "url", "data", "type", "items", "review", "message"),
    *("generatorURL", "attempt", "HOSTNAME", "event_value", "groupLabels", "truncatedAlerts", "notification_type"),
]
TEXTS = st.sampled_from(
    ["@channel", "push", "a|b\n# @all", "resolved", "<!here|x>", "`@here`", "https://x.example/@all", ""]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)


@pytest.mark.parametrize("name", NAMES)
@given(data=VALUES)
@settings(max_examples=60, deadline=None)
def test_whatever_comes_is_rendered_and_pings_nobody(name: str, data: Any):
    assert mentions_in(a_post(name, data)) == set()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "plain"])
@pytest.mark.parametrize(
    "data",
    [
        '{"event_name":"Disk\nfull on /srv","host":"h1"',
        '{"status": "RESOLVED"}',  # a text that holds JSON, not JSON
        ["RESOLVED", {"host": "h1"}],
        7,
        None,
        True,
        {},
        {"unheard-of": "RESOLVED"},
        {"labels": "{}", "annotations": None, "alerts": None},
    ],
)
def test_what_a_template_knows_nothing_of_is_shown_as_it_came_with_a_note(name: str, data: Any):
    post = a_post(name, data)
    assert post.endswith(": shown as it came_")
    assert "Problem" not in post
    assert "is firing" not in post
    for word in ("RESOLVED", "Disk", "h1"):
        if word in json.dumps(data):
            assert word in post


def test_a_call_of_alertmanager_without_alerts_says_nothing():
    assert a_post("alertmanager/group", {"alerts": []}) == ""
    assert a_post("alertmanager/group", {"alerts": [], "status": "resolved", "truncatedAlerts": 0}) == ""


def test_a_call_of_as_many_alerts_as_one_message_takes_is_told():
    labels = {"alertname": "LinkDown", "severity": "critical", "site": "SITE-A"}
    alerts = [{"status": "firing", "labels": {**labels, "instance": f"switch-{n}"}} for n in range(5_000)]
    post = a_post("alertmanager/group", {"alerts": alerts})
    assert post.startswith(":red_circle: **5000 x LinkDown**, critical: 5000 firing\nsite SITE-A\n\n| instance |\n")
    assert post.endswith("\nand 4980 more")


def test_a_part_of_a_call_gives_the_count_of_the_whole():
    alerts = [{"status": "firing", "labels": {"alertname": "Down"}}]
    counts = {"part": "2", "parts": "3", "firing": "2600", "resolved": "4"}
    assert a_post("alertmanager/group", {"alerts": alerts}, counts).startswith(
        ":red_circle: **2600 firing, 4 resolved** (part 2 of 3)\n- :red_circle: **Down**"
    )


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("alertmanager/alert", {"status": "resolved", "labels": {"alertname": "X", "severity": "critical"}}),
        ("alertmanager/alert", {"status": "Resolved", "labels": {"alertname": "X"}}),
        ("alertmanager/alert", {"status": "ok", "labels": {"alertname": "X"}}),
        ("alertmanager/alert", {"status": " resolved ", "labels": {"alertname": "X"}}),
        (
            "alertmanager/group",
            {
                "status": "resolved",
                "alerts": [
                    {"status": "RESOLVED", "labels": {"alertname": "X", "severity": "critical"}},
                    {"status": "RESOLVED", "labels": {"alertname": "X", "severity": "critical"}},
                    {"status": "RESOLVED", "labels": {"alertname": "X", "severity": "critical"}},
                    {"status": "RESOLVED", "labels": {"alertname": "X", "severity": "critical"}},
                    {"status": "RESOLVED", "labels": {"alertname": "X", "severity": "critical"}},
                ],
            },
        ),
        (
            "alertmanager/group",
            {
                "status": "resolved",
                "alerts": [
                    {"status": "ok", "labels": {"alertname": "X", "severity": "critical"}},
                    {"status": "ok", "labels": {"alertname": "X", "severity": "critical"}},
                ],
            },
        ),
        (
            "alertmanager/group",
            {"status": "resolved", "alerts": [{"labels": {"alertname": "X"}}, {"labels": {"alertname": "Y"}}]},
        ),
        ("grafana/alert", {"state": "normal", "title": "X"}),
        ("grafana/alert", {"state": "Normal (NoData)", "title": "X"}),
        ("grafana/alert", {"status": "RESOLVED", "labels": {"alertname": "DatasourceError"}}),
        (
            "grafana/alert",
            {
                "status": "resolved",
                "alerts": [
                    {"status": "resolved", "labels": {"alertname": "X"}},
                    {"status": "resolved", "labels": {"alertname": "Y"}},
                ],
                "commonLabels": {"severity": "critical"},
            },
        ),
        ("zabbix/event", {"subject": "X", "trigger_status": "OK"}),
        ("zabbix/event", {"name": "X", "status": "0"}),
        ("zabbix/event", {"event_name": "X", "event_status": "Resolved", "event_value": "1"}),
        ("zabbix/event", {"event_name": "X", "event_severity": "Disaster", "event_value": 0.0}),
        ("zabbix/event", {"title": "Resolved: X", "message": "m"}),
        ("zabbix/event", {"subject": "[OK] X"}),
        ("zabbix/event", {"subject": "Recovery: X"}),
        ("icinga/event", {"host": "h", "service": {"name": "s", "state": 0}}),
        ("icinga/event", {"host": {"name": "h", "state": "UP"}, "notification_type": "RECOVERY"}),
        ("icinga/event", {"host": "h", "state": "0"}),
        ("icinga/event", {"notification_type": "RECOVERY", "host": "h", "service": "s", "output": "x"}),
        ("nagios/event", {"NOTIFICATIONTYPE": "RECOVERY", "HOSTNAME": "h", "SERVICEDESC": "s", "SERVICESTATE": "OK"}),
        ("nagios/event", {"type": "RECOVERY", "host": "h"}),
        ("nagios/event", {"host": "h", "service": "s", "status": "0"}),
        ("nagios/event", {"hostname": "h", "servicedesc": "s", "servicestate": 0}),
        ("nagios/event", {"hostname": "h", "hoststate": "UP", "servicedesc": ""}),
        ("argo/alarm", {"status": "OK", "node_name": "h"}),
        ("argo/status", {"status": "ok", "endpoint_group": "S"}),
        ("plain", {"status": "resolved", "name": "x"}),
        ("plain", {"state": "Recovered", "name": "x", "severity": "critical"}),
        ("plain", {"severity": "critical", "status": "OK"}),
    ],
)
def test_an_end_is_green_however_it_is_said(name: str, data: Any):
    post = a_post(name, data)
    assert post.startswith(":large_green_circle:")
    assert ":red_circle:" not in post
    assert "firing" not in post


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("alertmanager/alert", {"labels": {"alertname": " Disk\n full "}}),
        ("grafana/alert", {"labels": {"alertname": "Disk\n full "}}),
        ("zabbix/event", {"event_name": " Disk\n full"}),
        ("icinga/event", {"host": {"name": " Disk\n full "}, "state": 2}),
        ("nagios/event", {"HOSTNAME": " Disk\n full "}),
        ("argo/alarm", {"node_name": " Disk\n full ", "status": "CRITICAL"}),
        ("plain", {"name": " Disk\n full "}),
    ],
)
def test_a_name_stands_on_one_line_without_blanks_around_it(name: str, data: Any):
    assert "**Disk  full**" in a_post(name, data).splitlines()[0]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("alertmanager/alert", {"labels": {"alertname": "X"}, "startsAt": "2026-01-03T10:06:00Z"}),
        ("alertmanager/group", {"alerts": [{"labels": {}, "startsAt": "2026-01-03T10:06:00Z"}] * 2}),
        ("grafana/alert", {"labels": {"alertname": "X"}, "startsAt": "2026-01-03T10:06:00Z"}),
        ("zabbix/event", {"event_name": "X", "event_timestamp": "1767434760"}),
        ("icinga/event", {"host": "x", "last_state_change": 1767434760}),
        ("nagios/event", {"HOSTNAME": "x", "TIMET": "1767434760"}),
    ],
)
def test_a_sender_whose_clock_is_ahead_does_not_say_that_it_fires_in_a_minute(name: str, data: Any):
    assert "(in " not in a_post(name, data)
