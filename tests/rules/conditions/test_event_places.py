from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rules.conditions.event_places import read_place
from rules.conditions.jsonpath import PathProblem
from rules.model import Event, MessageFacts

EVENT = Event(
    data={"status": "OK", "url.history": "u", "alerts": [{"n": 1}, {"n": 2}]},
    text="{}",
    attributes={"vo": "ops", "a.b": "c"},
    message=MessageFacts(id="7", offset=7, topic="alarms", project="ARGO", publish_time_us=1_767_438_000_250_000),
    vars={"severity": "critical"},
    parent={"alerts": [1, 2], "receiver": "ops"},
)


@pytest.mark.parametrize(
    ("text", "values", "is_single"),
    [
        ("$", [EVENT.data], True),
        ("$.status", ["OK"], True),
        ("$['status']", ["OK"], True),
        ("$['url.history']", ["u"], True),
        ("$.alerts[*].n", [1, 2], False),
        ("$.alerts[0]", [{"n": 1}], True),
        ("$.nope", [], True),
        ("attributes.vo", ["ops"], True),
        ("attributes.a.b", ["c"], True),
        ('attributes["a.b"]', ["c"], True),
        ("attributes.nope", [], True),
        ("message.id", ["7"], True),
        ("message.offset", [7], True),
        ("message.topic", ["alarms"], True),
        ("message.project", ["ARGO"], True),
        ("message.publish_time", ["2026-01-03T11:00:00.250000Z"], True),
        ("vars.severity", ["critical"], True),
        ("vars.nope", [], True),
        ("text", ["{}"], True),
        ("parent", [EVENT.parent], True),
        ("parent.receiver", ["ops"], True),
        ("parent.alerts[*]", [1, 2], False),
        ("parent['receiver']", ["ops"], True),
    ],
)
def test_a_place_finds_what_stands_there(text: str, values: list[Any], is_single: bool):
    place = read_place(text)
    assert list(place.find_in(EVENT)) == values
    assert place.is_single is is_single


def test_a_place_without_a_whole_payload_behind_it_finds_nothing():
    event = Event(data={}, text="", attributes={}, message=EVENT.message)
    assert list(read_place("parent").find_in(event)) == []
    assert list(read_place("parent.x").find_in(event)) == []


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("status", 1, "write $.status"),
        ("data", 1, "the payload is $: write $"),
        ("vars", 1, "such as vars.severity"),
        ("message.nope", 9, 'a message has no "nope"'),
        ("parent.a b", 10, 'the path "parent.a b"'),
        ("vars.nope", 6, 'no variable "nope"'),
        ("texts", 1, 'did you mean "text"?'),
    ],
)
def test_what_is_no_place_says_what_would_be(text: str, column: int, words: str):
    with pytest.raises(PathProblem) as caught:
        read_place(text, variables=["severity"])
    assert words in str(caught.value)
    assert caught.value.column == column


def test_places_are_equal_by_their_text():
    assert read_place("$.a") == read_place("$.a")
    assert len({read_place("$.a"), read_place("$.a"), read_place("attributes.a")}) == 2


def test_each_payload_is_asked_for_its_own_values():
    place = read_place("parent.alerts[*]")
    events = [replace(EVENT, parent=parent) for parent in ({"alerts": [1]}, {"alerts": [2]}, None, {"alerts": [1]})]
    assert [list(place.find_in(event)) for event in events] == [[1], [2], [], [1]]
