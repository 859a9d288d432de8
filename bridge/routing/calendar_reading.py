"""Reads calendars again and again: what they say counts at once, and a copy that grows old is told.

A calendar that cannot be read leaves the last good copy in force. Every node looks; of those that share a store, the
first to find a copy too old asks the URL, and the others take what it kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

import httpx
import structlog

from bridge.core.offload import Offload
from bridge.core.plain_reason import plain_reason
from bridge.destinations.kit.http_client import make_client
from bridge.routing.active_config import ActiveConfig
from bridge.routing.calendar_copies import ListCalendars, copy_of_kept, find_kept, keep_calendar, read_file_copy
from bridge.settings.calendar_settings import CalendarSettings
from broker.broker import Broker
from broker.clock import US_PER_S
from rules.events.calendar_files import MAX_CALENDAR_BYTES, BadCalendar, read_calendar
from rules.events.calendars import CalendarCopy
from rules.source.words import duration_text

_LOOK_EVERY_S: Final = 15.0
_TIMEOUT_S: Final = 30.0
_WORKED_OUT_AGAIN_US: Final = 86_400 * US_PER_S
_OK: Final = 200

log = structlog.get_logger("calendars")


@dataclass(frozen=True, slots=True)
class CalendarAge:
    """How old the copy of a calendar at a URL is: ``age_s`` is None while it was never read; ``fault`` why not now."""

    name: str
    age_s: float | None
    stale_after_s: float
    fault: str = ""

    def describe(self) -> str:
        """What is to be told of it, "" while all is well."""
        because = f": {self.fault}" if self.fault else ""
        if self.age_s is None:
            return f"the calendar {self.name} was never read{because}" if self.fault else ""
        if self.age_s <= self.stale_after_s:
            return ""
        return f"the calendar {self.name} was last read {duration_text(self.age_s)} ago, and counts as it was{because}"


@dataclass(slots=True)
class _Looked:
    """When a calendar was asked for last and when its periods were worked out, and why it could not be read."""

    tried_us: int = 0
    worked_out_us: int = 0
    read_us: int = -1
    fault: str = ""


class CalendarReader:
    """Keeps the calendars of the settings in force up to date."""

    def __init__(self, broker: Broker, in_force: ActiveConfig, calendars: ListCalendars) -> None:
        self._broker = broker
        self._clock = broker.clock
        self._in_force = in_force
        self._calendars = calendars
        self._looked: dict[tuple[str, CalendarSettings], _Looked] = {}
        self._offload = Offload(broker.clock, "calendars")

    async def follow(self) -> None:
        """Look at each calendar whenever it is time, for ever. Raises StoreError."""
        while True:
            await self.look()
            await self._clock.sleep(_LOOK_EVERY_S)

    async def look(self) -> None:
        """Look once: read what is due, and wake what was kept quiet where something changed. Raises StoreError."""
        calendars = {(name, settings) for name, settings in self._calendars().items()}
        self._looked = {known: self._looked.get(known, _Looked()) for known in calendars}
        changed = False
        try:
            for (name, settings), looked in self._looked.items():
                changed = await self._look_at(name, settings, looked) or changed
        finally:
            self._offload.close()
        if changed:
            self._in_force.wake_all()
            await self._in_force.wake(self._broker.store)

    def list_ages(self) -> list[CalendarAge]:
        """How old the copies of calendars at URLs are."""
        now_us, ages = self._clock.wall_us(), list[CalendarAge]()
        for name, settings in self._calendars().items():
            if settings.url is not None:
                kept, looked = find_kept(self._broker, name, settings), self._looked.get((name, settings), _Looked())
                age_s = max(0, now_us - kept.read_us) / US_PER_S if kept is not None else None
                ages.append(CalendarAge(name, age_s, settings.stale_after, looked.fault))
        return ages

    def describe_degraded(self) -> str:
        """What is wrong with calendars, "" for nothing."""
        return "\n".join(filter(None, (age.describe() for age in self.list_ages())))

    async def _look_at(self, name: str, settings: CalendarSettings, looked: _Looked) -> bool:
        """Bring one calendar up to date; says whether it holds something else than before."""
        now_us, every_us = self._clock.wall_us(), round(settings.every * US_PER_S)
        kept = find_kept(self._broker, name, settings)
        since_us = max(looked.tried_us, kept.read_us if kept is not None else 0)
        if not 0 <= now_us - since_us < every_us:  # a clock that was set back makes it due, too
            looked.tried_us = now_us
            await self._read(name, settings, looked)
            kept = find_kept(self._broker, name, settings)
        read_us = kept.read_us if kept is not None else 0
        is_news = read_us != looked.read_us or abs(now_us - looked.worked_out_us) > _WORKED_OUT_AGAIN_US
        if settings.url is None:
            return looked.tried_us == now_us and await self._take_file(name, settings)
        if kept is None or not is_news:
            return False
        copy = await self._offload.run(partial(copy_of_kept, kept, settings, now_us), large=True)
        looked.read_us, looked.worked_out_us = read_us, now_us
        return copy is not None and self._in_force.rule_set.shelf.put(name, copy)

    async def _take_file(self, name: str, settings: CalendarSettings) -> bool:
        try:
            copy: CalendarCopy = await self._offload.run(
                partial(read_file_copy, settings, self._clock.wall_us()), large=True
            )
        except BadCalendar as error:
            log.warning("a calendar cannot be read, it counts as it was", calendar=name, reason=str(error))
            return False
        return self._in_force.rule_set.shelf.put(name, copy)

    async def _read(self, name: str, settings: CalendarSettings, looked: _Looked) -> None:
        """Ask the URL, and keep what it says. Raises StoreError."""
        if settings.url is None:
            return
        try:
            body = await self._fetch(settings.url.reveal(), settings)
            zone = ZoneInfo(settings.timezone)
            await self._offload.run(partial(read_calendar, body, zone, self._clock.wall_us()), large=True)
        except BadCalendar as error:
            looked.fault = str(error)
            log.warning("a calendar cannot be read, it counts as it was", calendar=name, reason=looked.fault)
            return
        looked.fault = ""
        await keep_calendar(self._broker, name, settings, body)

    async def _fetch(self, url: str, settings: CalendarSettings) -> bytes:
        """What is at the URL. Raises BadCalendar; the URL, which is a secret, is not in it."""
        client = make_client(
            connections=1, timeout_s=_TIMEOUT_S, ca_file=settings.ca_file, client_pair=settings.client_pair
        )
        body = bytearray()
        try:
            async with client, self._clock.timeout(_TIMEOUT_S), client.stream("GET", url) as answer:
                if answer.status_code != _OK:
                    raise BadCalendar(f"the URL answers HTTP {answer.status_code}")
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > MAX_CALENDAR_BYTES:
                        break
        except TimeoutError:
            raise BadCalendar(f"the URL was not read within {_TIMEOUT_S:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise BadCalendar(f"the URL cannot be read: {_without(url, error)}") from None
        return bytes(body)


def _without(url: str, error: Exception) -> str:
    return plain_reason(str(error).replace(url, "the URL")) or type(error).__name__
