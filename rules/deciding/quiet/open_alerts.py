"""What fires in a row of state, as reports tell it. Pure."""

from __future__ import annotations

from rules.deciding.quiet.incident_rows import incident_of
from rules.deciding.report_facts import OpenAlert


def open_alert(key: str, value: bytes | None, rule: str) -> OpenAlert | None:
    """The alert that fires in a row of state, unless it was told in shadow only."""
    known = incident_of(key, value)
    if known is None or not known.incident.fires:
        return None
    notifications = known.incident.told.values()
    if notifications and all(notified.shadow for notified in notifications):
        return None
    names = tuple(dict.fromkeys(notified.to for notified in notifications if not notified.shadow))
    return OpenAlert(rule, known.key, known.incident.since_us, known.incident.taken_by, names)
