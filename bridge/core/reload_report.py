"""What the daemon leaves in its runtime folder of its last reload, for whoever sent the signal that asked for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

REPORT_FILE: Final = "reload.json"


@dataclass(frozen=True, slots=True)
class ReloadReport:
    """What came of a reload that began at ``begun_s``, by the machine's steady clock.

    ``problems`` says why everything stays as it was; "" when the files are in force.
    """

    begun_s: float
    version: str
    problems: str = ""
    warnings: Sequence[str] = ()


def write_report(folder: Path, report: ReloadReport) -> None:
    """Put a report in the place of the last one, in one step. Raises OSError."""
    partial = folder / f"{REPORT_FILE}.partial"
    partial.write_text(json.dumps(asdict(report)), encoding="utf-8")
    partial.replace(folder / REPORT_FILE)


def read_report(folder: Path) -> ReloadReport | None:
    """The report of the last reload; None before the first. Raises OSError, and ValueError for what is none."""
    try:
        text = (folder / REPORT_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        return ReloadReport(**json.loads(text))
    except TypeError as error:
        raise ValueError(f"this is no report of a reload: {error}") from error
