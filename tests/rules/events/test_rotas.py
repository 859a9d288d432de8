"""Who is on call: turns, overrides, calendars, and the days on which the clock is set."""

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.events.calendars import CalendarCopy, CalendarPeriod, CalendarShelf
from rules.events.moments import us_of
from rules.events.rotas import Rota, RotaBook
from rules.language.read_intervals import KnownCalendars
from rules.language.read_rotas import read_rotas
from rules.source.places import read_yaml
from rules.source.problems import Problem, as_table

WEEKS = 'people: ["@anna", ["@ben", "@carla"]]\nsince: 2026-01-05\nhandover: "09:00"\ntimezone: Europe/Athens'
HOUR_US = 3_600_000_000


def at(text: str) -> int:
    return us_of(dt.datetime.fromisoformat(text))


def read(text: str, shelf: CalendarShelf | None = None, **tables: object) -> tuple[Rota, str]:
    lines = "\n".join(f"  {line}" for line in text.splitlines())
    document = read_yaml(f"x:\n{lines}\n", "bridge.yaml")
    problems: list[Problem] = []
    calendars = KnownCalendars(("oncall",), shelf or CalendarShelf())
    rota = read_rotas(document.value, document, (), problems, tables=tables, calendars=calendars)["x"]
    return rota, as_table(problems)


def a_rota(text: str, shelf: CalendarShelf | None = None, **tables: object) -> Rota:
    rota, problems = read(text, shelf, **tables)
    assert problems == ""
    return rota


def a_shelf(*events: tuple[str, str, str]) -> CalendarShelf:
    shelf = CalendarShelf()
    shelf.put("oncall", CalendarCopy(tuple(sorted(CalendarPeriod(at(a), at(b), name) for a, b, name in events))))
    return shelf


def test_people_take_turns_at_the_hour_of_the_zone():
    rota = a_rota(WEEKS)
    assert rota.people_at(at("2026-01-12T06:59:59Z")) == ("@anna",)
    assert rota.people_at(at("2026-01-12T07:00:00Z")) == ("@ben", "@carla")
    assert rota.people_at(at("2026-01-19T07:00:00Z")) == ("@anna",)


def test_nobody_is_on_call_before_the_first_turn():
    assert a_rota(WEEKS).people_at(at("2026-01-05T06:59:59Z")) == ()


def test_the_hour_stays_when_the_clock_is_set():
    shifts = a_rota(WEEKS).list_shifts(at("2026-03-20T00:00:00Z"), at("2026-04-10T00:00:00Z"))
    lasts = [(shift.until_us - shift.from_us) / HOUR_US for shift in shifts[1:-1]]
    assert lasts == [167.0, 168.0]


def test_a_handover_in_the_hour_that_is_left_out_is_when_the_clock_is_set():
    rota = a_rota('people: [a, b]\nsince: 2026-03-28\nturn: 1d\nhandover: "03:30"\ntimezone: Europe/Athens')
    assert rota.people_at(at("2026-03-29T00:59:59Z")) == ("a",)
    assert rota.people_at(at("2026-03-29T01:00:00Z")) == ("b",)


def test_of_overrides_the_last_that_fits_wins_and_days_are_whole():
    rota = a_rota(
        f"{WEEKS}\noverrides:\n"
        '  - {from: 2026-01-07, until: 2026-01-08, who: "@dora"}\n'
        '  - {from: 2026-01-08 12:00, until: "2026-01-08 13:00", who: []}'
    )
    people = [rota.people_at(at(f"2026-01-{text}Z")) for text in ("06T21:59", "06T22:00", "08T10:30", "08T21:59")]
    assert people == [("@anna",), ("@dora",), (), ("@dora",)]
    assert rota.people_at(at("2026-01-08T22:00Z")) == ("@anna",)


