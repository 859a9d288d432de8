from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.events.intervals import Interval
from rules.language.read_intervals import read_intervals
from rules.source.places import read_yaml
from rules.source.problems import as_table

MINUTE_US = 60_000_000


def an_interval(text: str) -> Interval:
    document = read_yaml(f"x: {text}", "bridge.yaml")
    assert document.problems == ()
    problems: list = []
    interval = read_intervals(document.value, document, (), problems)["x"]
    assert problems == [], as_table(problems)
    return interval


def us(text: str, zone: str = "UTC", fold: int = 0) -> int:
    wall = dt.datetime.fromisoformat(text)
    wall = wall if wall.tzinfo else wall.replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(wall.timestamp()) * 1_000_000


def contains(text: str, moment: str, zone: str = "UTC", fold: int = 0) -> bool:
    return an_interval(text).contains(us(moment, zone, fold))


OFFICE = '{days: [mon-fri], times: ["09:00-17:00"], timezone: Europe/Athens}'


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-01-05T09:00", True),  # a Monday
        ("2026-01-05T16:59:59", True),
        ("2026-01-05T17:00", False),
        ("2026-01-05T08:59:59", False),
        ("2026-01-04T12:00", False),  # a Sunday
        ("2026-07-06T09:00", True),  # summer time
        ("2026-07-06T08:59", False),
    ],
)
def test_office_hours_are_those_of_their_time_zone(moment: str, inside: bool):
    assert contains(OFFICE, moment, "Europe/Athens") is inside


@pytest.mark.parametrize(
    ("text", "moment", "inside"),
    [
        ('{times: ["22:00-06:00"]}', "2026-01-05T23:00", True),
        ('{times: ["22:00-06:00"]}', "2026-01-05T05:59", True),
        ('{times: ["22:00-06:00"]}', "2026-01-05T06:00", False),
        ('{days: [fri], times: ["22:00-06:00"]}', "2026-01-10T05:00", True),  # Saturday morning, begun on Friday
        ('{days: [fri], times: ["22:00-06:00"]}', "2026-01-09T05:00", False),  # Friday morning, begun on Thursday
        ('{times: ["00:00-24:00"]}', "2026-01-05T23:59", True),
        ("{days: [fri-mon]}", "2026-01-04T12:00", True),
        ("{days: [fri-mon]}", "2026-01-06T12:00", False),
        ("{days: sunday}", "2026-01-04T12:00", True),
        ("{months: [nov-feb]}", "2026-01-04T12:00", True),
        ("{months: [nov-feb]}", "2026-03-01T00:00", False),
        ("{months: [3, jun-jul]}", "2026-03-01T00:00", True),
        ("{days_of_month: [1-7]}", "2026-03-07T00:00", True),
        ("{days_of_month: [1-7]}", "2026-03-08T00:00", False),
        ("{days_of_month: [-1]}", "2024-02-29T12:00", True),
        ("{days_of_month: [-1]}", "2024-02-28T12:00", False),
        ("{days_of_month: ['-2:-1']}", "2024-02-28T12:00", True),
        ("{years: [2026]}", "2026-12-31T23:59", True),
        ("{years: [2020-2025]}", "2026-01-01T00:00", False),
        ("{dates: [2026-05-01]}", "2026-05-01T23:59", True),
        ("{dates: [2026-12-24..2027-01-01]}", "2027-01-01T23:59", True),
        ("{dates: [2026-12-24..2027-01-01]}", "2027-01-02T00:00", False),
        ("{dates: [12-25]}", "2031-12-25T10:00", True),
        ("{dates: [12-24..01-01]}", "2031-01-01T10:00", True),
        ("{dates: [12-24..01-01]}", "2031-02-01T10:00", False),
        ("[{days: [sat-sun]}, {times: ['00:00-08:00']}]", "2026-01-04T12:00", True),
        ("[{days: [sat-sun]}, {times: ['00:00-08:00']}]", "2026-01-05T07:00", True),
        ("[{days: [sat-sun]}, {times: ['00:00-08:00']}]", "2026-01-05T12:00", False),
    ],
)
def test_an_interval_contains_what_it_says(text: str, moment: str, inside: bool):
    assert contains(text, moment) is inside


