"""Reads ``schedule:`` of a rule: plain words, cron's five fields, or a mapping of them; and what such a rule tells."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from itertools import pairwise
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from rules.events.intervals import MINUTES_A_DAY, IntervalEntry
from rules.events.schedules import MissedReports, Schedule, Scheduled
from rules.language.form import Form, describe_value
from rules.language.read_expects import read_positive_s
from rules.language.read_intervals import MONTHS, WEEKDAYS, numbers_of, read_days_of_month, read_zone, unite
from rules.source.problems import DocumentPath
from rules.source.words import suggest

KEYS: Final = ("at", "days", "days_of_month", "months", "cron", "timezone", "over", "rules", "missed")
MISSED: Final = ("tell", "skip")
ALONE: Final = (
    "decode", "for_each", "match", "when", "key", "resolved", "since", "dedupe", "state", "flapping", "for", "count",
    "expect", "group", "throttle", "repeat", "escalate", "inhibited_by", "stop", "forget_after", "max_keys",
    "silenced_ends",
)  # fmt: skip
"""Keys about messages, of which a rule with ``schedule:`` sees none."""
SHORTEST_MINUTES: Final = 5
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d\d)", re.ASCII)
_WORDS: Final = re.compile(
    r"(?:every )?(?P<days>.+?) at (?P<times>\d{1,2}:\d\d(?:(?:, ?| and )\d{1,2}:\d\d)*)(?: (?P<zone>\S+))?"
)
_EVERY_DAY: Final = ("day", "daily", "days")
_WORKING: Final = ("weekday", "weekdays", "working day", "working days")
_MACROS: Final = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
_NAMED: Final = re.compile(r"[A-Za-z]{3,9}")
DEFAULT_TEXT: Final = """\
**{{ rule }}**: {{ data.open_count }} open, {{ data.fired }} told and {{ data.ended }} over since \
{{ data.since | localtime(data.timezone) }}
{% if data.open %}

| Open | Rule | For | Taken by |
|---|---|---|---|
{% for alert in data.open[:20] %}
| {{ alert.key }} | {{ alert.rule }} | {{ alert.for_s | duration }} | {{ alert.taken_by or 'nobody' }} |
{% endfor %}
{% endif %}
{% if data.open_count > 20 %}and {{ data.open_count - 20 }} more
{% endif %}
{% if data.top %}

Most often: {% for top in data.top[:5] %}{{ top.key }} ({{ top.fired }}){{ ', ' if not loop.last else '' }}{% endfor %}

{% endif %}
{% if data.mean_end_s is not none %}

Over after {{ data.mean_end_s | duration }} on average{% if data.mean_take_s is not none %}, \
taken after {{ data.mean_take_s | duration }}{% endif %}.
{% endif %}
"""
"""What a rule with ``schedule:`` says that has no text."""


def read_schedule(form: Form) -> Scheduled | None:
    """The rule's ``schedule:``."""
    if "schedule" not in form:
        return None
    for key in ALONE:
        if key in form:
            text = f"{key} is about messages, and a rule with schedule: sees none"
            form.report((key,), text, at_key=True)
    if isinstance(form.value["schedule"], str):
        schedule = form.read("schedule", _of_text, None)
        return None if schedule is None else Scheduled(schedule)
    inner = form.form(("schedule",), "schedule", 'schedule must be words, such as "mon-fri at 09:00", or a mapping')
    inner.allow_only(KEYS, {"time": "at", "times": "at", "tz": "timezone", "zone": "timezone", "weekdays": "days"})
    zone = inner.read("timezone", read_zone, ZoneInfo("UTC"))
    schedule = _of_mapping(inner, zone)
    if schedule is None:
        return None
    return Scheduled(
        schedule=schedule,
        over_s=inner.read("over", read_positive_s, None),
        rules=tuple(name for _, name in inner.texts("rules")),
        missed=cast(MissedReports, inner.choice("missed", MISSED, "tell")),
    )


def _of_mapping(form: Form, zone: ZoneInfo) -> Schedule | None:
    if "cron" in form:
        for key in ("at", "days", "days_of_month", "months"):
            if key in form:
                form.report((key,), f"{key} and cron are two ways to say the same; keep one", at_key=True)
        return form.read("cron", lambda text: _of_cron(str(text), zone), None)
    if not form.require("at"):
        return None
    problems = len(form.problems)
    minutes = [minute for inner, text in form.texts("at") if (minute := _try(form, inner, text)) is not None]
    entry = IntervalEntry(
        zone,
        days=_numbers(form, "days", lambda value: numbers_of(value, WEEKDAYS, "a weekday", "mon-fri", 0)),
        days_of_month=_numbers(form, "days_of_month", read_days_of_month),
        months=_numbers(form, "months", lambda value: numbers_of(value, MONTHS, "a month", "jan-mar", 1)),
    )
    if len(form.problems) > problems:
        return None
    return form.read("at", lambda _: _make(zone, minutes, (entry,)), None)


def _numbers(form: Form, key: str, read: Any) -> frozenset[int] | None:
    if key not in form:
        return None
    given = form.value[key]
    numbers: list[Iterable[int]] = []
    for n, value in enumerate(given if isinstance(given, list) else [given]):
        inner: DocumentPath = (key, n) if isinstance(given, list) else (key,)
        try:
            numbers.append(read(value))
        except ValueError as error:
            form.report(inner, str(error))
    return unite(tuple(numbers))


