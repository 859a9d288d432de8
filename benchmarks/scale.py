"""How much is measured: enough to trust, a first look, or as little as shows that it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of every benchmark."""

    rounds: int
    slice_s: float
    rule_counts: tuple[int, ...]
    deliveries: int
    latency_rates: tuple[int, ...]
    latency_s: float
    latency_least: int  # messages: fewer say nothing of the slowest in a hundred
    stored: int
    backlog: int


FULL: Final = Scale(
    rounds=5,
    slice_s=1.0,
    rule_counts=(10, 100, 1_000, 10_000),
    deliveries=4_000,
    latency_rates=(10, 100, 200, 1_000),
    latency_s=10.0,
    latency_least=200,
    stored=1_000_000,
    backlog=100_000,
)
QUICK: Final = Scale(
    rounds=2,
    slice_s=0.5,
    rule_counts=(10, 100, 1_000),
    deliveries=1_000,
    latency_rates=(10, 100, 200, 1_000),
    latency_s=2.0,
    latency_least=20,
    stored=50_000,
    backlog=5_000,
)
TINY: Final = Scale(
    rounds=1,
    slice_s=0.05,
    rule_counts=(1, 10),
    deliveries=100,
    latency_rates=(50,),
    latency_s=0.2,
    latency_least=1,
    stored=200,
    backlog=100,
)


@dataclass(frozen=True, slots=True)
class Run:
    """What a benchmark is given: its sizes, a folder of its own on the disk to be measured, and who hears of it."""

    scale: Scale
    folder: Path
    tell: Callable[[str], None]
