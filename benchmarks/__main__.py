"""Runs the benchmarks one after the other and writes their table into docs/performance.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import uvloop
from rich.console import Console

from benchmarks import backlog, counts, deliveries, latency, nodes, publish, pull, rules, start
from benchmarks.machine import in_words
from benchmarks.rows import PAGE, Row, as_markdown, on_a_terminal, put_between_marks
from benchmarks.scale import FULL, QUICK, Run, Scale
from broker.clock import SystemClock

LONGEST_S: Final = 720.0
WIDTH: Final = 150
ALL: Final[Mapping[str, Callable[[Run], Awaitable[list[Row]]]]] = {
    one.NAME: one.measure for one in (publish, pull, rules, deliveries, latency, start, backlog, counts, nodes)
}


async def run_all(names: Sequence[str], scale: Scale, folder: Path | None, console: Console) -> list[Row]:
    """The rows of these benchmarks. Raises TimeoutError when all of it takes longer than LONGEST_S."""
    rows: list[Row] = []
    began = time.perf_counter()
    async with SystemClock().timeout(LONGEST_S):
        for name in names:

            def tell(text: str, name: str = name) -> None:
                console.print(
                    f"[dim]{time.perf_counter() - began:5.0f} s[/dim]  [bold]{name}[/bold]  {text}", soft_wrap=True
                )

            with tempfile.TemporaryDirectory(prefix=f"benchmark-{name}-", dir=folder) as own:
                found = await ALL[name](Run(scale, Path(own), tell))
            for row in found:
                tell("  ".join(cell for cell in row.cells[1:] if cell))
            rows += found
    return rows


def main() -> None:
    """Read the command line, measure, print, and write the page when everything was measured at full size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(ALL), help="this one (may be repeated); no page")
    parser.add_argument("--quick", action="store_true", help="a first look, within a minute or two; no page")
    parser.add_argument("--folder", type=Path, help="a folder on the disk to be measured; the temporary one otherwise")
    asked = parser.parse_args()
    console = Console()
    console.width = max(console.width, WIDTH)
    names = asked.only or list(ALL)
    try:
        rows = uvloop.run(run_all(names, QUICK if asked.quick else FULL, asked.folder, console))
    except TimeoutError:
        sys.exit(
            f"stopped: something took too long ({LONGEST_S:.0f} s is the most for everything); no page was written"
        )
    caption = in_words()
    console.print(on_a_terminal(rows, caption))
    if not asked.only and not asked.quick:
        PAGE.write_text(put_between_marks(PAGE.read_text(), as_markdown(rows, caption)))
        console.print(f"written into {PAGE.name}")
    sys.exit("\n".join(counts.too_many(rows)) or 0)


if __name__ == "__main__":
    main()
