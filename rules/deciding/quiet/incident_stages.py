"""The stages of an incident, as a table: when one begins, goes on, ends, and is forgotten.

``over`` is one that ended while somebody who was told that it fires has still to hear so. The picture in
docs/architecture.md is drawn from the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from rules.deciding.quiet.rows import KeyRow

IncidentStage: TypeAlias = Literal["none", "fires", "over"]
IncidentStep: TypeAlias = Literal[
    "an event matches",
    "an event resolves it, or none came for long, and all who were told hear so",
    "an event resolves it, or none came for long, and something hides that from somebody",
    "what hid it ends, and all who were told hear so",
]
INCIDENT_STEPS: Final[Mapping[tuple[IncidentStage, IncidentStep], IncidentStage]] = {
    ("none", "an event matches"): "fires",
    ("fires", "an event matches"): "fires",
    ("fires", "an event resolves it, or none came for long, and all who were told hear so"): "none",
    ("fires", "an event resolves it, or none came for long, and something hides that from somebody"): "over",
    ("over", "an event matches"): "fires",
    ("over", "what hid it ends, and all who were told hear so"): "none",
}
"""What each step makes of an incident."""


def incident_stage(row: KeyRow | None) -> IncidentStage:
    """The stage of the incident of a key, by its row."""
    if row is None or row.incident is None:
        return "none"
    return "fires" if row.incident.fires else "over"
