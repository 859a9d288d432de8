"""Calendars of iCalendar: repetitions, exceptions, zones, and what is none."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from rules.events.calendar_files import BadCalendar, read_calendar
from rules.events.moments import from_us, us_of

NOW_US = us_of(dt.datetime(2026, 2, 1, tzinfo=dt.UTC))
ATHENS = ZoneInfo("Europe/Athens")


def a_calendar(*events: str) -> bytes:
    body = "".join(f"BEGIN:VEVENT\nUID:{n}\n{event}\nEND:VEVENT\n" for n, event in enumerate(events))
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:test\n{body}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def periods_of(*events: str) -> list[str]:
    copy = read_calendar(a_calendar(*events), ATHENS, NOW_US)
    return [f"{from_us(p.from_us):%m-%d %H:%M} {from_us(p.until_us):%m-%d %H:%M} {p.summary}" for p in copy.periods]


def test_whole_days_and_times_without_a_zone_are_of_the_calendars_zone():
    whole = "DTSTART;VALUE=DATE:20260105\nDTEND;VALUE=DATE:20260106\nSUMMARY:day"
    floating = "DTSTART:20260107T090000\nDTEND:20260107T100000\nSUMMARY:floating"
    zoned = "DTSTART:20260108T090000Z\nDURATION:PT30M\nSUMMARY:utc"
    assert periods_of(whole, floating, zoned) == [
        "01-04 22:00 01-05 22:00 day",
        "01-07 07:00 01-07 08:00 floating",
        "01-08 09:00 01-08 09:30 utc",
    ]


def test_repetitions_follow_the_clock_of_their_zone_and_skip_exceptions():
    weekly = (
        "DTSTART;TZID=Europe/Athens:20260316T090000\nDTEND;TZID=Europe/Athens:20260316T100000\nSUMMARY:w\n"
        "RRULE:FREQ=WEEKLY;COUNT=4\nEXDATE;TZID=Europe/Athens:20260323T090000"
    )
    assert [line[:11] for line in periods_of(weekly)] == ["03-16 07:00", "03-30 06:00", "04-06 06:00"]


def test_cancelled_events_and_those_of_no_length_are_none():
    cancelled = "DTSTART:20260107T090000Z\nDTEND:20260107T100000Z\nSTATUS:CANCELLED\nSUMMARY:a"
    assert periods_of(cancelled, "DTSTART:20260107T090000Z\nSUMMARY:b") == []


def test_only_what_is_near_the_time_of_reading_is_worked_out():
    yearly = "DTSTART;VALUE=DATE:19900101\nSUMMARY:new year\nRRULE:FREQ=YEARLY"
    assert len(periods_of(yearly)) == 3


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "no calendar of iCalendar"),
        (b"<html>log in</html>", "no calendar of iCalendar"),
        (b"BEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\n", "begins with no BEGIN:VCALENDAR"),
        (b"\xff\xfe\x00", "no calendar of iCalendar"),
        (a_calendar("DTSTART:20260107T090000Z\nSUMMARY:x\nRRULE:FREQ=SECONDLY"), '"x" repeats within a day'),
        (a_calendar(*["DTSTART;VALUE=DATE:20260107\nRRULE:FREQ=DAILY\nSUMMARY:x"] * 40), "more than 10,000 events"),
        (b"x" * (4 * 1024 * 1024 + 1), "larger than 4 MiB"),
    ],
)
def test_what_cannot_be_used_is_refused_with_why(body: bytes, told: str):
    with pytest.raises(BadCalendar, match=told):
        read_calendar(body, ATHENS, NOW_US)