def _try(form: Form, inner: DocumentPath, text: str) -> int | None:
    try:
        return _minute(text)
    except ValueError as error:
        form.report(inner, str(error))
        return None


def _of_text(text: Any) -> Schedule:
    """A schedule in words or in cron's form. Raises ValueError."""
    plain = " ".join(str(text).split())
    words = _WORDS.fullmatch(plain)
    if words is not None:
        zone = read_zone(words["zone"]) if words["zone"] else ZoneInfo("UTC")
        minutes = [_minute(time) for time in re.split(r", ?| and ", words["times"])]
        return _make(zone, minutes, (IntervalEntry(zone, days=_days_of_words(words["days"].lower())),))
    if len(plain.split(" ")) == 5 or plain in _MACROS:
        return _of_cron(plain, ZoneInfo("UTC"))
    example = '"mon-fri at 09:00", "daily at 09:00 Europe/Athens" or cron\'s "0 9 * * mon-fri"'
    raise ValueError(f"{describe_value(text)} is no schedule; write {example}")


def _days_of_words(text: str) -> frozenset[int] | None:
    if text in _EVERY_DAY:
        return None
    if text in _WORKING:
        return frozenset(range(5))
    names = [name.removesuffix("s") if name.endswith("days") else name for name in re.split(r", ?| and ", text)]
    return frozenset(number for name in names for number in numbers_of(name, WEEKDAYS, "a weekday", "mon-fri", 0))


def _of_cron(text: str, zone: ZoneInfo) -> Schedule:
    """A schedule of cron's five fields: minute, hour, day of the month, month, weekday. Raises ValueError.

    As in cron, a day fits when it is one of the month's or one of the week's, where both are said.
    """
    fields = _MACROS.get(text.strip(), text).split()
    if len(fields) != 5:
        raise ValueError(f'"{text}" is not cron\'s form; it has five fields, such as "0 9 * * mon-fri"')
    minutes, hours = _cron_field(fields[0], 0, 59), _cron_field(fields[1], 0, 23)
    dates, months = _cron_field(fields[2], 1, 31), _cron_field(fields[3], 1, 12, MONTHS)
    weekdays = frozenset((number - 1) % 7 for number in _cron_field(fields[4], 0, 7, _SUNDAY_FIRST))
    in_month = None if fields[3] == "*" else months
    by_date = IntervalEntry(zone, days_of_month=dates, months=in_month)
    by_day = IntervalEntry(zone, days=weekdays, months=in_month)
    match (fields[2].startswith("*"), fields[4].startswith("*")):
        case (False, False):
            entries = [by_date, by_day]
        case (True, False):
            entries = [by_day]
        case _:
            entries = [by_date]
    return _make(zone, [hour * 60 + minute for hour in hours for minute in minutes], entries)


_SUNDAY_FIRST: Final = ("sunday", *WEEKDAYS)


def _cron_field(text: str, first: int, last: int, names: Collection[str] = ()) -> frozenset[int]:
    """The numbers of one field: lists, ranges, steps and names. Raises ValueError."""
    numbers: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = int(step_text) if step_text.isdecimal() else 0 if slash else 1
        low_text, dash, high_text = span.partition("-")
        if span == "*":
            low, high = first, last
        else:
            low = _cron_number(low_text, first, names)
            high = _cron_number(high_text, first, names) if dash else last if slash else low
            high = 7 if names is _SUNDAY_FIRST and high == 0 < low else high
        if not (first <= low <= high <= last and 1 <= step <= last):
            raise ValueError(f'"{text}" is not a field of cron here; it counts from {first} to {last}')
        numbers.update(range(low, high + 1, step))
    return frozenset(numbers)


def _cron_number(text: str, first: int, names: Collection[str]) -> int:
    if text.isdecimal() and text.isascii():
        return int(text)
    matching = [number for number, name in enumerate(names, first) if name.startswith(text.lower())]
    if not _NAMED.fullmatch(text) or not matching:
        raise ValueError(f'"{text}" is no number{suggest(text, names)}')
    return matching[0]


def _minute(text: str) -> int:
    match = _CLOCK.fullmatch(text.strip())
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        raise ValueError(f'"{text}" is no time of the day; write it in quotes, such as "09:00"')
    return int(match[1]) * 60 + int(match[2])


def _make(zone: ZoneInfo, minutes: Iterable[int], days: Iterable[IntervalEntry]) -> Schedule:
    """The schedule. Raises ValueError for one that is too often, or never."""
    sorted_minutes = sorted(set(minutes))
    gaps = [later - sooner for sooner, later in pairwise(sorted_minutes)]
    if not sorted_minutes or min([*gaps, MINUTES_A_DAY - sorted_minutes[-1] + sorted_minutes[0]]) < SHORTEST_MINUTES:
        raise ValueError(f"this is too often; a schedule happens every {SHORTEST_MINUTES} minutes at most")
    entries = tuple(days)
    description = repr((zone.key, sorted_minutes, [(e.days, e.days_of_month, e.months) for e in entries]))
    schedule = Schedule(zone, tuple(sorted_minutes), entries, hashlib.sha256(description.encode()).hexdigest()[:16])
    if schedule.next_us(0) is None:
        raise ValueError("this never happens; no month has such a day")
    return schedule
