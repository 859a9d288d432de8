"""How fast paths are read, conditions hold and the index finds candidates: ``python -m benchmarks.rules_conditions``.

Prints medians in microseconds over interleaved rounds. The ratio that counts: an event against 10,000 rules with
distinct discriminators over the same event against 10.
"""

from __future__ import annotations

import json
import random
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

from jsonpath_ng import ext
from rich.console import Console
from rich.table import Table

from rules.conditions.conditions import Condition, compile_match
from rules.conditions.index import RuleIndex
from rules.conditions.jsonpath import compile_path
from rules.events.decode import decode
from rules.model import Event, MessageFacts
from rules.source.places import wrap_unplaced
from rules.source.problems import Problem

ROUNDS = 15
NOW_US = 1_767_438_000_000_000
FACTS = MessageFacts(id="7", offset=7, topic="alarms", project="ARGO", publish_time_us=NOW_US)
FLAT: dict[str, Any] = {
    "report": "Critical",
    "type": "endpoint",
    "date": "20260103",
    "endpoint_group": "SITE-5",
    "service": "eu.egi.CE",
    "hostname": "ce01.example.org",
    "metric": "org.nagios.Ping",
    "ts_monitored": "2026-01-03T11:00:00Z",
    "repeat": "false",
    "summary": "CRITICAL - timeout",
    "status": "CRITICAL",
    "url.history": "https://ui.example/report",
    "tags": {"vo": "ops"},
}
GROUPED: dict[str, Any] = {
    "status": "firing",
    "commonLabels": {"severity": "page", "cluster": "SITE-5"},
    "alerts": [
        {"status": "firing", "labels": {"alertname": f"Alert{n}", "severity": "page", "instance": f"host{n}"}}
        for n in range(10)
    ],
}
PATHS = (
    ("$.status", FLAT),
    ("$.nope", FLAT),
    ("$.tags.vo", FLAT),
    ("$['url.history']", FLAT),
    ("$.commonLabels.severity", GROUPED),
    ("$.alerts[0].labels.alertname", GROUPED),
    ("$.alerts[*].labels.severity", GROUPED),
    ("$..severity", GROUPED),
    ("$.alerts[?(@.status=='firing')].labels.instance", GROUPED),
)
CONDITIONS: tuple[tuple[str, Any, Any], ...] = (
    ("one equality", {"$.status": "CRITICAL"}, FLAT),
    ("one of three", {"$.type": ["endpoint", "service", "endpoint_group"]}, FLAT),
    ("two lines, not", {"$.type": ["endpoint", "service"], "$.status": {"not": "OK"}}, FLAT),
    ("glob", {"$.endpoint_group": {"like": "SITE-*"}}, FLAT),
    ("regex", {"$.endpoint_group": {"regex": "^SITE-\\d+$"}}, FLAT),
    ("newer_than", {"$.ts_monitored": {"newer_than": "10m"}}, FLAT),
    ("cidr", {"$.ip": {"cidr": "10.0.0.0/8"}}, {"ip": "10.1.2.3"}),
    (
        "nested all/any/not",
        {
            "all": [
                {"$.status": "CRITICAL"},
                {"any": [{"$.type": "x"}, {"$.tags.vo": "ops"}]},
                {"not": {"$.repeat": "true"}},
            ]
        },
        FLAT,
    ),
    ("any of 10 alerts", {"$.alerts[*].labels.severity": {"every": "page"}}, GROUPED),
)
SHAPES: dict[str, dict[str, Any]] = {
    "any of two places": {"any": [{"$.endpoint_group": "SITE-#"}, {"$.hostname": "h#"}]},
    "lists of three": {"$.endpoint_group": ["SITE-#", "A#", "B#"]},
    "glob": {"$.endpoint_group": {"like": "SITE-#*"}, "$.status": {"not": "OK"}},
    "attribute": {"attributes.site": "s#"},
    "not beside an equality": {"$.endpoint_group": "SITE-#", "not": {"$.status": "OK"}},
    "not alone, which is asked of every rule": {"$.endpoint_group": {"not": ["SITE-#", "SITE-5"]}},
    "regex, which is asked of every rule": {"$.endpoint_group": {"regex": "^SITE-#$"}},
}
SIZES = (10, 100, 1_000, 10_000)


def an_event(data: Any) -> Event:
    """A message with this payload."""
    return Event(data=data, text="", attributes={"vo": "ops"}, message=FACTS)


def a_condition(said: Any) -> Condition:
    """A condition that has no problems."""
    problems: list[Problem] = []
    condition = compile_match(said, wrap_unplaced(said, "benchmark"), (), problems)
    assert not problems
    return condition