def test_a_calendar_names_all_of_its_events_each_once():
    shelf = a_shelf(
        ("2026-01-05T00:00Z", "2026-01-12T00:00Z", "Anna Papas"),
        ("2026-01-07T00:00Z", "2026-01-08T00:00Z", "ben"),
        ("2026-01-07T06:00Z", "2026-01-08T00:00Z", "Anna Papas"),
    )
    rota = a_rota("calendar: oncall\nnames: people", shelf, people={"Anna Papas": "@anna"})
    assert RotaBook({"x": rota}).on_call("x", at("2026-01-07T07:00Z")) == "@anna, ben"
    assert RotaBook({"x": rota}).on_call("x", at("2026-02-07T07:00Z")) == ""


def test_a_rota_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ValueError, match=r'no rota "network"; did you mean "net"\? bridge\.yaml has: net'):
        RotaBook({"net": a_rota(WEEKS)}).on_call("network", 0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("people: [a]", "a rota needs since:"),
        ("since: 2026-01-05", "a rota needs people:"),
        ("people: []\nsince: 2026-01-05", "people must be a list"),
        ("people: [a, 1]\nsince: 2026-01-05", "who is on call is a text"),
        ("people: [a]\nsince: 5.1.2026", '"5.1.2026" is no date'),
        ("people: [a]\nsince: 2026-01-05\nturn: 36h", '"36h" is no turn'),
        ("people: [a]\nsince: 2026-01-05\nhandover: 9 am", '"9 am" is no time of the day'),
        ("people: [a]\nsince: 2026-01-05\ntimezone: Athens", 'no time zone "Athens"'),
        ("calendar: oncal", 'no calendar "oncal" in bridge.yaml; did you mean "oncall"?'),
        ("calendar: oncall\npeople: [a]", "people has no place beside calendar:"),
        ("calendar: oncall\nnames: peeple", 'no table "peeple"'),
        ("calendar: oncall\nnames: {a: 1}", "names must be a mapping"),
        (f"{WEEKS}\noverrides: [{{from: 2026-01-08, until: 2026-01-07, who: a}}]", "ends before it begins"),
        (f"{WEEKS}\noverrides: [{{from: tomorrow, until: 2026-01-07, who: a}}]", '"tomorrow" is no time'),
        (f"{WEEKS}\noverrides: [{{from: 2026-01-08}}]", "an override needs until:"),
        (f"{WEEKS}\npepole: [a]", 'did you mean "people"?'),
    ],
)
def test_what_is_wrong_with_a_rota_is_told(text: str, told: str):
    assert told in read(text)[1]


TIMES = st.integers(at("2025-12-01T00:00Z"), at("2027-12-01T00:00Z"))


@given(
    zone=st.sampled_from(["Europe/Athens", "UTC", "America/New_York", "Australia/Lord_Howe"]),
    days=st.integers(1, 30),
    minute=st.integers(0, 1439),
    begin=TIMES,
    length=st.integers(1, 200 * 24 * HOUR_US),
    spans=st.lists(st.tuples(st.integers(1, 700), st.integers(1, 20)), max_size=3),
)
def test_shifts_follow_each_other_and_say_who_is_on_call_throughout(zone, days, minute, begin, length, spans):
    overrides = "".join(
        f"\n  - {{from: {dt.date(2026, 1, 1) + dt.timedelta(first)}, "
        f"until: {dt.date(2026, 1, 1) + dt.timedelta(first + more)}, who: d}}"
        for first, more in spans
    )
    rota = a_rota(
        f"people: [a, b, c]\nsince: 2026-01-05\nturn: {days}d\ntimezone: {zone}\n"
        f'handover: "{minute // 60:02}:{minute % 60:02}"' + (f"\noverrides:{overrides}" if spans else "")
    )
    shifts = rota.list_shifts(begin, begin + length)
    assert (shifts[0].from_us, shifts[-1].until_us) == (begin, begin + length)
    for one, other in pairwise(shifts):
        assert one.until_us == other.from_us
        assert one.people != other.people
    for shift in shifts:
        middle = (shift.from_us + shift.until_us) // 2
        assert {rota.people_at(moment) for moment in (shift.from_us, middle, shift.until_us - 1)} == {shift.people}
