"""A table behind the tests of the eight systems: with which programs each was asked, what went in and out, its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.examples.systems import traffic

_HEAD = ("system", "with", "messages in", "out", "result", "seconds")
_ENDS = ("passed", "failed", "error", "skipped")


@dataclass
class _Row:
    """What the tests of one system came to."""

    programs: str
    messages_in: int = 0
    messages_out: int = 0
    seconds: float = 0.0
    ends: dict[str, int] = field(default_factory=dict)

    @property
    def result(self) -> str:
        """How many tests ended how."""
        return ", ".join(f"{self.ends[end]} {end}" for end in _ENDS if end in self.ends)


@pytest.fixture(autouse=True)
def _noted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Note of which system a test is, and what the daemons that it started took and gave."""
    mark = request.node.get_closest_marker("system")
    if mark is not None:
        request.node.user_properties.append(("system", list(mark.args)))
    before = len(traffic)
    yield
    for taken, given in traffic[before:]:
        request.node.user_properties.append(("traffic", [taken, given]))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table, when tests of a system ran."""
    rows: dict[str, _Row] = {}
    for end in _ENDS:
        for report in terminalreporter.stats.get(end, ()):
            _note_end(rows, end, report)
    for report in terminalreporter.stats.get("", ()):  # what begins and ends a test well
        _note_traffic(rows, report)
    if not rows:
        return
    cells = [_HEAD]
    for system, row in sorted(rows.items()):
        counts = (str(row.messages_in), str(row.messages_out), row.result, f"{row.seconds:.1f}")
        cells.append((system, row.programs, *counts))
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    terminalreporter.section("the eight systems")
    for line in cells:
        terminalreporter.line("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _note_end(rows: dict[str, _Row], end: str, report: Any) -> None:
    for system, programs in _told(report, "system"):
        row = rows.setdefault(system, _Row(programs))
        row.ends[end] = row.ends.get(end, 0) + 1
        row.seconds += report.duration


def _note_traffic(rows: dict[str, _Row], report: Any) -> None:
    if report.when == "teardown":
        for system, programs in _told(report, "system"):
            row = rows.setdefault(system, _Row(programs))
            for taken, given in _told(report, "traffic"):
                row.messages_in += taken
                row.messages_out += given


def _told(report: Any, name: str) -> list[Any]:
    return [value for told, value in getattr(report, "user_properties", []) if told == name]