def test_an_hour_left_out_in_spring_does_not_happen():
    span = '{times: ["02:15-02:45"], timezone: Europe/Berlin}'
    before = us("2026-03-29T01:59", "Europe/Berlin")
    assert not any(an_interval(span).contains(before + n * MINUTE_US) for n in range(120))
    assert an_interval(span).next_change_us(before) == us("2026-03-30T02:15", "Europe/Berlin")


def test_a_span_that_begins_in_the_hour_left_out_begins_after_it():
    span = '{times: ["02:30-04:00"], timezone: Europe/Berlin}'
    assert an_interval(span).next_change_us(us("2026-03-29T01:00", "Europe/Berlin")) == us(
        "2026-03-29T03:00", "Europe/Berlin"
    )


def test_a_span_in_the_hour_that_comes_twice_happens_twice():
    interval = an_interval('{times: ["02:15-02:45"], timezone: Europe/Berlin}')
    now_us, changes = us("2026-10-25T01:00", "Europe/Berlin"), []
    for _ in range(4):
        now_us = interval.next_change_us(now_us) or 0
        changes.append(now_us)
    assert changes == [
        us("2026-10-25T02:15", "Europe/Berlin", fold=0),
        us("2026-10-25T02:45", "Europe/Berlin", fold=0),
        us("2026-10-25T02:15", "Europe/Berlin", fold=1),
        us("2026-10-25T02:45", "Europe/Berlin", fold=1),
    ]


def test_a_day_may_be_longer_or_shorter_than_a_day():
    sunday = an_interval("{days: [sun], timezone: Europe/Berlin}")
    begins, ends = us("2026-10-25T00:00", "Europe/Berlin"), us("2026-10-26T00:00", "Europe/Berlin")
    assert ends - begins == 25 * 60 * MINUTE_US
    assert sunday.next_change_us(begins - 1) == begins
    assert sunday.next_change_us(begins) == ends


def test_the_next_change_of_office_hours_over_a_weekend_is_monday_morning():
    interval = an_interval(OFFICE)
    friday_evening = us("2026-03-27T17:00", "Europe/Athens")
    assert interval.next_change_us(friday_evening - 1) == friday_evening
    assert interval.next_change_us(friday_evening) == us(
        "2026-03-30T09:00", "Europe/Athens"
    )  # over the change to summer


@pytest.mark.parametrize(
    "text",
    [
        "{timezone: Europe/Athens}",
        "{days: [mon-sun]}",
        '{times: ["00:00-24:00"]}',
        "{dates: [2020-01-01]}",
        "{years: [2000]}",
    ],
)
def test_what_never_changes_has_no_next_change(text: str):
    assert an_interval(text).next_change_us(us("2026-01-05T00:00")) is None


def test_a_change_years_ahead_is_found():
    assert an_interval("{dates: [02-29]}").next_change_us(us("2025-01-01T00:00")) == us("2028-02-29T00:00")


