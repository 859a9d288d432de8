"""Spans of time as people say them."""

from __future__ import annotations

from datetime import datetime

import pytest

from bridge.operate.operator_errors import InvalidInput
from bridge.operate.time_spans import read_span
from broker.days import moment

NOW_US = int(datetime.fromisoformat("2026-03-04T01:30:00+00:00").timestamp()) * 1_000_000
"""A Wednesday; in Athens it is half past three in the morning."""


def span(begin: str, end: str = "", zone: str = "", now: str = "") -> str:
    now_us = int(datetime.fromisoformat(now).timestamp()) * 1_000_000 if now else NOW_US
    read = read_span(begin, end, zone, now_us)
    return " ".join(f"{moment(at_us):%m-%dT%H:%M}" for at_us in (read.since_us, read.until_us))


@pytest.mark.parametrize(
    ("begin", "end", "zone", "comes_to"),
    [
        ("", "", "", "03-03T23:30 03-04T01:30"),
        ("1h", "", "", "03-04T00:30 03-04T01:30"),
        ("1h30m", "30m", "", "03-04T00:00 03-04T01:00"),
        ("7d", "now", "", "02-25T01:30 03-04T01:30"),
        ("Last Night", "", "", "03-03T22:00 03-04T01:30"),
        ("last night", "", "Europe/Athens", "03-03T20:00 03-04T01:30"),
        ("today", "", "", "03-04T00:00 03-04T01:30"),
        ("today", "", "Europe/Athens", "03-03T22:00 03-04T01:30"),
        ("yesterday", "", "", "03-03T00:00 03-04T00:00"),
        ("this morning", "", "", "03-04T00:00 03-04T01:30"),
        ("this week", "", "", "03-02T00:00 03-04T01:30"),
        ("the last week", "", "", "02-23T00:00 03-02T00:00"),
        ("last hour", "", "", "03-04T00:30 03-04T01:30"),
        ("02:00", "03:00", "", "03-03T02:00 03-03T03:00"),
        ("2", "3", "", "03-03T02:00 03-03T03:00"),
        ("2", "3", "Europe/Athens", "03-04T00:00 03-04T01:00"),
        ("23:00", "01:00", "", "03-03T23:00 03-04T01:00"),
        ("01:15:30", "+10m", "", "03-04T01:15 03-04T01:25"),
        ("2026-03-01", "", "", "03-01T00:00 03-02T00:00"),
        ("2026-03-04", "", "", "03-04T00:00 03-04T01:30"),
        ("2026-03-01 02:00", "03:00", "", "03-01T02:00 03-01T03:00"),
        ("2026-03-01T02:00", "2026-03-01T05:00", "Europe/Athens", "03-01T00:00 03-01T03:00"),
        ("2026-03-01T02:00:00Z", "2026-03-01T05:00:00+01:00", "Europe/Athens", "03-01T02:00 03-01T04:00"),
    ],
)
def test_a_span_is_read_as_it_is_meant(begin: str, end: str, zone: str, comes_to: str) -> None:
    assert span(begin, end, zone) == comes_to


def test_last_night_is_over_at_seven() -> None:
    assert span("last night", now="2026-03-04T15:00:00+00:00") == "03-03T22:00 03-04T07:00"


def test_a_night_in_which_clocks_are_set_has_its_own_length() -> None:
    assert span("last night", "", "Europe/Athens", "2026-03-29T12:00:00+00:00") == "03-28T20:00 03-29T04:00"


@pytest.mark.parametrize(
    ("begin", "end", "zone", "place", "text"),
    [
        ("lest night", "", "", "from", 'did you mean "last night"?'),
        ("whenever", "", "", "from", "write a length of time such as 2h"),
        ("2h", "later", "", "to", "is no time"),
        ("25:00", "", "", "from", "is no time"),
        ("2h", "", "Europe/Athen", "zone", 'did you mean "Europe/Athens"?'),
        ("1h", "2h", "", "to", "ends later than it begins"),
        ("100d", "+400d", "", "from", "a year long at most"),
        ("500d", "", "", "from", "a year long at most"),
        ("200w5000w", "", "", "from", "year"),
        ("1970-01-01", "now", "", "from", "a year long at most"),
        ("0001-01-01", "0001-01-02", "", "to", "ends later"),
        ("9999-12-31", "9999-12-31T23:59:59", "", "from", "beyond"),
        ("2h", "+99999w", "", "to", "hundred"),
        ("2h", "+", "", "to", "duration"),
    ],
)
def test_what_is_no_span_is_refused_with_its_place(begin: str, end: str, zone: str, place: str, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_span(begin, end, zone, NOW_US)
    assert (caught.value.place, text in str(caught.value)) == (place, True), str(caught.value)
