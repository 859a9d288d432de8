"""What deciding about one message takes, from its stored text to its post, against the number of rules.

The rules differ in one constant, as rules per site or per instance do; one of them acts on the message. Beside it
stands the decoding of the payload alone, which nobody can do without.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any, Final

from benchmarks.rows import Row
from benchmarks.scale import Run
from rules.deciding.batch_state import Overlay
from rules.deciding.decide import decide
from rules.deciding.decision_builder import DecideContext
from rules.deciding.match import match
from rules.events.decode import decode
from rules.language.read import read_rules
from rules.language.sources import World
from rules.model import DestinationFacts, Incoming
from rules.ruleset import RuleSet

NAME: Final = "rules"
NOW_US: Final = 1_767_438_000_000_000
_SLICE_S: Final = 0.02
_ROUNDS_EACH: Final = 5
FLAT: Final[dict[str, Any]] = {
    "report": "Critical",
    "type": "endpoint",
    "date": "20260103",
    "endpoint_group": "SITE-5",
    "service": "eu.egi.CE",
    "hostname": "ce01.example.org",
    "metric": "org.nagios.Ping",
    "ts_monitored": "2026-01-03T11:00:00Z",
    "repeat": "false",
    "summary": "CRITICAL - Socket timeout after 30 seconds",
    "status": "CRITICAL",
    "url.history": "https://ui.example.org/TENANT/report-status/Critical/SITES/SITE-5",
}
GROUPED: Final[dict[str, Any]] = {
    "status": "firing",
    "groupLabels": {"cluster": "c5"},
    "commonLabels": {"severity": "page", "cluster": "c5"},
    "externalURL": "https://alerts.example.org",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": f"Alert{n}", "severity": "page", "cluster": "c5", "instance": f"host{n}"},
            "annotations": {"summary": f"host{n} is down", "description": "It does not answer."},
            "startsAt": "2026-01-03T11:00:00.000Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://prometheus.example.org/graph?g0.expr=up",
        }
        for n in range(10)
    ],
}
_FLAT_RULE: Final = """
  - name: site-{n}
    match: {{$.type: [endpoint, service], $.endpoint_group: SITE-{n}}}
    text: "{{{{ data.hostname }}}} is {{{{ data.status }}}}"
    send: ops
"""
_GROUPED_RULE: Final = """
  - name: alert-{n}
    for_each: "$.alerts[*]"
    match: {{$.status: firing, $.labels.alertname: Alert{n}, $.labels.severity: page}}
    text: "{{{{ data.annotations.summary }}}}"
    send: ops
"""
SHAPES: Final = {
    "flat ARGO event": (FLAT, _FLAT_RULE),
    "Alertmanager payload of 10 alerts": (GROUPED, _GROUPED_RULE),
}


def rule_set(count: int, rule: str) -> RuleSet:
    """So many rules, read as a rule file is."""
    text = "topic: projects/P/topics/T\nrules:" + "".join(rule.format(n=n) for n in range(count))
    facts = DestinationFacts("ops", "mattermost", max_text_runes=16_383)
    return read_rules([("rules.yaml", text)], World(destinations={"ops": facts}))


def incoming(data: object) -> Incoming:
    """The payload as a message in a topic."""
    return Incoming("projects/P/topics/T", 7, NOW_US, json.dumps(data), {}, "m/uid/7")


def decided(rules: RuleSet, message: Incoming) -> Callable[[], int]:
    """Match and decide, rendering included; says how many posts there are."""
    context = DecideContext(now_us=NOW_US)
    return lambda: len(decide(rules, match(rules, message, NOW_US), Overlay({}), context).sends)


def medians_us(cases: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median time of each, in microseconds, over shuffled rounds, so that all meet the same noise."""
    times: dict[str, list[float]] = {name: [] for name in cases}
    shuffler, order = random.Random(7), list(cases)
    for _ in range(rounds):
        shuffler.shuffle(order)
        for name in order:
            times[name].append(_one_us(cases[name]))
    return {name: statistics.median(several) for name, several in times.items()}


def _one_us(case: Callable[[], object]) -> float:
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < _SLICE_S:
        case()
        count += 1
    return (time.perf_counter() - began) / count * 1e6


async def measure(run: Run) -> list[Row]:
    """A row for each number of rules and shape, and one for the ratio of the most to the fewest."""
    rows: list[Row] = []
    for shape, (data, rule) in SHAPES.items():
        message = incoming(data)
        cases: dict[str, Callable[[], object]] = {"decode": lambda text=message.payload: decode(text)}  # type: ignore[misc]
        for count in run.scale.rule_counts:
            run.tell(f"{shape}, reading {count:,} rules")
            cases[str(count)] = decided(rule_set(count, rule), message)
        expected = min(10, max(run.scale.rule_counts)) if shape.startswith("Alert") else 1
        if cases[str(run.scale.rule_counts[-1])]() != expected and run.scale.rule_counts[-1] > 5:
            raise RuntimeError(f"the rules for the {shape} do not act as they should")
        took = medians_us(cases, run.scale.rounds * _ROUNDS_EACH)
        rows += _rows(shape, run.scale.rule_counts, took)
    return rows


def _rows(shape: str, counts: tuple[int, ...], took: dict[str, float]) -> list[Row]:
    alone = f"{took['decode']:,.1f} µs"
    rows = [
        Row(
            NAME,
            f"{shape}, {count:,} rules",
            f"{took[str(count)]:,.1f} µs",
            "decoding alone",
            alone,
            f"{took[str(count)] / took['decode']:.1f}",
        )
        for count in counts
    ]
    first, last = counts[0], counts[-1]
    ratio = f"{took[str(last)] / took[str(first)]:.2f}"
    ours, limit = f"{took[str(last)]:,.1f} µs", f"{took[str(first)]:,.1f} µs"
    rows.append(Row(NAME, f"{shape}, {last:,} : {first:,}", ours, f"{first:,} rules", limit, ratio, "≤ 2"))
    return rows
