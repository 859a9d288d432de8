"""Rows of state whose times lie ahead of now: a clock that was wrong wrote them, and nobody saw it being set right.

The store moves times along when it sees the clock being set (``restamp``). This is for what it could not see. A window
that begins in the future is over, and what waits till then is due now: an alert too many rather than one too few.
"""

from __future__ import annotations

from typing import Final

from rules.deciding.quiet.rows import (
    FiringRow,
    Flaps,
    GroupRow,
    Incident,
    KeyRow,
    QuietRow,
    ScheduleRow,
    ThrottleRow,
    WatchRow,
)
from rules.deciding.quiet.straggler import LATE_US

SLACK_US: Final = 1_000_000
"""How far ahead a time may lie for which nobody set a clock."""


def is_ahead(at_us: int, now_us: int) -> bool:
    """Whether something that has happened lies in the future."""
    return at_us > now_us + SLACK_US


def settle_ahead(row: QuietRow, now_us: int) -> None:
    """Take what a clock ahead of ours wrote into the row as over. A row without such times stays as it is."""
    match row:
        case KeyRow():
            _settle_key(row, now_us)
        case GroupRow():
            row.posted_us = 0 if is_ahead(row.posted_us, now_us) else row.posted_us
            row.since_us = 1 if is_ahead(row.since_us, now_us) else row.since_us  # its wait is over
        case WatchRow():
            row.gaps = [gap for gap in row.gaps if not is_ahead(gap[1], now_us)]
            row.seen_us = min(row.seen_us, now_us)
        case ScheduleRow():
            row.since_us = min(row.since_us, now_us)
        case ThrottleRow() | FiringRow():
            pass  # how far ahead these may lie depends on the rule: window.py, inhibition.py


def _settle_key(row: KeyRow, now_us: int) -> None:
    incident, flaps = row.incident, row.flaps
    if row.ended is not None and is_ahead(row.ended.until_us - LATE_US, now_us):
        row.ended = None
    if row.beat is not None and is_ahead(row.beat.at_us, now_us):
        row.beat.look_us += now_us - row.beat.at_us
        row.beat.at_us = now_us
    row.counted = [at_us for at_us in row.counted if not is_ahead(at_us, now_us)]
    happened = [last.at_us for last in row.sent.values()]
    happened += (
        [incident.seen_us, incident.over_us, incident.began_us, incident.told_us] if incident is not None else []
    )
    happened += [flaps.seen_us, *flaps.changes] if flaps is not None else []
    if not any(is_ahead(at_us, now_us) for at_us in happened):
        return
    row.waits = {}
    row.sent = {slot: last for slot, last in row.sent.items() if not is_ahead(last.at_us, now_us)}
    if incident is not None:
        _settle_incident(incident, now_us)
    if flaps is not None:
        _settle_flaps(flaps, now_us)


def _settle_incident(incident: Incident, now_us: int) -> None:
    """It goes on from now: nobody forgets it for being old, and what is to be told of it is told."""
    incident.seen_us, incident.over_us = min(incident.seen_us, now_us), min(incident.over_us, now_us)
    incident.since_us, incident.began_us = min(incident.since_us, now_us), min(incident.began_us, now_us)
    incident.told_us, incident.step_us = min(incident.told_us, now_us), min(incident.step_us, now_us)
    incident.remind_us, incident.look_us = min(incident.remind_us, now_us), min(incident.look_us, now_us)


def _settle_flaps(flaps: Flaps, now_us: int) -> None:
    flaps.seen_us = min(flaps.seen_us, now_us)
    flaps.changes = [at_us for at_us in flaps.changes if not is_ahead(at_us, now_us)]
    flaps.since_us, flaps.calm_us = min(flaps.since_us, now_us), min(flaps.calm_us, now_us)
