"""The ARGO chain in rules says byte for byte what the hand-written consumers said (use-cases.md 3.2 and 3.3)."""

from __future__ import annotations

import pytest

from rules.rendering.template_files import SHIPPED
from tests.fakes.rule_sets import Line, a_rule, a_world

EVENT = {
    "report": "Critical",
    "type": "endpoint",
    "endpoint_group": "SITE-A",
    "service": "eu.egi.CE",
    "hostname": "ce01.example.org",
    "metric": "org.nagios.Ping",
    "summary": "CRITICAL - timeout",
    "status": "CRITICAL",
    "url.history": "https://ui.example/TENANT/report-status/Critical/SITES/SITE-A/eu.egi.CE/ce01.example.org"
    "?start_date=2026-01-01&end_date=2026-01-03",
}


def told(**changed: str) -> str:
    rule_set = a_rule("template: argo/status", a_world(shipped_templates=SHIPPED))
    (send,) = Line(rule_set).take(EVENT | changed)
    assert send.fallback == ""
    return send.post.text


def test_a_status_event_is_told_as_alerts_format_told_it_blanks_before_newlines_included() -> None:
    assert told() == (
        ":red_circle: **SITE-A** is CRITICAL :red_circle: \n**Summary**: CRITICAL - timeout \n**URL** : "
        "https://ui.example/TENANT/report-status/Critical/SITES/SITE-A/eu.egi.CE/ce01.example.org"
        "?start_date=2026-01-01&end_date=2026-01-03"
    )


@pytest.mark.parametrize(
    ("status", "emoji"),
    [
        ("OK", ":large_green_circle:"),
        ("WARNING", ":large_orange_circle:"),
        ("CRITICAL", ":red_circle:"),
        ("UNKNOWN", ":white_circle:"),
        ("MISSING", ":white_circle:"),
        ("DOWNTIME", ":white_circle:"),
    ],
)
def test_each_status_has_the_emoji_it_had(status: str, emoji: str) -> None:
    assert told(status=status).startswith(f"{emoji} **SITE-A** is {status} {emoji} \n")
