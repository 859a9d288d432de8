"""A test for every route: an alert that Alertmanager would bring there, and who must be told of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rules.events.intervals import Interval
from rules.events.moments import from_us
from rules.importing.alertmanager_config import Config
from rules.importing.imported_inhibition import Inhibition
from rules.importing.label_samples import find_reached, holds, labels_that_reach
from rules.importing.receivers import Receiver
from rules.importing.route_tree import EVERY_LABEL, RouteNode, RouteRule
from rules.language.cases import START_US
from rules.language.read_intervals import read_interval
from rules.source.places import wrap_unplaced
from rules.source.problems import path_text
from rules.source.words import duration_s

_MOST_REMINDERS: Final = 1_000
"""What a test may see while a group waits."""
_HOUR_US: Final = 3_600_000_000
_MOMENTS: Final = (*(n * _HOUR_US for n in range(24 * 8)), *(n * 11 * _HOUR_US for n in range(2_000)))
"""When a test may begin: from the usual moment on, first hour by hour, then over years."""


@dataclass(frozen=True, slots=True)
class RouteTests:
    """Writes the tests of a configuration."""

    config: Config
    root: RouteNode
    receivers: Mapping[str, Receiver]
    inhibitions: Sequence[Inhibition]
    intervals: Mapping[str, Any]

    def tests(self, rules: Iterable[RouteRule]) -> list[dict[str, Any]]:
        """One for each route; where no alert or hour for one was found, a remark says so."""
        intervals = {
            name: read_interval(name, interval, wrap_unplaced(interval, ""), (), [])
            for name, interval in self.intervals.items()
        }
        cases = (self._test(rule, intervals) for rule in rules)
        return [case for case in cases if case is not None]

    def _test(self, rule: RouteRule, intervals: Mapping[str, Interval]) -> dict[str, Any] | None:
        path = rule.node.path
        labels = labels_that_reach(self.root, path, rule.matchers)
        if labels is None:
            self.config.remark(path, "no labels were found that bring an alert here; write a test for it by hand")
            return None
        nodes = find_reached(self.root, labels)
        if any(duration_s(node.options.wait) / duration_s(node.options.repeat) > _MOST_REMINDERS for node in nodes):
            self.config.remark(path, "it tells so often that a test would take too long; write one by hand")
            return None
        start_us = next(
            (START_US + moment for moment in _MOMENTS if _all_open(nodes, intervals, START_US + moment)), None
        )
        if start_us is None:
            self.config.remark(path, "no hour was found at which it tells; write a test for it by hand")
            return None
        text = ", ".join(f"{name}={value}" for name, value in labels.items()) or "no label of any route"
        alert = {"status": "firing", "fingerprint": "f1", "labels": labels, "annotations": {"summary": "made up"}}
        waits = [_wait(node, self.receivers) for node in nodes]
        return {
            "name": f"an alert with {text} comes to {rule.node.options.receiver} ({path_text(path)})",
            **({} if start_us == START_US else {"start": from_us(start_us).isoformat()}),
            "message": {"data": {"status": "firing", "alerts": [alert]}},
            "until": max(waits, key=duration_s),
            "expect": [*self._shadows(labels), *self._sends(nodes)],
        }

    def _sends(self, nodes: Iterable[RouteNode]) -> Iterable[dict[str, Any]]:
        for node in nodes:
            yield from ({"to": target.name} for target in self.receivers[node.options.receiver].targets)

    def _shadows(self, labels: dict[str, str]) -> Iterable[dict[str, Any]]:
        for inhibition in self.inhibitions:
            for name, _ in inhibition.sources():
                if holds(inhibition.source, labels) and (
                    name == inhibition.name or not holds(inhibition.target, labels)
                ):
                    yield {"rule": name, "shadow": True}


def _all_open(nodes: Iterable[RouteNode], intervals: Mapping[str, Interval], now_us: int) -> bool:
    for node in nodes:
        active = [intervals[name] for name in node.active]
        if active and not any(interval.contains(now_us) for interval in active):
            return False
        if any(intervals[name].contains(now_us) for name in node.muted):
            return False
    return True


def _wait(node: RouteNode, receivers: Mapping[str, Receiver]) -> str:
    if EVERY_LABEL in node.options.group_by or not receivers[node.options.receiver].targets:
        return "0s"
    return node.options.wait