def medians_us(cases: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The median time of each case in microseconds, over shuffled rounds, so that all meet the same noise."""
    repeats = {name: max(1, int(0.004 / max(_once_s(case), 1e-7))) for name, case in cases.items()}
    times: dict[str, list[float]] = {name: [] for name in cases}
    order = list(cases)
    shuffler = random.Random(7)
    for _ in range(ROUNDS):
        shuffler.shuffle(order)
        for name in order:
            case, count = cases[name], repeats[name]
            start = time.perf_counter()
            for _ in range(count):
                case()
            times[name].append((time.perf_counter() - start) / count)
    return {name: statistics.median(several) * 1e6 for name, several in times.items()}


def _once_s(case: Callable[[], object]) -> float:
    case()
    start = time.perf_counter()
    case()
    return time.perf_counter() - start


def paths() -> Table:
    """Compiled paths beside jsonpath-ng's own find."""
    cases: dict[str, Callable[[], object]] = {}
    for text, document in PATHS:
        compiled, parsed = compile_path(text).find, ext.parse(text)
        cases[f"{text} compiled"] = lambda find=compiled, on=document: find(on)  # type: ignore[misc]
        cases[f"{text} jsonpath-ng"] = lambda path=parsed, on=document: path.find(on)  # type: ignore[misc]
    took = medians_us(cases)
    table = Table("path", "compiled us", "jsonpath-ng us", "times faster", title="JSONPath")
    for text, _ in PATHS:
        ours, theirs = took[f"{text} compiled"], took[f"{text} jsonpath-ng"]
        table.add_row(text, f"{ours:.2f}", f"{theirs:.1f}", f"{theirs / ours:.0f}")
    return table


def conditions() -> Table:
    """How long one condition takes."""
    table = Table("condition", "us", title="Conditions")
    cases: dict[str, Callable[[], object]] = {}
    for name, said, data in CONDITIONS:
        holds, event = a_condition(said).holds, an_event(data)
        assert holds(event, NOW_US), name
        cases[name] = lambda holds=holds, event=event: holds(event, NOW_US)  # type: ignore[misc]
    for name, took in medians_us(cases).items():
        table.add_row(name, f"{took:.2f}")
    return table


def discriminated(count: int, shape: str) -> list[Condition]:
    """Rules that differ in one constant, as rules per site do."""
    if shape == "flat":
        return [a_condition({"$.type": ["endpoint", "service"], "$.endpoint_group": f"SITE-{n}"}) for n in range(count)]
    if shape == "grouped":
        return [a_condition({"$.alerts[*].labels.instance": f"host{n}", "$.status": "firing"}) for n in range(count)]
    said = SHAPES.get(shape, {"$.key#": "x"})
    return [a_condition(json.loads(json.dumps(said).replace("#", str(n)))) for n in range(count)]


def index() -> Table:
    """Candidates, and then the conditions of the candidates, against the number of rules."""
    table = Table(
        "event",
        *(f"{size:,} rules us" for size in SIZES),
        "10,000 : 10",
        title="Index: candidates and their conditions",
    )
    events = {"flat": an_event(FLAT), "grouped": an_event(GROUPED), "a key of its own for each rule": an_event(FLAT)}
    events |= dict.fromkeys(SHAPES, an_event(FLAT))
    for shape, event in events.items():
        cases: dict[str, Callable[[], object]] = {}
        for size in SIZES:
            rules = discriminated(size, shape)
            cases[str(size)] = _decision(RuleIndex(rules), rules, event)
        took = medians_us(cases)
        ratio = took[str(SIZES[-1])] / took[str(SIZES[0])]
        table.add_row(shape, *(f"{took[str(size)]:.2f}" for size in SIZES), f"{ratio:.2f}")
    return table


def _decision(over: RuleIndex, rules: list[Condition], event: Event) -> Callable[[], object]:
    return lambda: [n for n in over.candidates(event) if rules[n].holds(event, NOW_US)]


def decoding() -> Table:
    """The decoding that comes before, for scale."""
    table = Table("payload", "us", title="Decoding (auto)")
    texts = {"flat": json.dumps(FLAT), "grouped": json.dumps(GROUPED)}
    cases: dict[str, Callable[[], object]] = {name: lambda text=text: decode(text) for name, text in texts.items()}  # type: ignore[misc]
    for name, took in medians_us(cases).items():
        table.add_row(f"{name}, {len(texts[name])} bytes of JSON", f"{took:.2f}")
    return table


if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)
    console = Console()
    for made in (decoding, paths, conditions, index):
        console.print(made())
