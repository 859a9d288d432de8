"""Stragglers: firings that come late, about a life of the alert of which it was said already that it is over.

Of two Alertmanagers, or of one that tries again, one may say late that an alert fires. The sender tells when that began
(``startsAt``, as Alertmanager and Grafana do, or what the rule's ``since:`` makes), and what began no later than what
is over is the same. Its own end comes soon after it, so it is kept quiet for a while; an alert that still fires then is
told.
"""

from __future__ import annotations

from typing import Final

from rules.deciding.quiet.rows import EndedLife, KeyRow
from rules.deciding.quiet.verdicts import Hidden

BY: Final = "straggler"
LATE_US: Final = 300_000_000
"""How long after an end a firing may come late: the usual pause between two posts of an Alertmanager's group."""


def note_end(row: KeyRow, began_us: int | None, now_us: int) -> None:
    """Remember for a while when the life began that is over now, where its sender says so."""
    row.ended = EndedLife(began_us, now_us + LATE_US) if began_us is not None else None


def may_come_late(row: KeyRow, now_us: int) -> bool:
    """Whether a firing that comes now may be one that is over."""
    return row.ended is not None and now_us < row.ended.until_us


def hide_straggler(row: KeyRow, began_us: int | None, now_us: int) -> Hidden | None:
    """Why a firing is not told now: it says no more than what is over said, and comes late."""
    ended = row.ended
    if ended is None or not may_come_late(row, now_us):
        return None
    return Hidden(BY, ended.until_us) if began_us is not None and began_us <= ended.began_us else None
