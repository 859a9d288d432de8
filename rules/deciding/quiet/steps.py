"""When the steps of ``escalate:`` are due, and who hears of an incident twice because of them. Pure.

A step is named by its slot, ``e<n>:<destination>``, n counting repeats; it is done when its slot was told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rules.deciding.quiet.rows import Incident, Notified
from rules.ruleset import EscalationStep, Rule

MARK: Final = "e"
"""How the slot of a step begins; those of sends begin with a number."""


def is_step(slot: str) -> bool:
    """Whether a slot is that of a step."""
    return slot.startswith(MARK)


def pending_steps(rule: Rule, incident: Incident | None) -> list[tuple[int, EscalationStep]]:
    """The steps that are still to come if nothing happens, each with its time, in their order."""
    if incident is None or not incident.fires or rule.retired or not incident.told_us:
        return []
    shadow = rule.quiet.shadow
    done = {slot for slot, notified in incident.told.items() if notified.shadow <= shadow}
    if incident.told and not done:
        return []  # only the shadow has heard of it
    return [
        (incident.told_us + round(step.after_s * 1_000_000), step)
        for step in rule.steps
        if step.entry.slot not in done and not (step.unless == "taken" and incident.taken_by)
    ]


def next_step_us(rule: Rule, incident: Incident | None) -> int | None:
    """When the next step is to be looked at: at its time, or, where it was hidden then, later. None: no more come."""
    times = [at_us for at_us, _ in pending_steps(rule, incident)]
    if incident is None or not times:
        return None
    hidden = [slot for slot in incident.hidden if is_step(slot)]
    return max(min(times), incident.step_us) if hidden else min(times)


def forget_doubles(notified_by_slot: Mapping[str, Notified]) -> dict[str, Notified]:
    """Leave out of those who were told each step that told the same people in the same place as another slot."""
    readers: dict[str, Notified] = {}
    for slot, notified in sorted(notified_by_slot.items(), key=lambda entry: is_step(entry[0])):
        twice = is_step(slot) and any(
            (other.to, other.overrides, other.shadow) == (notified.to, notified.overrides, notified.shadow)
            for other in readers.values()
        )
        if not twice:
            readers[slot] = notified
    return readers
