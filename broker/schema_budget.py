"""What checking a message against a schema may take: steps, counted before the work is done.

A few bytes of schema or message can stand for hours: references that double, lists held against themselves, patterns
with large repetitions. Time is no measure, for a message must be accepted or refused alike on every machine. A step is
about ten microseconds of checking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MOST_STEPS: Final = 500_000
"""What checking one message may take, and judging one schema."""
LOOP_STEPS: Final = 3_000
"""What all messages of a request may take on the event loop, before they are checked beside it."""
_RUNES_A_STEP: Final = 6  # as a shift: 64


class TooComplex(Exception):
    """A check would take more steps than it may; ``steps`` are those it may."""

    def __init__(self, steps: int) -> None:
        super().__init__(f"checking it takes more than {steps} steps; the message or its schema is too complex")
        self.steps = steps


class Budget:
    """The steps that are left of one check."""

    __slots__ = ("_left", "_steps", "reference_steps")

    def __init__(self, steps: int = MOST_STEPS) -> None:
        self._steps = self._left = steps
        self.reference_steps = 0
        """What following a reference by name takes, which looks through the whole schema."""

    def charge(self, steps: int) -> None:
        """Take steps from the budget. Raises TooComplex when there are not so many left."""
        self._left -= steps
        if self._left < 0:
            raise TooComplex(self._steps)

    def charge_deep(self, value: Any) -> None:
        """Pay for a look at all that a JSON value holds. Raises TooComplex as soon as it is too much."""
        waiting = [value]
        eighths = 8
        while waiting:
            node = waiting.pop()
            eighths += 1
            if isinstance(node, str):
                eighths += len(node) >> 3
            elif isinstance(node, Mapping):
                eighths += len(node)
                waiting.extend(node.values())
            elif isinstance(node, list):
                waiting.extend(node)
            if eighths >= 64 or not waiting:
                self.charge(eighths >> 3)
                eighths &= 7


def value_steps(value: Any) -> int:
    """The steps for one look at a value, not at what its members hold."""
    if isinstance(value, str):
        return len(value) >> _RUNES_A_STEP
    return len(value) if isinstance(value, list | Mapping) else 0


def nodes_in(value: Any, most: int) -> int:
    """How many values a JSON value is made of, ``most`` when there are more."""
    count, waiting = 0, [value]
    while waiting and count < most:
        node = waiting.pop()
        count += 1
        if isinstance(node, Mapping):
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return count
