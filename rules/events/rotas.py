"""Rotas: who is on call, in turns of days or weeks, by a calendar of somebody's, and with exceptions.

A pure function of the rota, the copy of its calendar and the time that is asked for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from rules.events.calendars import CalendarShelf
from rules.events.moments import from_us, us_of
from rules.events.wall_times import wall_moment
from rules.source.words import hint, suggest

_DAY: Final = dt.timedelta(days=1)
_JOINT: Final = ", "


@dataclass(frozen=True, slots=True)
class RotaOverride:
    """Who is on call from one moment until another, whatever the turns say; nobody where ``people`` is empty."""

    from_us: int
    until_us: int
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RotaTurns:
    """Turns of ``days`` days each, handed over at ``minute`` of the day; the first begins on ``since``.

    Each of ``people`` is who is on call in one turn. A turn is as long as the days on the wall are.
    """

    zone: ZoneInfo
    since: dt.date
    minute: int
    days: int
    people: tuple[tuple[str, ...], ...]

    def begin_us(self, number: int) -> int:
        """When a turn begins; 0 is the first."""
        return us_of(wall_moment(self.zone, self.since + number * self.days * _DAY, self.minute))

    def number_at(self, now_us: int) -> int:
        """The turn in which a moment lies; negative before the first."""
        today = from_us(now_us).astimezone(self.zone).date()
        number = (today - self.since).days // self.days + 1
        while self.begin_us(number) > now_us:
            number -= 1
        return number


@dataclass(frozen=True, slots=True)
class Shift:
    """A stretch of time in which the same people are on call."""

    from_us: int
    until_us: int
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rota:
    """One rota: turns or a calendar, and overrides, of which the last that fits wins.

    ``names`` are what people of a calendar are called here: its summaries to mentions. ``zone`` is where they live.
    """

    name: str
    zone: ZoneInfo
    turns: RotaTurns | None = None
    calendar: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    overrides: tuple[RotaOverride, ...] = ()
    shelf: CalendarShelf = field(default_factory=CalendarShelf, compare=False, repr=False)

    def people_at(self, now_us: int) -> tuple[str, ...]:
        """Who is on call at a moment; empty when nobody is."""
        for override in reversed(self.overrides):
            if override.from_us <= now_us < override.until_us:
                return override.people
        if self.turns is not None:
            number = self.turns.number_at(now_us)
            return self.turns.people[number % len(self.turns.people)] if number >= 0 else ()
        summaries = [period.summary for period in self.shelf.copy_of(self.calendar).covering(now_us)]
        return tuple(dict.fromkeys(self.names.get(summary, summary) for summary in summaries if summary))

    def list_shifts(self, from_us: int, until_us: int) -> list[Shift]:
        """Who is on call from one moment until another, in stretches that follow each other."""
        edges = sorted({from_us, until_us, *(at for at in self._edges(from_us, until_us) if from_us < at < until_us)})
        shifts: list[Shift] = []
        for begin_us, end_us in pairwise(edges):
            people = self.people_at(begin_us)
            if shifts and shifts[-1].people == people:
                shifts[-1] = Shift(shifts[-1].from_us, end_us, people)
            else:
                shifts.append(Shift(begin_us, end_us, people))
        return shifts

    def _edges(self, from_us: int, until_us: int) -> Iterator[int]:
        for override in self.overrides:
            yield from (override.from_us, override.until_us)
        for period in self.shelf.copy_of(self.calendar).periods:
            yield from (period.from_us, period.until_us)
        if self.turns is not None:
            first, last = self.turns.number_at(from_us), self.turns.number_at(until_us)
            yield from (self.turns.begin_us(number) for number in range(max(first, 0), last + 1))


@dataclass(frozen=True, slots=True)
class RotaBook:
    """All rotas by name, as templates ask them."""

    rotas: Mapping[str, Rota] = field(default_factory=dict)

    def on_call(self, name: str, now_us: int) -> str:
        """Who is on call, as one text; "" when nobody is. Raises ValueError for a rota that is not there."""
        rota = self.rotas.get(name)
        if rota is None:
            raise ValueError(no_rota(name, self.rotas))
        return _JOINT.join(rota.people_at(now_us))


def no_rota(name: str, rotas: Mapping[str, object]) -> str:
    """What to say of a rota that is not there."""
    listed = hint(suggest(name, rotas), f"bridge.yaml has: {', '.join(sorted(rotas)) or 'none'}")
    return f'there is no rota "{name}"{listed}'
