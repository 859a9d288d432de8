"""Stragglers: firings that come late, about a life of the alert of which it was said already that it is over.

Of two Alertmanagers, or of one that tries again, one may say late that an alert fires. The sender tells when that began
(``startsAt``, as Alertmanager and Grafana do), and what began no later than what is over is the same. Its own end comes
soon after it, so it is kept quiet for a while; an alert that still fires then is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rules.deciding.quiet.rows import EndedLife, KeyRow
from rules.deciding.quiet.verdicts import Hidden
from rules.events.moments import named_time, us_of
from rules.model import Event

BY: Final = "straggler"
LATE_US: Final = 300_000_000
"""How long after an end a firing may come late: the usual pause between two posts of an Alertmanager's group."""


def note_end(row: KeyRow, event: Event, now_us: int) -> None:
    """Remember for a while when the life began that is over now, where its sender says so."""
    began_us = _began_us(event)
    row.ended = EndedLife(began_us, now_us + LATE_US) if began_us is not None else None


def hide_straggler(row: KeyRow, event: Event, now_us: int) -> Hidden | None:
    """Why a firing is not told now: it says no more than what is over said, and comes late."""
    ended = row.ended
    if ended is None or now_us >= ended.until_us:
        return None
    began_us = _began_us(event)
    return Hidden(BY, ended.until_us) if began_us is not None and began_us <= ended.began_us else None


def _began_us(event: Event) -> int | None:
    began = named_time(event.data.get("startsAt")) if isinstance(event.data, Mapping) else None
    return us_of(began) if began is not None else None
