"""Rows of state that were written before the wall clock was set: their times as the clock tells them now.

What a window, a pause or a reminder counts from moves along, so that it lasts as long as it was to. Times that people
read ("firing since") stay as they were told, unless the clock was set back: then they move too, not to lie ahead of us.
"""

from __future__ import annotations

from typing import assert_never

from rules.deciding.quiet.rows import (
    FiringRow,
    Flaps,
    GroupRow,
    Incident,
    KeyRow,
    Notified,
    PostTimes,
    ScheduleRow,
    ThrottleRow,
    WatchRow,
    row_from_bytes,
    row_to_bytes,
)

_KINDS = ("k/", "g/", "t/", "f/", "w/", "s/")


def restamp(key: str, value: bytes, behind_us: int) -> bytes:
    """The row in ``key`` as the wall clock tells its times now; ``behind_us`` is how far the one it knew was behind.

    A row of another kind stays as it is.
    """
    if not behind_us or not key.startswith(_KINDS):
        return value
    row = row_from_bytes(key, value)
    match row:
        case KeyRow():
            _restamp_key(row, behind_us)
        case GroupRow():
            row.since_us, row.posted_us = _shift_time(row.since_us, behind_us), _shift_time(row.posted_us, behind_us)
            for event in row.held:
                event.since_us = _shift_time(event.since_us, min(behind_us, 0))
        case ThrottleRow():
            windows: list[ThrottleRow | PostTimes] = [row, *row.more]
            for window in windows:
                window.posts = [(at_us + behind_us, count) for at_us, count in window.posts]
        case FiringRow():
            row.firing = {
                values: {name: until_us + behind_us for name, until_us in incidents.items()}
                for values, incidents in row.firing.items()
            }
        case WatchRow():
            row.seen_us = _shift_time(row.seen_us, behind_us)
            row.gaps = [(from_us + behind_us, until_us + behind_us) for from_us, until_us in row.gaps]
        case ScheduleRow():
            row.since_us += behind_us  # next_us is what a clock on the wall shows
        case _:
            assert_never(row)
    return row_to_bytes(row)


def _restamp_key(row: KeyRow, by_us: int) -> None:
    row.waits = {slot: (name, until_us + by_us) for slot, (name, until_us) in row.waits.items()}
    for last in row.sent.values():
        last.at_us += by_us
    row.counted = [at_us + by_us for at_us in row.counted]
    if row.incident is not None:
        _restamp_incident(row.incident, by_us)
    if row.flaps is not None:
        _restamp_flaps(row.flaps, by_us)
    if row.beat is not None:
        row.beat.at_us, row.beat.look_us = row.beat.at_us + by_us, row.beat.look_us + by_us
    if row.ended is not None:
        row.ended.until_us += by_us


def _restamp_incident(incident: Incident, by_us: int) -> None:
    incident.seen_us, incident.began_us = _shift_time(incident.seen_us, by_us), _shift_time(incident.began_us, by_us)
    incident.remind_us, incident.look_us = _shift_time(incident.remind_us, by_us), _shift_time(incident.look_us, by_us)
    incident.told_us, incident.step_us = _shift_time(incident.told_us, by_us), _shift_time(incident.step_us, by_us)
    incident.since_us = _shift_time(incident.since_us, min(by_us, 0))
    incident.over_us = _shift_time(incident.over_us, min(by_us, 0))
    _restamp_told(incident.told, by_us)


def _restamp_flaps(flaps: Flaps, by_us: int) -> None:
    flaps.seen_us, flaps.calm_us = _shift_time(flaps.seen_us, by_us), _shift_time(flaps.calm_us, by_us)
    flaps.since_us = _shift_time(flaps.since_us, by_us)
    flaps.changes = [at_us + by_us for at_us in flaps.changes]
    _restamp_told(flaps.told, by_us)


def _restamp_told(by_slot: dict[str, Notified], by_us: int) -> None:
    for notified in by_slot.values():
        notified.at_us = _shift_time(notified.at_us, min(by_us, 0))


def _shift_time(at_us: int, by_us: int) -> int:
    """A time as the clock tells it now; 0 is never, and stays."""
    return at_us + by_us if at_us else 0
