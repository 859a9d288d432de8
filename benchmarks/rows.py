"""What a measurement says: a row of the table, and how the rows stand in docs/performance.md."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.table import Table

PAGE: Final = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN: Final = "<!-- measured: begin (make bench writes what stands between these marks) -->"
END: Final = "<!-- measured: end -->"
HEADINGS: Final = ("measured", "ams-bridge", "beside it", "its number", "ratio", "wanted")


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement beside its limit; all texts are as they are shown. ``group`` is the benchmark's name."""

    group: str
    what: str
    ours: str
    beside: str = ""
    limit: str = ""
    ratio: str = ""
    wanted: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells in the order of HEADINGS."""
        return (f"{self.group}: {self.what}", self.ours, self.beside, self.limit, self.ratio, self.wanted)


def ratio_of(pairs: Sequence[tuple[float, float]]) -> str:
    """The median of ours over theirs, round by round, so that what else the machine did falls on both."""
    told = [ours / theirs for ours, theirs in pairs if theirs > 0]  # a slice too short may hold nothing
    return f"{statistics.median(told):.2f}" if told else "-"


def rate(pairs: Sequence[float], unit: str) -> str:
    """The median of several rates, as text."""
    return f"{statistics.median(pairs):,.0f} {unit}"


def quantile_ms(times_s: Sequence[float], share: float) -> float:
    """So many of the times were at most this, in milliseconds."""
    return sorted(times_s)[min(len(times_s) - 1, int(len(times_s) * share))] * 1_000


def on_a_terminal(rows: Sequence[Row], caption: str) -> Table:
    """The rows for people at a terminal."""
    table = Table(*HEADINGS, caption=caption)
    for number, row in enumerate(rows):
        last = number + 1 == len(rows) or rows[number + 1].group != row.group
        table.add_row(*row.cells, end_section=last)
    return table


def as_markdown(rows: Sequence[Row], caption: str) -> str:
    """The rows for the page."""
    lines = [caption, "", "| " + " | ".join(HEADINGS) + " |", "|---|---:|---|---:|---:|---:|"]
    lines += ["| " + " | ".join(row.cells) + " |" for row in rows]
    return "\n".join(lines)


def put_between_marks(page: str, table: str) -> str:
    """The page with ``table`` between its marks. Raises ValueError when it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} lacks the marks between which the table goes")
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"
