"""docs/destinations.md: written by hand, but for its tables, which stand between marks and are made here.

``python -m tests.contracts.destinations.page`` writes them anew: settings from the records, outcomes from what the
services were seen to answer.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bridge.cli.settings_run import rows
from bridge.contract.observed_trials import observe_trials, outcome_table
from tests.contracts.destinations.openers import OPENERS

PAGE = Path(__file__).parents[3] / "docs" / "destinations.md"
_BETWEEN = re.compile(r"(<!-- (\w+) of (\w+)[^>]*-->\n)(.*?)(<!-- end -->)", re.DOTALL)
_PREFIX = "destinations.NAME."


def settings_table(kind: str) -> str:
    """The keys of a kind alone, or with ``all`` those of every kind."""
    found = [row for row in rows() if row["key"].startswith(_PREFIX) and row["takes"] != "a mapping"]
    found = [row for row in found if (row["kinds"] == "" if kind == "all" else kind in row["kinds"].split(", "))]
    drawn = [
        (
            f"`{row['key'].removeprefix(_PREFIX)}`",
            row["takes"],
            "needed" if row["needed"] else f"`{row['default']}`" if row["default"] else "",
            row["meaning"],
        )
        for row in found
    ]
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in drawn if row[0] != "`type`"]
    return "\n".join(["| Key | Takes | Default | Meaning |", "|---|---|---|---|", *(f"| {line} |" for line in lines)])


def in_place(page: str, tables: Mapping[tuple[str, str], str]) -> str:
    """The page with each table that ``tables`` has in its place."""

    def filled(found: re.Match[str]) -> str:
        table = tables.get((found[2], found[3]))
        return found[0] if table is None else f"{found[1]}{table}\n{found[5]}"

    return _BETWEEN.sub(filled, page)


def marks(page: str) -> set[tuple[str, str]]:
    """Which tables the page has a place for."""
    return {(found[2], found[3]) for found in _BETWEEN.finditer(page)}


async def tables() -> dict[tuple[str, str], str]:
    """Every table of the page."""
    made = {("settings", kind): settings_table(kind) for kind in ("all", *OPENERS)}
    for kind in OPENERS:
        with tempfile.TemporaryDirectory() as folder:
            made["outcomes", kind] = outcome_table(await observe_trials(OPENERS[kind], Path(folder)))
    return made


if __name__ == "__main__":
    PAGE.write_text(in_place(PAGE.read_text(), asyncio.run(tables())))
    sys.stdout.write(f"{PAGE} is written\n")
