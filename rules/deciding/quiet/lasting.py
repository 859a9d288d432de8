"""``for: 5m``: an alert is told once it has lasted five minutes, and not at all when it is over before.

Until then its incident is open like one that a silence hides: it is listed, may be taken, and keeps others quiet.
"""

from __future__ import annotations

from typing import Final

from rules.deciding.quiet.rows import Incident
from rules.deciding.quiet.verdicts import Hidden

BY: Final = "for"


def hide_young(incident: Incident | None, lasts_s: float | None, now_us: int) -> Hidden | None:
    """Why a firing is not told yet: it has not lasted. An incident of before an update counts from what was told."""
    if incident is None or lasts_s is None:
        return None
    until_us = (incident.began_us or incident.since_us) + round(lasts_s * 1_000_000)
    return Hidden(BY, until_us) if now_us < until_us else None
