"""``dedupe: 10m``: the same key in the same state, told again within ten minutes, is a duplicate.

The window counts from the last post that passed and is not extended by duplicates (semantics.md item 27). A change of
state is never a duplicate, also when it changes back within the window: that is what ``flapping`` is for.
"""

from __future__ import annotations

from rules.deciding.quiet.ahead import is_ahead
from rules.deciding.quiet.rows import KeyRow, LastSent


def is_duplicate(row: KeyRow, slot: str, state: str, now_us: int, dedupe_s: float, *, shadow: bool = False) -> bool:
    """Whether the last post of this key to ``slot`` said the same less than ``dedupe_s`` ago.

    What was made in shadow nobody has read, so it counts in ``shadow`` only.
    """
    last = row.sent.get(slot)
    if last is None or last.state != state or last.shadow > shadow:
        return False
    return not is_ahead(last.at_us, now_us) and now_us - last.at_us < dedupe_s * 1_000_000


def remember_sent(row: KeyRow, slot: str, state: str, now_us: int, *, shadow: bool = False) -> None:
    """Remember that a post of this key passed to ``slot``."""
    row.sent[slot] = LastSent(state, now_us, shadow)


def expiry_us(row: KeyRow, dedupe_s: float) -> int:
    """When the last window ends and the row says nothing more about duplicates."""
    return max((last.at_us for last in row.sent.values()), default=0) + round(dedupe_s * 1_000_000)
