"""Values beyond all bounds in messages and answers: nothing breaks on them, they are told or passed over."""

from __future__ import annotations

from collections import Counter

import pytest

from bridge.destinations.discord import discord
from bridge.destinations.kit import receipt
from bridge.destinations.kit.http_call import HttpAnswer
from bridge.destinations.mattermost import rest as mattermost_rest
from bridge.destinations.teams import teams
from rules.events.moments import from_us
from tests.fakes.routing import Routing, routed
from tests.fakes.templating import an_event, rendered

RULES = """
rules:
  - {name: gt, match: {$.v: {gt: 5}}, text: x, send: ops}
  - {name: gte, match: {$.v: {gte: 2026-01-31}}, text: x, send: ops}
  - {name: equal, match: {$.v: [1, 2.5, "1e400"]}, text: x, send: ops}
  - {name: old, match: {$.v: {older_than: 10m}}, text: x, send: ops}
  - {name: new, match: {$.v: {newer_than: 10m}}, text: x, send: ops}
  - {name: cidr, match: {$.v: {cidr: 10.0.0.0/8}}, text: x, send: ops}
  - {name: like, match: {$.v: {like: "*1*", ignore_case: true}}, text: x, send: ops}
  - {name: when, match: {$.v: {exists: true}}, when: "data.v | string != ''", text: "{{ data.v }}", send: ops}
  - name: incident
    match: {$.v: {exists: true}}
    key: "{{ data.v }}"
    resolved: {$.s: OK}
    repeat: 1h
    text: "{{ data.v | ago }} {{ data.v | duration }} {{ data.v | localtime }} {{ data.v | int }} {{ data.v | float }}"
    send: ops
  - {name: group, match: {$.v: {exists: true}}, group: {by: [$.v], wait: 30s}, text: "{{ events | length }}", send: ops}
  - {name: dedupe, match: {$.v: {exists: true}}, key: "{{ data.v }}", dedupe: 1h, text: "{{ data.v }}", send: ops}
  - {name: throttle, match: {$.v: {exists: true}}, throttle: 1/1m, text: "{{ data.v | string }}", send: ops}
  - {name: body, match: {$.v: {exists: true}}, body: {a: "{{ data.v }}"}, send: hook}
  - {name: each, for_each: "$.list[*]", match: {$.v: {gt: 1}}, text: x, send: ops}
"""
ODD = [
    *("1e308", "-1e308", "1e-400", "1e18", "1e19", "-0.0", "null", "true", '""', "[[[]]]", '{"a": 1}'),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "1" * 300, "1" * 5_000, "1e400"),
    *(f'"{text}"' for text in ("9" * 5_000, "1e400", "inf", "nan", "9" * 30 + "d", "[" * 3_000, "\\u0000", "\\ud800")),
    *('"9999-12-31T23:59:59-14:00"', '"0001-01-01T00:00:00+14:00"', '"0000-00-00"', '"10000-01-01T00:00:00Z"'),
]
DEEP = HttpAnswer(200, {}, "[" * 50_000)


async def test_no_value_in_a_message_breaks_a_decision_or_a_timer() -> None:
    async with routed(Routing(RULES)) as routing:
        for value in ODD:
            await routing.publish(f'{{"v": {value}}}', f'{{"v": {value}, "s": "OK", "list": [{{"v": {value}}}]}}')
        for seconds in (10, 4_000, 90_000):
            await routing.passes(seconds)
        counts: Counter[str] = Counter()
        for batch in routing.told:
            counts.update(batch.counts)
        assert await routing.dead() == []
        assert counts["undecidable"] == 0


@pytest.mark.parametrize("at_us", [10**25, -(10**25), 2**63])
def test_a_publish_time_beyond_the_calendar_is_its_last_or_first_moment(at_us: int) -> None:
    event = an_event({})
    facts = event.message.__class__(id="1", offset=1, topic="t", project="p", publish_time_us=at_us)
    shown = rendered("{{ message.publish_time }}", {}, message=facts)
    assert shown == from_us(at_us).isoformat(timespec="seconds").replace("+00:00", "Z")


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), 10**400, "1e999"], ids=["inf", "-inf", "large", "text"])
def test_numbers_without_end_are_the_default_of_int_and_float(value: object) -> None:
    assert rendered("{{ data | int(7) }}", value) in ("7", str(value))
    assert rendered("{{ data | float(7) }}", value) in ("7", "inf", "-inf")


def test_an_answer_nested_without_end_is_read_as_none() -> None:
    assert mattermost_rest.error_id(DEEP) == ""
    assert mattermost_rest.decode_answer(DEEP, dict) is None
    assert receipt._read(DEEP.text) == []
    assert teams._error_code(DEEP) == ""
    assert discord._id_in(DEEP) is None
    assert discord._code_in(DEEP) == 0
