"""The text of a post about many events: what it is about and how many, what they share once, and what differs.

One alert is two or three lines; fifteen of them one below the other are a wall. A group whose events speak in one line
each stays a list below its headline. Shipped templates become a table of the places that differ; what an author wrote
is kept: lines that all texts share stand once, and the rest of each is one item of a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rules.events.status import EMOJI, meaning_of
from rules.rendering.differences import ComparedEvent, differences, shared_severity, subjects
from rules.rendering.escape import escape_md

MOST_ROWS: Final = 50
"""How many events a table of the author's lists; the rest it counts."""
MANY: Final = 4
"""From how many events on a post is a summary with a table or a list; fewer are shown whole."""

_OVER: Final = frozenset({"resolved", "stale"})


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """One event of a group: what its sender said, why it is told, its own text and a note on it."""

    data: Any
    phase: str
    text: str
    note: str = ""


def group_text(events: Sequence[ToldEvent], *, rule: str, severity: str, shipped: bool) -> str:
    """The text of a group of several events, beginning with how many of what.

    ``severity`` is the worst of them, ``shipped`` says that the texts are of a template of ours: a table replaces them.
    """
    blocks = [_add_note(event.text.strip("\n"), event.note) for event in events]
    lines = any("\n" in block for block in blocks)
    if len(events) < MANY:
        joined = ("\n\n" if lines else "\n").join(blocks)
        return f"{_summary(events, rule, severity)}\n\n{joined}" if lines else joined
    summary = _summary(events, rule, severity)
    compared = [ComparedEvent(event.data, event.phase in _OVER, event.note) for event in events] if shipped else []
    table = differences(compared)
    if not lines and not table:
        return "\n".join([summary, *blocks])
    return "\n".join([summary, table or _list(blocks)])


def headline_text(values: Sequence[Any], rule: str, *, over: bool) -> str:
    """A headline for those who wrote a table and none: how many of what."""
    return f"**{subjects(iter(values), rule)}**{': all over' if over else ''}"


def table_text(heads: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str]) -> str:
    """A table of the author's: a row for each event, the first fifty, and a column for notes where there are any."""
    heads = [*heads, *([""] if any(notes) else [])]
    rows = [[*row, *([note] if any(notes) else [])] for row, note in zip(rows, notes, strict=True)]
    lines = [heads, ["---"] * len(heads), *rows[:MOST_ROWS]]
    table = "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)
    return f"{table}\n\nand {len(rows) - MOST_ROWS} more" if len(rows) > MOST_ROWS else table


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


def _summary(events: Sequence[ToldEvent], rule: str, severity: str) -> str:
    """``:red_circle: **15 x DiskWillFill**, warning: 12 firing, 3 over``."""
    over = sum(event.phase in _OVER for event in events)
    firing = sum(event.phase in ("firing", "reminder", "flapping") for event in events)
    severity = severity or shared_severity(_data(events))
    headline = subjects(_data(events), rule)
    if over == len(events):
        return f"{EMOJI['ok']} **{headline}**: all over"
    sign = f"{EMOJI[meaning_of(severity or 'critical')]} " if severity or firing else ""
    word = f", {escape_md(severity)}" if severity else ""
    counts = f": {firing} firing, {over} over" if firing and over else ""
    return f"{sign}**{headline}**{word}{counts}"


def _list(blocks: Sequence[str]) -> str:
    """Lines that all texts share once, then a list of what is left of each; texts with blocks of code stay whole."""
    if any(mark in block for block in blocks for mark in ("```", "~~~", "\n    ", "\n|", "\n>")):
        return "\n" + "\n\n".join(blocks)
    texts = [[line for line in block.split("\n") if line.strip()] for block in blocks]
    shared = [line for line in dict.fromkeys(texts[0]) if all(line in text for text in texts[1:])]
    kept = [" · ".join(line.strip() for line in text if line not in shared) for text in texts]
    return "\n".join([*shared, "", *(f"- {line}" for line in dict.fromkeys(kept) if line)]).rstrip("\n")


def _data(events: Sequence[ToldEvent]) -> Iterator[Any]:
    return (event.data for event in events)


def _add_note(text: str, note: str) -> str:
    return "\n".join(part for part in (text, note and f"_{note}_") if part)
