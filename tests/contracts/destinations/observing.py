"""Runs every case of a kind and writes down what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bridge.destinations.base import Outcome
from tests.contracts.destinations.on_this_machine import ON_THIS_MACHINE
from tests.contracts.destinations.over_http import OVER_HTTP
from tests.contracts.destinations.rig import Case, Opener, Rig, in_words

OPENERS: dict[str, Opener] = {opener.__name__: opener for opener in (*OVER_HTTP, *ON_THIS_MACHINE)}


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one case: the outcome, whether the post stands there, and how often the service was asked."""

    case: Case
    outcome: Outcome
    arrived: int
    tries: int | None


_SEEN: dict[str, Sequence[Seen]] = {}


async def observed(kind: str, folder: Path) -> Sequence[Seen]:
    """Every case of a kind, one after the other, against one running service. Looked at once."""
    if kind not in _SEEN:
        async with OPENERS[kind](folder) as rig:
            _SEEN[kind] = [await _seen(rig, case, n) for n, case in enumerate(rig.cases)]
    return _SEEN[kind]


async def _seen(rig: Rig, case: Case, n: int) -> Seen:
    rig.clear()
    case.arrange(rig.service)
    before = rig.arrived()
    async with rig.at_work(**case.config) as destination:
        outcome = await destination.deliver(replace(case.parcel, id=f"{n:032x}"))
    arrived, tries = rig.arrived() - before, rig.tries() if rig.tries is not None else None
    rig.clear()
    return Seen(case, outcome, arrived, tries)


def table_of(seen: Sequence[Seen]) -> str:
    """The page's table of answers and outcomes."""
    rows = [f"| {one.case.when} | {in_words(one.outcome)} | {'yes' if one.arrived else 'no'} |" for one in seen]
    return "\n".join(["| Answer, or what happened | Outcome | Is it there? |", "|---|---|---|", *rows])
