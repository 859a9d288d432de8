"""An event to change one thing of, and random conditions with payloads that they may hold for."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from rules.model import Event, MessageFacts

NOW_US = 1_767_438_000_000_000  # 2026-01-03T11:00:00Z
MINUTE_US = 60_000_000

ALERT: dict[str, Any] = {
    "type": "endpoint",
    "status": "CRITICAL",
    "code": 5,
    "ratio": 1.0,
    "count": "42",
    "repeat": False,
    "gone": None,
    "ip": "10.1.2.3",
    "date": "20260103",
    "at": "2026-01-03T10:55:00Z",
    "at_s": 1_767_437_700,
    "at_ms": 1_767_437_700_000,
    "url.history": "https://ui",
    "tags": ["disk", "ops", 1],
    "labels": {"job": "node", "severity": "page"},
    "alerts": [{"status": "firing", "n": 1}, {"status": "resolved", "n": 9}],
}


def an_event(data: Any = ALERT, **changes: Any) -> Event:
    facts: dict[str, Any] = {
        "data": data,
        "text": '{"type": "endpoint"}',
        "attributes": {"type": "alarm", "vo": "ops", "a.b": "dotted"},
        "message": MessageFacts(
            id="7", offset=7, topic="alarms", project="ARGO", publish_time_us=NOW_US - 5 * MINUTE_US
        ),
        "vars": {"severity": "critical"},
        "parent": {"receiver": "ops", "labels": {"job": "x"}},
    }
    return Event(**(facts | changes))


scalars = st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from([1.0, 0.5, "", "a", "b", "1", "AB"])
payloads = st.dictionaries(st.sampled_from("abc"), scalars | st.lists(scalars, max_size=3), max_size=3)
looks = st.sampled_from(["$.a", "$.b", "$.c[*]", "$.*", "attributes.a", "vars.a"])
operands = st.deferred(lambda: st.one_of(scalars, st.lists(scalars, max_size=3), operators))
operators = st.one_of(
    st.builds(lambda value: {"equals": value}, scalars | st.lists(scalars, max_size=2)),
    st.builds(lambda inner: {"not": inner}, st.deferred(lambda: operands)),
    st.builds(lambda inner: {"every": inner}, st.deferred(lambda: operands)),
    st.builds(lambda wanted: {"exists": wanted}, st.booleans()),
    st.builds(lambda number: {"gt": number}, st.integers(-1, 2)),
    st.builds(lambda glob: {"like": glob}, st.sampled_from(["a*", "*", "A?", "[ab]*", "a", "?", "1*"])),
    st.builds(
        lambda number, start: {"lte": number, "starts_with": start}, st.integers(-1, 2), st.sampled_from(["", "a"])
    ),
)
conditions_said = st.recursive(
    st.dictionaries(looks, operands.filter(lambda value: value != {}), max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.builds(
            lambda kind, parts: {kind: parts},
            st.sampled_from(["all", "any", "not"]),
            st.lists(inner, min_size=1, max_size=3),
        )
    ),
    max_leaves=6,
)
