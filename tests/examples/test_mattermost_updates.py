"""Live updates: events that AMS's own client publishes stand in the channel as ``alerts_format.py`` wrote them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.fakes.mattermost import FakeMattermost
from tests.examples.systems import System, a_system, client_program, run_client

pytestmark = pytest.mark.system("7 Mattermost updates", "argo-ams-library")

PUBLISHER = """
import json, sys
from argo_ams_library import AmsMessage, ArgoMessagingService

asked = json.load(sys.stdin)
ams = ArgoMessagingService(endpoint=asked["endpoint"], project="ARGO", token=asked["token"])
ams.publish("status", [AmsMessage(data=one) for one in asked["events"]], verify=True)
"""
EMOJI = {
    "CRITICAL": ":red_circle:",
    "WARNING": ":large_orange_circle:",
    "OK": ":large_green_circle:",
    "UNKNOWN": ":white_circle:",
}


def as_alerts_format_writes_it(event: dict[str, str]) -> str | None:
    """The text that AMS's ``alerts_format.py`` makes of an event, restated; None where it stops or passes it over."""
    needed = ("endpoint_group", "status", "summary", "url.history")
    if event.get("type") not in ("endpoint", "group") or event.get("status") not in EMOJI or set(needed) - set(event):
        return None
    emoji = EMOJI[event["status"]]
    return (
        f"{emoji} **{event['endpoint_group']}** is {event['status']} {emoji} \n"
        f"**Summary**: {event['summary']} \n**URL** : {event['url.history']}"
    )


def an_event(**changed: str) -> dict[str, str]:
    return {
        "report": "Critical",
        "type": "endpoint",
        "endpoint_group": "SITE-A",
        "service": "eu.egi.CE",
        "hostname": "ce01.example.org",
        "metric": "org.nagios.Ping",
        "status": "CRITICAL",
        "summary": "CRITICAL - timeout",
        "url.history": "https://ui.example/T/report-status/Critical/SITES/SITE-A?start_date=2026-01-01&end_date=2026-01-03",
    } | changed


def to_mattermost(chat: FakeMattermost) -> Callable[[str], str]:
    """The example's destination as its page says it is in production."""
    there = f"type: mattermost\n    url: '{chat.hook_url}'\n    channel: monitoring-alarms"
    return lambda settings: settings.replace("type: inbox", there)


def publish(system: System, *events: dict[str, str] | str) -> None:
    texts = [one if isinstance(one, str) else json.dumps(one) for one in events]
    asked = {"endpoint": system.endpoint, "token": system.environ["AMS_BRIDGE_TOKEN"], "events": texts}
    run_client(system, client_program("python"), "-c", PUBLISHER, stdin=json.dumps(asked))


def test_the_channel_reads_what_alerts_format_wrote(tmp_path: Path, mattermost: FakeMattermost) -> None:
    mattermost.town.add_channel("monitoring-alarms")
    events = [
        *(an_event(status=status, summary=f"{status} - since noon") for status in EMOJI),
        an_event(type="group", endpoint_group="SITE-B", status="OK", summary="OK - 3 of 3 services"),
        an_event(type="group", endpoint_group="GRNET-CLOUD", status="UNKNOWN", summary="UNKNOWN - no data"),
    ]
    with a_system("argo-status", tmp_path, change=to_mattermost(mattermost)) as system:
        publish(system, *events)
        system.settled(len(events))
        system.balanced()
    assert [post.text for post in mattermost.posts] == [as_alerts_format_writes_it(event) for event in events]
    asked = {(post.channel, post.request.json()["username"]) for post in mattermost.posts}
    assert asked == {("monitoring-alarms", "bot argo")}


def test_what_alerts_format_dies_of_or_passes_over_is_told_too_and_metrics_are_not(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    mattermost.town.add_channel("monitoring-alarms")
    bare = {"type": "endpoint", "status": "CRITICAL", "endpoint_group": "SITE-A"}
    events: list[dict[str, str] | str] = [
        an_event(status="MISSING"),
        an_event(status="DOWNTIME"),
        *(an_event(type=kind) for kind in ("service", "endpoint_group", "grpoup", "")),
        bare,
        "no event at all",
        an_event(type="metric"),
    ]
    assert {as_alerts_format_writes_it(one) for one in events if isinstance(one, dict)} == {None}
    with a_system("argo-status", tmp_path, change=to_mattermost(mattermost)) as system:
        publish(system, *events)
        system.settled(len(events) - 1)
        system.balanced()
    told = [post.text for post in mattermost.posts]
    assert len(told) == len(events) - 1
    assert told[0].startswith(":white_circle: **SITE-A** is MISSING :white_circle: \n**Summary**: CRITICAL")
    assert told[-2] == ":red_circle: **SITE-A** is CRITICAL :red_circle:"
    assert "no event at all" in told[-1]
    assert "shown as it came" in told[-1]
