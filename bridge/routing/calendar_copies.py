"""The last good copies of calendars: of a file as it lies there, of a URL as the store keeps it for all nodes.

A copy is a note of the catalog, so it survives restarts, and nodes that share a store look at the same.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from bridge.routing.service_notes import put_note
from bridge.settings.calendar_settings import CalendarSettings
from broker.broker import Broker
from broker.errors import VersionMoved
from broker.records import ServiceNote
from rules.events.calendar_files import MAX_CALENDAR_BYTES, BadCalendar, read_calendar
from rules.events.calendars import CalendarCopy, CalendarShelf
from rules.source.problems import Place, Problem

CALENDAR_NOTE: Final = "calendar/"


class KeptCalendar(msgspec.Struct, frozen=True):
    """A calendar as the store keeps it: when it was read from which URL, and what was read."""

    read_us: int
    source: str
    body: str

    def unpack(self) -> bytes:
        """What was read. Raises ValueError for what is none."""
        try:
            return zlib.decompressobj().decompress(base64.b64decode(self.body), MAX_CALENDAR_BYTES + 1)
        except zlib.error as error:
            raise ValueError(str(error)) from error


@dataclass(frozen=True, slots=True)
class KnownCopies:
    """The calendars of the settings as far as they are known, and what is wrong with files."""

    shelf: CalendarShelf
    problems: tuple[Problem, ...] = ()


def shelve_calendars(
    calendars: Mapping[str, CalendarSettings], broker: Broker | None, now_us: int, settings_file: str
) -> KnownCopies:
    """What is known of the calendars now: the kept copy of a URL, else the file."""
    shelf, problems = CalendarShelf(), list[Problem]()
    for name, settings in calendars.items():
        kept = find_kept(broker, name, settings) if broker is not None else None
        copy = copy_of_kept(kept, settings, now_us) if kept is not None else None
        if copy is None and settings.file is not None:
            try:
                copy = read_file_copy(settings, now_us)
            except BadCalendar as error:
                problems.append(Problem(Place(settings_file), f"calendars.{name}.file", str(error)))
        if copy is not None:
            shelf.put(name, copy)
    return KnownCopies(shelf, tuple(problems))


def find_kept(broker: Broker, name: str, settings: CalendarSettings) -> KeptCalendar | None:
    """The copy of a URL that the store keeps, None without one; that of another URL is none."""
    note = broker.cache.find(ServiceNote, f"{CALENDAR_NOTE}{name}") if settings.url is not None else None
    if note is None:
        return None
    try:
        kept = msgspec.json.decode(note.value, type=KeptCalendar)
    except msgspec.MsgspecError:
        return None
    return kept if kept.source == _source_of(settings) else None


async def keep_calendar(broker: Broker, name: str, settings: CalendarSettings, body: bytes) -> None:
    """Keep what was read just now; of several nodes that do at the same time, one is enough. Raises StoreError."""
    packed = base64.b64encode(zlib.compress(body)).decode()
    kept = KeptCalendar(broker.clock.wall_us(), _source_of(settings), packed)
    key = f"{CALENDAR_NOTE}{name}"
    try:
        await broker.cache.write([put_note(broker, key, msgspec.json.encode(kept).decode())])
    except VersionMoved:
        await broker.cache.refresh("note", key)


def copy_of_kept(kept: KeptCalendar, settings: CalendarSettings, now_us: int) -> CalendarCopy | None:
    """The periods of a kept copy around now; None for one that cannot be read any more."""
    try:
        copy = read_calendar(kept.unpack(), ZoneInfo(settings.timezone), now_us)
    except ValueError:
        return None
    return CalendarCopy(copy.periods, kept.read_us, copy.digest)


def read_file_copy(settings: CalendarSettings, now_us: int) -> CalendarCopy:
    """The calendar of the settings' file. Raises BadCalendar."""
    if settings.file is None:
        raise BadCalendar("there is no file")
    try:
        body = settings.file.read_bytes()
    except OSError as error:
        raise BadCalendar(f"cannot read {settings.file}: {error.strerror or error}") from error
    return read_calendar(body, ZoneInfo(settings.timezone), now_us, is_file=True)


def _source_of(settings: CalendarSettings) -> str:
    url = settings.url.reveal() if settings.url is not None else ""
    return hashlib.sha256(url.encode(errors="surrogatepass")).hexdigest()[:32]


ListCalendars = Callable[[], Mapping[str, CalendarSettings]]
"""The calendars of the settings in force."""
