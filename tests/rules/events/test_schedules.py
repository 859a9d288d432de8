"""Schedules: words, cron's five fields and mappings, and the days on which the clock is set."""

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.events.moments import from_us, us_of
from rules.events.schedules import Schedule
from rules.language.form import Form
from rules.language.read_schedule import read_schedule
from rules.source.places import read_yaml
from rules.source.problems import Problem, as_table


def read(text: str) -> tuple[Schedule | None, str]:
    document = read_yaml(f"schedule: {text}\n", "rules.yaml")
    problems: list[Problem] = []
    scheduled = read_schedule(Form(document, (), problems, what="the rule"))
    return scheduled.schedule if scheduled is not None else None, as_table(problems)


def a_schedule(text: str) -> Schedule:
    schedule, problems = read(text)
    assert problems == ""
    assert schedule is not None
    return schedule


def at(text: str) -> int:
    return us_of(dt.datetime.fromisoformat(text))


def times_of(text: str, since: str, count: int) -> list[str]:
    schedule, moment, times = a_schedule(text), at(since), []
    for _ in range(count):
        moment = schedule.next_us(moment) or 0
        times.append(f"{from_us(moment):%a %m-%d %H:%M}")
    return times


MONDAY = "2026-01-05T00:00Z"


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("daily at 09:00", ["Mon 01-05 09:00", "Tue 01-06 09:00"]),
        ("every day at 9:00 Europe/Athens", ["Mon 01-05 07:00", "Tue 01-06 07:00"]),
        ("weekdays at 09:00, 16:30", ["Mon 01-05 09:00", "Mon 01-05 16:30", "Tue 01-06 09:00"]),
        ("every friday and mondays at 08:00", ["Mon 01-05 08:00", "Fri 01-09 08:00", "Mon 01-12 08:00"]),
        ("sat-sun at 08:00", ["Sat 01-10 08:00", "Sun 01-11 08:00"]),
        ('"0 9 * * mon-fri"', ["Mon 01-05 09:00", "Tue 01-06 09:00"]),
        ('"*/30 8-9 * * 1"', ["Mon 01-05 08:00", "Mon 01-05 08:30", "Mon 01-05 09:00", "Mon 01-05 09:30"]),
        ('"0 0 1,15 * mon"', ["Mon 01-12 00:00", "Thu 01-15 00:00", "Mon 01-19 00:00"]),
        ('"0 12 * * 0"', ["Sun 01-11 12:00"]),
        ('"0 12 * * sat-sun"', ["Sat 01-10 12:00", "Sun 01-11 12:00", "Sat 01-17 12:00"]),
        ('"0 12 29 2 *"', ["Tue 02-29 12:00"]),
        ('"@weekly"', ["Sun 01-11 00:00"]),
        ('{cron: "30 7 * jan *", timezone: Europe/Athens}', ["Mon 01-05 05:30"]),
        ('{at: "09:00", days_of_month: -1}', ["Sat 01-31 09:00", "Sat 02-28 09:00"]),
        ('{at: ["09:00", "21:00"], days: [mon], months: [feb]}', ["Mon 02-02 09:00", "Mon 02-02 21:00"]),
    ],
)
def test_what_is_written_happens_then(text: str, times: list[str]):
    assert times_of(text, MONDAY, len(times)) == times


def test_the_hour_follows_the_clock_of_the_zone():
    times = times_of("daily at 09:00 Europe/Athens", "2026-03-28T00:00Z", 3)
    assert times == ["Sat 03-28 07:00", "Sun 03-29 06:00", "Mon 03-30 06:00"]


def test_a_time_that_is_left_out_happens_as_the_clock_is_set():
    times = times_of("daily at 03:30 Europe/Athens", "2026-03-28T12:00Z", 2)
    assert times == ["Sun 03-29 01:00", "Mon 03-30 00:30"]


def test_a_time_that_comes_twice_happens_once_at_first():
    times = times_of("daily at 03:30 Europe/Athens", "2026-10-24T12:00Z", 2)
    assert times == ["Sun 10-25 00:30", "Mon 10-26 01:30"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sometimes", "is no schedule"),
        ("at 09:00", "is no schedule"),
        ("mon at 25:00", '"25:00" is no time of the day'),
        ("daily at 09:00 Athens", 'no time zone "Athens"'),
        ("funday at 09:00", '"funday" is not a weekday'),
        ('"61 9 * * *"', "counts from 0 to 59"),
        ('"0 9 * * fir"', '"fir" is no number'),
        ('"* * * * *"', "too often"),
        ('"0 0 30 2 *"', "this never happens"),
        ('{cron: "0 9 * *"}', "has five fields"),
        ('{cron: "0 9 * * *", at: "09:00"}', "at and cron are two ways"),
        ("{days: mon}", "schedule needs at:"),
        ('{at: "9"}', '"9" is no time of the day'),
        ('{at: "09:00", days: noday}', '"noday" is not a weekday'),
        ('{at: "09:00", missed: later}', 'unknown missed "later"'),
        ('{at: "09:00", ower: 7d}', 'did you mean "over"?'),
        ("[9]", "schedule must be words"),
    ],
)
def test_what_is_no_schedule_is_told(text: str, told: str):
    schedule, problems = read(text)
    assert (schedule, told in problems) == (None, True) or told in problems


ZONES = st.sampled_from(["Europe/Athens", "UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"])


@given(
    zone=ZONES,
    minutes=st.lists(st.integers(0, 287).map(lambda n: n * 5), min_size=1, max_size=4, unique=True),
    days=st.lists(st.sampled_from(["mon", "wed", "sat", "sun"]), min_size=1, max_size=4, unique=True),
    since=st.integers(at("2010-01-01T00:00Z"), at("2030-01-01T00:00Z")),
)
def test_times_are_in_order_and_shown_by_the_clock_of_the_zone(zone, minutes, days, since):
    at_times = ", ".join(f'"{minute // 60:02}:{minute % 60:02}"' for minute in minutes)
    schedule = a_schedule(f"{{at: [{at_times}], days: [{', '.join(days)}], timezone: {zone}}}")
    times = [since]
    for _ in range(12):
        times.append(schedule.next_us(times[-1]) or 0)
    assert all(one < other for one, other in pairwise(times))
    for one, other in pairwise(times[1:]):
        assert schedule.last_us(one, other - 1) == one
        assert schedule.last_us(one, other) == other
    for moment in times[1:]:
        shown = from_us(moment).astimezone(ZoneInfo(zone))
        before = from_us(moment - 1).astimezone(ZoneInfo(zone))
        was_set = shown.utcoffset() != before.utcoffset()
        assert was_set or (shown.hour * 60 + shown.minute in minutes and f"{shown:%a}".lower() in days)
