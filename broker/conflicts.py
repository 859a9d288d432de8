"""Repeats a step that reads, decides and writes while somebody else changes in between what it read.

Every write of the store is compared with the versions it was decided on (``Moved``). Whoever writes says so here: what
is read again each time is the step, how often is a number, and who gives up says what never held still. Loops that must
never give up (a topic's router, a canary) are not of this kind, and stand where they are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from broker.errors import ConflictsPersist, Moved

ATTEMPTS: Final = 20
"""How often a step is taken unless it says otherwise: enough for as many people who click at the same thing at once."""
T = TypeVar("T")


async def retry_on_conflict(
    step: Callable[[], Awaitable[T]], *, what: str, on: type[Moved] = Moved, attempts: int = ATTEMPTS
) -> T:
    """What ``step`` gives, once it was not overtaken; it must read anew each time, and change nothing when it raises.

    ``what`` names what others change, for the error: "the cursor". Raises ConflictsPersist after ``attempts`` conflicts
    of kind ``on``, and at once whatever else the step raises.
    """
    conflict: Moved | None = None
    for _ in range(attempts):
        try:
            return await step()
        except on as moved:
            conflict = moved
    raise ConflictsPersist(what, attempts) from conflict