def test_asking_out_of_order_gives_the_same_answers():
    interval = an_interval(OFFICE)
    moments = [us(text) for text in ("2026-01-05T12:00", "2026-01-04T12:00", "2026-01-05T12:01", "2025-01-05T12:00")]
    alone = [(an_interval(OFFICE).contains(moment), an_interval(OFFICE).next_change_us(moment)) for moment in moments]
    assert [(interval.contains(moment), interval.next_change_us(moment)) for moment in moments] == alone


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{day: [mon]}", 'bridge.yaml:1:5  x.day  unknown key "day"; did you mean "days"? keys: days, times'),
        ("{days: [mo]}", 'bridge.yaml:1:12  x.days[0]  "mo" is not a weekday'),
        ("{days: [mon-fri-sun]}", '"mon-fri-sun" is not a weekday'),
        ("{days: [mondy]}", 'did you mean "monday"?'),
        ("{days: []}", "days is empty, so it would never be"),
        ("{times: [9-17]}", 'write two times in quotes, such as "09:00-17:00"'),
        ("{times: ['09:00-09:00']}", "holds no time"),
        ("{times: ['09:00-25:00']}", "a time that no clock shows"),
        ("{times: ['09:70-10:00']}", "a time that no clock shows"),
        ("{months: [13]}", '"13" is not a month'),
        ("{days_of_month: [0]}", '"0" is not a day of the month'),
        ("{days_of_month: [7-1]}", '"7-1" is not a day of the month'),
        ("{years: [26]}", '"26" is not a year'),
        ("{dates: [2026-02-30]}", '"2026-02-30" is not a date'),
        ("{dates: [2026-02-03..2026-02-01]}", "ends before it begins"),
        ("{dates: [2026-02-03..02-04]}", "a year on one side only"),
        ("{timezone: Europe/Athen}", 'there is no time zone "Europe/Athen"; did you mean "Europe/Athens"?'),
        ("{days: [mon], timezone: ../etc}", "there is no time zone"),
        ("{}", "an interval is a mapping that is not empty"),
        ("[]", "the interval is empty"),
        ("mon-fri", "an interval is a mapping"),
    ],
)
def test_what_is_wrong_with_an_interval_is_told_with_its_place(text: str, words: str):
    document = read_yaml(f"x: {text}", "bridge.yaml")
    problems: list = []
    interval = read_intervals(document.value, document, (), problems)["x"]
    assert words in as_table(problems)
    assert not interval.contains(us("2026-01-05T12:00"))


def test_intervals_are_a_mapping_or_nothing():
    document = read_yaml("[a]", "bridge.yaml")
    problems: list = []
    assert read_intervals(document.value, document, (), problems) == {}
    assert "intervals are a mapping of names" in as_table(problems)
    assert read_intervals(None, document, (), []) == {}


days = st.lists(st.sampled_from(["mon", "wed-thu", "sat-mon", "sun"]), min_size=1, max_size=2).map(
    lambda several: f"days: [{', '.join(several)}]"
)
times = (
    st.tuples(st.integers(0, 47), st.integers(0, 48))
    .filter(lambda pair: pair[0] != pair[1])
    .map(lambda pair: "times: ['" + "-".join(f"{half // 2:02}:{half % 2 * 30:02}" for half in pair) + "']")
)
months = st.sampled_from(
    ["months: [mar]", "months: [oct-apr]", "days_of_month: [25-31]", "dates: [03-29, 10-25, 2026-04-05]"]
)
zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"]
)
spans = st.builds(
    lambda parts, zone: "{" + ", ".join([*parts, f"timezone: {zone}"]) + "}",
    st.lists(st.one_of(days, times, months), max_size=3, unique_by=lambda part: part.split(":")[0]),
    zones,
)
texts = spans | st.lists(spans, min_size=1, max_size=2).map(lambda several: f"[{', '.join(several)}]")
# the weeks in which clocks change in these zones, and some others
moments = st.sampled_from(
    ["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01", "2026-07-01"]
).flatmap(lambda day: st.integers(-3 * 1440, 3 * 1440).map(lambda minutes: us(f"{day}T00:00") + minutes * MINUTE_US))


@settings(max_examples=60, deadline=None)
@given(texts, moments)
def test_nothing_changes_before_the_next_change_and_then_it_does(text: str, now_us: int):
    inside = an_interval(text).contains(now_us)
    change_us = an_interval(text).next_change_us(now_us)
    bare = an_interval(text)
    two_days_us = 2 * 1440 * MINUTE_US
    for later_us in range(now_us, min(change_us or now_us + two_days_us, now_us + two_days_us), 15 * MINUTE_US):
        bare._last.clear()
        assert bare.contains(later_us) is inside
    if change_us is not None:
        assert an_interval(text).contains(change_us - 1) is inside
        assert an_interval(text).contains(change_us) is not inside
