"""``count: {at_least: 3, within: 10m}``: a key is told of once so many of its events have come within so much time.

Every event that the rule takes counts, whatever else keeps it quiet; an end neither counts nor begins the count anew.
An incident that has come often enough has done so until it is over.
"""

from __future__ import annotations

from typing import Final

from rules.deciding.quiet.ahead import is_ahead
from rules.deciding.quiet.rows import KeyRow
from rules.deciding.quiet.verdicts import Hidden
from rules.ruleset import Threshold

BY: Final = "count"


def count_event(row: KeyRow, threshold: Threshold | None, now_us: int) -> None:
    """Count one more event of the key; a rule that lost its ``count:`` forgets those before."""
    if threshold is None:
        row.counted = []
        return
    row.counted = [*_recent(row, threshold, now_us), now_us][-threshold.at_least :]
    if row.incident is not None and len(row.counted) >= threshold.at_least:
        row.incident.enough = True


def hide_few(row: KeyRow, threshold: Threshold | None, now_us: int) -> Hidden | None:
    """Why an event is not told: too few have come lately. Nobody knows until when."""
    if threshold is None or (row.incident is not None and row.incident.enough):
        return None
    return Hidden(BY) if len(_recent(row, threshold, now_us)) < threshold.at_least else None


def expiry_us(row: KeyRow, threshold: Threshold) -> int:
    """When the last event counted leaves the window."""
    return max(row.counted, default=0) + round(threshold.within_s * 1_000_000)


def _recent(row: KeyRow, threshold: Threshold, now_us: int) -> list[int]:
    within_us = threshold.within_s * 1_000_000
    return [at_us for at_us in row.counted if now_us - at_us < within_us and not is_ahead(at_us, now_us)]
