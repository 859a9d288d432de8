"""Time intervals: the same moments lie in them here and there."""

from __future__ import annotations

from typing import Any

import pytest

from rules.importing.alertmanager_config import Config
from rules.importing.time_intervals import read_time_intervals
from rules.language.read_intervals import read_intervals
from rules.source.places import read_yaml, wrap_unplaced
from rules.source.problems import Problem

HOUR_US = 3_600_000_000
MONDAY_NOON_US = 1_767_614_400_000_000  # 2026-01-05 12:00 UTC


def converted(spans: str) -> tuple[Any, Config]:
    config = Config(read_yaml(f"time_intervals: [{{name: x, time_intervals: {spans}}}]", "am.yml"))
    return read_time_intervals(config), config


def contains(spans: str, hours_later: float) -> bool:
    said, config = converted(spans)
    problems: list[Problem] = []
    found = read_intervals(said, wrap_unplaced({"intervals": said}, "b"), ("intervals",), problems)
    assert problems == []
    assert config.problems == []
    return found["x"].contains(MONDAY_NOON_US + round(hours_later * HOUR_US))


@pytest.mark.parametrize(
    ("spans", "hours_later", "inside"),
    [
        ("[{weekdays: ['monday:friday']}]", 0, True),
        ("[{weekdays: ['monday:friday']}]", 5 * 24, False),
        ("[{weekdays: [saturday, Sunday]}]", 5 * 24, True),
        ("[{weekdays: ['sunday:saturday']}]", 77, True),
        ("[{times: [{start_time: '12:00', end_time: '13:00'}]}]", 0, True),
        ("[{times: [{start_time: 12:00, end_time: 13:00}]}]", 1, False),
        ("[{times: [{start_time: '18:00', end_time: '24:00'}]}]", 11.99, True),
        ("[{times: [{start_time: '12:00', end_time: '13:00'}], location: Europe/Athens}]", 0, False),
        ("[{times: [{start_time: '14:00', end_time: '15:00'}], location: Europe/Athens}]", 0, True),
        ("[{days_of_month: ['1:5']}]", 0, True),
        ("[{days_of_month: ['1:4', '-3:-1']}]", 0, False),
        ("[{days_of_month: ['-3:-1']}]", 25 * 24, True),
        ("[{days_of_month: ['5:-1']}]", 26 * 24, True),
        ("[{days_of_month: [5]}]", 0, True),
        ("[{months: ['january:march', 12]}]", 0, True),
        ("[{months: ['2:3']}]", 0, False),
        ("[{years: ['2020:2026']}]", 0, True),
        ("[{years: [2027]}]", 0, False),
        ("[{weekdays: [tuesday]}, {months: [january], times: [{start_time: '11:00', end_time: '12:30'}]}]", 0, True),
        ("[{}]", 0, True),
    ],
)
def test_the_same_moments_lie_inside(spans: str, hours_later: float, inside: bool) -> None:
    assert contains(spans, hours_later) is inside


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ("[{days_of_month: ['10:-5']}]", "a range to a day before the last cannot be said; it runs to the end"),
        ("[{location: Local, weekdays: [monday]}]", "the time zone of the machine is not known here"),
    ],
)
def test_what_cannot_be_said_is_named(spans: str, said: str) -> None:
    _, config = converted(spans)
    assert [said in one.text for one in config.remarks] == [True]


def test_both_sections_are_read() -> None:
    text = "mute_time_intervals: [{name: a, time_intervals: [{months: [may]}]}]\n"
    text += "time_intervals: [{name: b, time_intervals: [{}]}]"
    assert read_time_intervals(Config(read_yaml(text, "am.yml"))) == {
        "a": {"months": ["may"]}, "b": {"days": ["mon-sun"]}
    }  # fmt: skip


@pytest.mark.parametrize(
    "spans",
    [
        "[]",
        "[{weekdays: ['mon to fri']}]",
        "[{weekdays: [someday]}]",
        "[{times: [{start_time: '9 am', end_time: '5 pm'}]}]",
    ],
)
def test_what_is_no_interval_is_a_problem(spans: str) -> None:
    _, config = converted(spans)
    assert len(config.problems) == 1
