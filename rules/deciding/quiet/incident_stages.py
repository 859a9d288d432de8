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
MATCHED: Final = "an event matches"
ENDED: Final = "an event resolves it, or none came for long, and all who were told hear so"
ENDED_HIDDEN: Final = "an event resolves it, or none came for long, and something hides that from somebody"
HEARD_LATE: Final = "what hid it ends, and all who were told hear so"
INCIDENT_STEPS: Final[Mapping[tuple[IncidentStage, IncidentStep], IncidentStage]] = {
    ("none", MATCHED): "fires",
    ("fires", MATCHED): "fires",
    ("fires", ENDED): "none",
    ("fires", ENDED_HIDDEN): "over",
    ("over", MATCHED): "fires",
    ("over", HEARD_LATE): "none",
}
"""What each step makes of an incident; a pair that is not here cannot happen."""


class NoSuchIncidentStep(ValueError):
    """An incident was to take a step that its stage does not know: a fault of the program."""

    def __init__(self, stage: IncidentStage, step: IncidentStep) -> None:
        self.stage = stage
        self.step = step
        super().__init__(f'an incident at the stage "{stage}" knows no "{step}"')


def incident_stage(row: KeyRow | None) -> IncidentStage:
    """The stage of the incident of a key, by its row."""
    if row is None or row.incident is None:
        return "none"
    return "fires" if row.incident.fires else "over"


def check_incident_step(before: IncidentStage, step: IncidentStep, row: KeyRow) -> None:
    """Raise NoSuchIncidentStep unless ``step`` leads from ``before`` to where the row's incident stands now."""
    if INCIDENT_STEPS.get((before, step)) != incident_stage(row):
        raise NoSuchIncidentStep(before, step)
