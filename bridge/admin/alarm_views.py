"""What the page of a table shows: cells as plain values, choices with their counts, and the same rows as files."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from bridge.destinations.row_source import RowsFound
from bridge.destinations.sql.columns import moment_or_none

MOST_BOXES: Final = 8
"""So many values are boxes to tick; more are a list to choose from."""
MOST_CHOICES: Final = 200
_SHOWN_RUNES: Final = 400
_TONES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("critical", "crit", "fatal", "emergency", "alert", "down", "high", "disaster"), "critical"),
    **dict.fromkeys(("error", "err", "failed", "major", "unreachable"), "error"),
    **dict.fromkeys(("warning", "warn", "minor", "degraded", "average"), "warning"),
    **dict.fromkeys(("ok", "up", "resolved", "cleared", "normal", "recovery", "green"), "ok"),
}
_FORMULA: Final = re.compile(r"[=+\-@\t\r]")
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class CellView:
    """One value of a row: ``text`` as it is shown, ``at`` a moment of the API, ``tone`` the severity it means."""

    name: str
    kind: Literal["text", "time", "severity", "link", "none"]
    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class ChoiceView:
    """A column whose values can be chosen: boxes for few, a list for more, a field to type in for many."""

    name: str
    kind: Literal["boxes", "list", "typed"]
    options: Sequence[tuple[str, int, bool]]
    chosen: Sequence[str]


def cells_of(row: Mapping[str, Any], matches: RowsFound, severity: str) -> list[CellView]:
    """The shown values of a row, in order."""
    return [_cell(name, row.get(name), name in matches.times, name == severity) for name in matches.columns]


def _cell(name: str, value: object, is_time: bool, is_severity: bool) -> CellView:
    plain = plain_value(value, is_time=is_time)
    if plain is None or plain == "":
        return CellView(name, "none", "—")
    if is_time and moment_or_none(value) is not None:
        return CellView(name, "time", str(plain))
    text = plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()
    if is_severity:
        return CellView(name, "severity", text[:_SHOWN_RUNES], tone_of(text))
    if text.startswith(("https://", "http://")) and not any(character.isspace() for character in text):
        return CellView(name, "link", text[:2_000])
    return CellView(name, "text", text if len(text) <= _SHOWN_RUNES else f"{text[: _SHOWN_RUNES - 1]}…")


def tone_of(word: str) -> str:
    """The severity that a word of somebody's table means, "" when it is none that we know."""
    return _TONES.get(word.strip().lower(), "")


def choice_of(name: str, values: Sequence[tuple[str, int]], chosen: Sequence[str]) -> ChoiceView:
    """What can be chosen of a column; what was chosen and is not there any more stays to be unchosen."""
    known = {text for text, _ in values}
    options = [(text, count, text in chosen) for text, count in values]
    options += [(text, 0, True) for text in chosen if text not in known]
    if len(values) > MOST_CHOICES:
        return ChoiceView(name, "typed", (), chosen)
    return ChoiceView(name, "boxes" if len(options) <= MOST_BOXES or len(chosen) > 1 else "list", options, chosen)


def plain_value(value: object, *, is_time: bool = False) -> Any:
    """A value of a database as JSON has it: moments in UTC, what JSON cannot hold as text."""
    at = moment_or_none(value) if is_time or isinstance(value, datetime) else None
    if at is not None:
        return at.isoformat(timespec="seconds" if not at.microsecond else "milliseconds").replace("+00:00", "Z")
    match value:
        case None | bool() | int() | float() | str() | list() | dict():
            return value
        case Decimal():
            return float(value)
        case date():
            return value.isoformat()
        case bytes() | memoryview():
            return bytes(value).hex()
        case _:
            return str(value)


def rows_as_json(name: str, matches: RowsFound) -> bytes:
    """The rows as a JSON document, each value as it is."""
    rows = [
        {column: plain_value(row.get(column), is_time=column in matches.times) for column in matches.columns}
        for row in matches.rows
    ]
    return json.dumps({"table": name, "rows": rows}, ensure_ascii=False, indent=1, default=str).encode()


def rows_as_csv(matches: RowsFound) -> bytes:
    """The rows as a table for spreadsheets: a text that one would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(matches.columns)
    for row in matches.rows:
        writer.writerow([_as_text(row.get(column), is_time=column in matches.times) for column in matches.columns])
    return out.getvalue().encode("utf-8", "replace")


def _as_text(value: object, *, is_time: bool) -> str:
    plain = plain_value(value, is_time=is_time)
    if plain is None:
        return ""
    if isinstance(plain, bool):
        return "true" if plain else "false"
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, default=str)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
