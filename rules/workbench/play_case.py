"""Plays a case of a rule file on a clock and state of its own: its messages, its timers, and who takes an incident."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from rules.case import Case, CaseMessage, CaseTake
from rules.deciding.batch_state import InMemoryState
from rules.deciding.quiet.incident_rows import incident_of, take_row
from rules.deciding.quiet.silences import compile_silences
from rules.model import StateChange
from rules.ruleset import RuleSet
from rules.source.bounds import MOST_STEPS
from rules.source.words import duration_text
from rules.workbench.dry_run import DryRunStep, Rehearsal

SLACK_US: Final = 500_000
"""How far from the time that a test says something may happen: timers rest a moment before they fire again."""
_TAKER: Final = "somebody"


def play_case(rule_set: RuleSet, case: Case, untaken: list[str]) -> Iterator[DryRunStep]:
    """Play the case; ``untaken`` gets what could not be taken, for nothing fired."""
    state = InMemoryState()
    rehearsal = Rehearsal(rule_set, silences=compile_silences(case.silences), state=state)
    rehearsal.begin(case.start_us)
    happenings: list[CaseMessage | CaseTake] = [*case.messages, *case.takes]
    for happening in sorted(happenings, key=lambda event: event.at_us):
        now_us = case.start_us + happening.at_us
        yield from rehearsal.run_to(now_us, MOST_STEPS)
        match happening:
            case CaseMessage():
                yield rehearsal.take(happening.incoming, now_us, happening.decoded)
            case CaseTake():
                taken = _take_incidents(state, happening)
                for row in taken:
                    rehearsal.note_taken(row.rule, happening.key, now_us)
                if not taken:
                    at = duration_text(happening.at_us / 1_000_000)
                    untaken.append(f'{happening.place}: nothing with the key "{happening.key}" fires at {at}')
    yield from rehearsal.run_to(case.start_us + case.until_us + SLACK_US, MOST_STEPS)


def _take_incidents(state: InMemoryState, take: CaseTake) -> list[StateChange]:
    """Take every incident that is meant; gives their rows."""
    changes: list[StateChange] = []
    for row in state.rows():
        incident = incident_of(row.key, row.value)
        meant = incident is not None and incident.key == take.key and take.rule in ("", row.rule)
        taken = take_row(row.key, row.value, _TAKER) if meant else None
        if taken is not None:
            changes.append(replace(row, value=taken.value))
    state.commit(changes)
    return changes
