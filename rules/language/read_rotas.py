"""Reads ``rota:`` of bridge.yaml; what a rota means is in ``rotas.py``.

Its keys::

timezone: Europe/Athens                   default UTC; of hand-overs and overrides
people: ["@anna", ["@ben", "@carla"]]     one entry a turn: who, or several
since: 2026-01-05                         the day on which the first of them takes over
turn: 1w                                  whole days or weeks
handover: "09:00"                         default 00:00
calendar: oncall                          in place of these four: who is named by events of a calendar
names: {Anna Papas: "@anna"}              or the name of a table: what the calendar's names are here
overrides:                                the last that fits wins
- {from: 2026-12-24 09:00, until: 2026-12-27 09:00, who: "@dora"}
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from rules.events.moments import us_of
from rules.events.rotas import Rota, RotaOverride, RotaTurns
from rules.events.wall_times import wall_moment
from rules.language.form import Form, describe_value
from rules.language.read_intervals import KnownCalendars, read_zone
from rules.source.places import Document
from rules.source.problems import DocumentPath, Problem
from rules.source.words import duration_s, hint, suggest

KEYS: Final = ("timezone", "people", "since", "turn", "handover", "calendar", "names", "overrides")
_OF_TURNS: Final = ("people", "since", "turn", "handover")
_DAY_S: Final = 86_400
_LONGEST_TURN_DAYS: Final = 366
_MOST_PEOPLE: Final = 500
_CLOCK: Final = re.compile(r"(\d\d?):(\d\d)", re.ASCII)
_WALL: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d?:\d\d))?", re.ASCII)


def read_rotas(
    value: Any,
    document: Document,
    path: DocumentPath,
    problems: list[Problem],
    *,
    tables: Mapping[str, Any],
    calendars: KnownCalendars,
) -> dict[str, Rota]:
    """The rotas of a mapping of names; what is wrong, all of it, is added to ``problems``."""
    if not value:
        return {}
    if not isinstance(value, dict):
        text = 'rota is a mapping of names, such as network: {people: ["@anna", "@ben"], since: 2026-01-05}'
        problems.append(document.problem(path, text))
        return {}
    reader = _Reader(tables, calendars)
    return {name: reader.read(name, Form(document, (*path, name), problems, what="a rota")) for name in value}


class _Reader:
    """Reads one rota after the other."""

    def __init__(self, tables: Mapping[str, Any], calendars: KnownCalendars) -> None:
        self._tables = tables
        self._calendars = calendars

    def read(self, name: str, form: Form) -> Rota:
        """The rota of a form; where it has problems, nobody is on call."""
        form.allow_only(KEYS)
        zone = form.read("timezone", read_zone, ZoneInfo("UTC"))
        calendar = self._calendar(form)
        if "calendar" in form:
            for key in _OF_TURNS:
                if key in form:
                    form.report((key,), f"{key} has no place beside calendar:, which says who is on call", at_key=True)
        return Rota(
            name=name,
            zone=zone,
            turns=_turns(form, zone) if "calendar" not in form else None,
            calendar=calendar,
            names=self._names(form),
            overrides=tuple(
                override
                for entry in form.forms("overrides", "an override")
                if (override := _override(entry, zone)) is not None
            ),
            shelf=self._calendars.shelf,
        )

    def _calendar(self, form: Form) -> str:
        name = form.text("calendar")
        if name and name not in self._calendars.names:
            listed = hint(suggest(name, self._calendars.names), f"it has: {', '.join(self._calendars.names) or 'none'}")
            form.report(("calendar",), f'no calendar "{name}" in bridge.yaml{listed}')
        return name

    def _names(self, form: Form) -> Mapping[str, str]:
        given = form.value.get("names", {})
        if isinstance(given, str):
            if given not in self._tables:
                listed = hint(suggest(given, self._tables), f"it has: {', '.join(sorted(self._tables)) or 'none'}")
                form.report(("names",), f'no table "{given}" in bridge.yaml{listed}')
                return {}
            given = self._tables[given]
        if not isinstance(given, Mapping) or not all(isinstance(text, str) for text in given.values()):
            form.report(("names",), "names must be a mapping of names to texts, or the name of a table of two columns")
            return {}
        return dict(given)


def _turns(form: Form, zone: ZoneInfo) -> RotaTurns | None:
    if not all([form.require("people"), form.require("since")]):
        return None
    people = _turn_people(form)
    since = form.read("since", _date, None)
    days = form.read("turn", _turn_days, 7)
    minute = form.read("handover", _minute, 0)
    return RotaTurns(zone, since, minute, days, people) if people and since is not None else None


def _turn_people(form: Form) -> tuple[tuple[str, ...], ...]:
    entries = form.value["people"]
    if not isinstance(entries, list) or not 0 < len(entries) <= _MOST_PEOPLE:
        form.report(("people",), f'people must be a list, such as ["@anna", "@ben"], not {describe_value(entries)}')
        return ()
    people: list[tuple[str, ...]] = []
    for n, entry in enumerate(entries):
        try:
            people.append(_people_of(entry))
        except ValueError as error:
            form.report(("people", n), str(error))
    return tuple(people)


def _people_of(value: Any) -> tuple[str, ...]:
    """Who one entry names: a text, or several in a list. Raises ValueError."""
    members = value if isinstance(value, list) else [value]
    if not all(isinstance(member, str) and member.strip() for member in members):
        raise ValueError(f'who is on call is a text such as "@anna", or a list of them, not {describe_value(value)}')
    return tuple(member.strip() for member in members)


def _override(form: Form, zone: ZoneInfo) -> RotaOverride | None:
    form.allow_only(("from", "until", "who"), {"to": "until", "people": "who"})
    if not all([form.require("from"), form.require("until"), form.require("who")]):
        return None
    from_us = form.read("from", lambda value: _wall_us(value, zone, ends=False), None)
    until_us = form.read("until", lambda value: _wall_us(value, zone, ends=True), None)
    nobody: tuple[str, ...] = ()
    people = form.read("who", _people_of, nobody)
    if from_us is None or until_us is None:
        return None
    if until_us <= from_us:
        form.report(("until",), "the override ends before it begins")
        return None
    return RotaOverride(from_us, until_us, people)


def _wall_us(value: Any, zone: ZoneInfo, *, ends: bool) -> int:
    """When a clock of the zone shows it; a day alone is whole, the last one too. Raises ValueError."""
    match = _WALL.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f'"{value}" is no time; write 2026-12-24 for the whole day, or 2026-12-24 09:00')
    day = _date(match[1])
    if match[2] is None:
        return us_of(wall_moment(zone, day, 1440 if ends else 0))
    return us_of(wall_moment(zone, day, _minute(match[2])))


def _date(value: Any) -> dt.date:
    try:
        date = dt.date.fromisoformat(str(value).strip())
    except ValueError:
        date = dt.date.min
    if not 1970 <= date.year <= 9000:
        raise ValueError(f'"{value}" is no date; write one such as 2026-01-05')
    return date


def _turn_days(value: Any) -> int:
    days, rest_s = divmod(round(duration_s(value) * 1000), _DAY_S * 1000)
    if rest_s or not 1 <= days <= _LONGEST_TURN_DAYS:
        raise ValueError(f'"{value}" is no turn; a turn is whole days or weeks, such as 1d or 1w')
    return days


def _minute(value: Any) -> int:
    match = _CLOCK.fullmatch(str(value).strip())
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        raise ValueError(f'"{value}" is no time of the day; write it in quotes, such as "09:00"')
    return int(match[1]) * 60 + int(match[2])
