"""What the pushes of a subscription suffer from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PushTrouble:
    """Since when the pushes of a subscription fail, and why the last one did."""

    since_us: int
    why: str
