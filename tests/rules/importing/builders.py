"""Configurations of Alertmanager from a few lines, their rules at work, and Alertmanager's own way of routing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rules.importing.alertmanager import Converted, convert
from rules.importing.label_matchers import LabelMatcher
from rules.language.read import read_rules
from rules.language.sources import World
from rules.model import DestinationFacts, Incoming, Send
from rules.ruleset import RuleSet
from rules.source.places import read_yaml
from rules.source.problems import as_table
from rules.workbench.dry_run import Rehearsal

START_US = 1_767_614_400_000_000  # Monday 2026-01-05 12:00 UTC
TOPIC = "projects/OPS/topics/alerts"
Labels = Mapping[str, str]
TEMPLATES = Path(__file__).parent / "data" / "templates"  # compiling all shipped ones takes half a second


def world_of(converted: Converted) -> World:
    """What the rules of a conversion may refer to: its own destinations and intervals."""
    settings = read_yaml(converted.settings, "bridge.yaml")
    assert settings.problems == ()
    destinations = {
        name: DestinationFacts(
            name=name, kind=said["type"], takes_body=said["type"] == "webhook", overrides=frozenset({"priority"})
        )
        for name, said in settings.value["destinations"].items()
    }
    return World(
        destinations=destinations,
        intervals=settings.value.get("intervals", {}),
        settings=settings,
        shipped_templates=TEMPLATES,
    )


def a_rule_set(converted: Converted) -> RuleSet:
    """The rules of a conversion, against the destinations and intervals of its other half."""
    world = world_of(converted)
    rule_set = read_rules([("rules.d/alertmanager.yaml", converted.rules)], world)
    assert rule_set.warnings == (), as_table(rule_set.warnings)
    return rule_set


def an_alert(status: str = "firing", *, name: str = "", **labels: str) -> dict[str, Any]:
    """One alert as Alertmanager's webhook brings it; its fingerprint follows from its labels."""
    return {
        "status": status,
        "labels": dict(labels),
        "annotations": {"summary": name or " ".join(labels.values())},
        "startsAt": "2026-01-05T11:59:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": json.dumps(labels, sort_keys=True),
    }


class Bridge:
    """The converted rules on a virtual clock: calls of the webhook in, posts out."""

    def __init__(self, config: str | Converted) -> None:
        self.converted = config if isinstance(config, Converted) else convert(config)
        self.rehearsal = Rehearsal(a_rule_set(self.converted))
        self.now_us = START_US
        self._offset = 0

    def call(self, *alerts: Mapping[str, Any]) -> list[Send]:
        """One call of the webhook; gives what is told at once."""
        body = {"version": "4", "status": "firing", "receiver": "bridge", "alerts": list(alerts)}
        incoming = Incoming(TOPIC, self._offset, self.now_us, json.dumps(body), {}, f"m/t/{self._offset}")
        self._offset += 1
        return list(self.rehearsal.take(incoming, self.now_us).decision.sends)

    def wait(self, seconds: float) -> list[Send]:
        """Let time pass; gives what timers tell."""
        self.now_us += round(seconds * 1_000_000)
        return [send for moment in self.rehearsal.run_to(self.now_us) for send in moment.decision.sends]

    def told(self, *alerts: Mapping[str, Any], wait_s: float = 0) -> list[str]:
        """Destinations told of a call, now and within ``wait_s``."""
        return [send.destination for send in (*self.call(*alerts), *self.wait(wait_s))]


def reached(route: Mapping[str, Any], labels: Labels) -> list[str]:
    """The receivers of an alert, as Alertmanager walks its tree (its documentation, "route")."""
    return [receiver for receiver, _ in _walk(route, labels, "")]


def _walk(route: Mapping[str, Any], labels: Labels, inherited: str) -> list[tuple[str, int]]:
    if not all(matcher.holds(labels.get(matcher.name, "")) for matcher in route.get("parsed", ())):
        return []
    receiver = route.get("receiver", inherited)
    found: list[tuple[str, int]] = []
    for child in route.get("routes", ()):
        below = _walk(child, labels, receiver)
        found += below
        if below and not child.get("continue", False):
            break
    return found or [(receiver, id(route))]


def as_config(route: Mapping[str, Any], inhibit_rules: Sequence[Mapping[str, Any]] = ()) -> str:
    """A whole configuration: the tree, and a Mattermost receiver for each name in it."""
    names: set[str] = set()
    said = _plain(route, names)
    receivers = [
        {"name": name, "mattermost_configs": [{"webhook_url": "https://mm.example.org/hooks/x"}]}
        for name in sorted(names)
    ]
    return json.dumps({"route": said, "receivers": receivers, "inhibit_rules": list(inhibit_rules)})


def _plain(route: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    said = {key: value for key, value in route.items() if key not in ("parsed", "routes")}
    if "receiver" in said:
        names.add(said["receiver"])
    matchers: Sequence[LabelMatcher] = route.get("parsed", ())
    if matchers:
        said["matchers"] = [str(matcher) for matcher in matchers]
    if "routes" in route:
        said["routes"] = [_plain(child, names) for child in route["routes"]]
    return said
