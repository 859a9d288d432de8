"""The pictures of docs/architecture.md: one a table of states, as Mermaid draws them.

``python -m tests.docs.pictures`` writes them anew.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.delivery.circuit_breaker import BREAKER_STEPS
from bridge.push.push_stages import PUSH_STEPS
from bridge.routing.message_fates import MESSAGE_STEPS
from broker.delivery_states import DELIVERY_STEPS
from rules.deciding.quiet.incident_stages import INCIDENT_STEPS
from tests.house.reading import ROOT

PAGE = ROOT / "docs" / "architecture.md"
_BETWEEN = re.compile(r"(<!-- states of (\w+)[^>]*-->\n)(.*?)(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True)
class Machine:
    """A table of states: where it stands, where it begins, and its steps."""

    start: str
    steps: Mapping[tuple[str, str], str]

    @property
    def states(self) -> set[str]:
        return {state for state, _ in self.steps} | set(self.steps.values())

    @property
    def final(self) -> list[str]:
        return sorted(self.states - {state for state, _ in self.steps})


MACHINES: Mapping[str, Machine] = {
    "message": Machine("", MESSAGE_STEPS),  # type: ignore[arg-type] # its states are a closed set of texts
    "delivery": Machine("", DELIVERY_STEPS),  # type: ignore[arg-type]
    "breaker": Machine("closed", BREAKER_STEPS),  # type: ignore[arg-type]
    "incident": Machine("none", INCIDENT_STEPS),  # type: ignore[arg-type]
    "push": Machine("pull", PUSH_STEPS),  # type: ignore[arg-type]
}


def picture_of(machine: Machine) -> str:
    """The table as a Mermaid state diagram; steps between the same two states share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, step), to in machine.steps.items():
        arrows.setdefault((state or "[*]", to), []).append(step)
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {machine.start}"] if machine.start else []
    lines += [f"    {state} --> {to}: {'<br>'.join(steps)}" for (state, to), steps in arrows.items()]
    lines += [f"    {state} --> [*]" for state in machine.final]
    return "\n".join([*lines, "```", ""])


def with_pictures(page: str) -> str:
    """The page with each picture in its place."""
    return _BETWEEN.sub(lambda found: f"{found[1]}{picture_of(MACHINES[found[2]])}{found[4]}", page)


def marks(page: str) -> list[str]:
    """Which pictures the page has a place for."""
    return [found[2] for found in _BETWEEN.finditer(page)]


if __name__ == "__main__":
    PAGE.write_text(with_pictures(PAGE.read_text()))
    sys.stdout.write(f"{PAGE} is written\n")
