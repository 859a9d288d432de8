"""Runs every trial of a destination kind once and keeps what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bridge.contract.rig import Opener, Rig, Trial, outcome_text
from bridge.destinations.base import Outcome


@dataclass(frozen=True, slots=True)
class ObservedTrial:
    """What came of one trial: the outcome, whether the post stands there, and how often the service was asked."""

    trial: Trial
    outcome: Outcome
    arrived: int
    tries: int | None


_OBSERVED: dict[Opener, Sequence[ObservedTrial]] = {}


async def observe_trials(opener: Opener, folder: Path) -> Sequence[ObservedTrial]:
    """Run every trial of a kind, one after the other, against one running service; once, however often it is asked."""
    if opener not in _OBSERVED:
        async with opener(folder) as rig:
            _OBSERVED[opener] = [await _observe(rig, trial, n) for n, trial in enumerate(rig.trials)]
    return _OBSERVED[opener]


async def _observe(rig: Rig, trial: Trial, n: int) -> ObservedTrial:
    rig.clear()
    trial.arrange(rig.service)
    before = rig.arrived()
    async with rig.at_work(**trial.config) as destination:
        outcome = await destination.deliver(replace(trial.parcel, id=f"{n:032x}"))
    arrived, tries = rig.arrived() - before, rig.tries() if rig.tries is not None else None
    rig.clear()
    return ObservedTrial(trial, outcome, arrived, tries)


def outcome_table(observed: Sequence[ObservedTrial]) -> str:
    """The table of answers and outcomes for a page of documentation."""
    rows = [
        f"| {trial.trial.when} | {outcome_text(trial.outcome)} | {'yes' if trial.arrived else 'no'} |"
        for trial in observed
    ]
    return "\n".join(["| Answer, or what happened | Outcome | Is it there? |", "|---|---|---|", *rows])
