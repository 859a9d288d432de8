"""The text of a post about many events: what it is about and how many, what they share once, and what differs.

One alert is two or three lines; fifteen of them one below the other are a wall. A group whose events speak in one line
each stays a list below its headline. Shipped templates become a table of the places that differ; what an author wrote
is kept: lines that all texts share stand once, and the rest of each is one item of a list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rules.events.moments import moment_of
from rules.events.status import EMOJI, meaning_of
from rules.rendering.escape import escape_md, link_target

MANY: Final = 4
"""From how many events on a post is a summary with a table or a list; fewer are shown whole."""

MOST_ROWS: Final = 20
_MOST_COLUMNS: Final = 4
_MOST_SHARED: Final = 6
_MOST_SUBJECTS: Final = 3
_CELL_RUNES: Final = 80
_SUBJECTS: Final = (
    *("labels.alertname", "alertname", "event_name", "SERVICEDESC", "service.name", "test_name", "service", "title"),
    *("ruleName", "name"),
)
_NOISE: Final = frozenset({"fingerprint", "endsAt", "status", "state", "severity", "alertname", "event_name", "id"})
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
    blocks = [_noted(one.text.strip("\n"), one.note) for one in events]
    lines = any("\n" in block for block in blocks)
    if len(events) < MANY:
        joined = ("\n\n" if lines else "\n").join(blocks)
        return f"{_summary(events, rule, severity)}\n\n{joined}" if lines else joined
    summary = _summary(events, rule, severity)
    if not lines:
        return "\n".join([summary, *blocks])
    table = _table(events) if shipped else ""
    return "\n".join([summary, table or _list(blocks)])


def _summary(events: Sequence[ToldEvent], rule: str, severity: str) -> str:
    """``:red_circle: **15 x DiskWillFill**, warning: 12 firing, 3 over``."""
    over = sum(one.phase in _OVER for one in events)
    firing = sum(one.phase in ("firing", "reminder", "flapping") for one in events)
    severity = severity or _shared_severity(events)
    about = Counter(_subject(one.data) or rule for one in events).most_common()
    told = [f"{count} x {escape_md(_short(name))}" for name, count in about[:_MOST_SUBJECTS]]
    more = sum(count for _, count in about[_MOST_SUBJECTS:])
    headline = ", ".join([*told, *([f"{more} more"] if more else [])])
    if over == len(events):
        return f"{EMOJI['ok']} **{headline}**: all over"
    sign = f"{EMOJI[meaning_of(severity or 'critical')]} " if severity or firing else ""
    word = f", {escape_md(severity)}" if severity else ""
    counts = f": {firing} firing, {over} over" if firing and over else ""
    return f"{sign}**{headline}**{word}{counts}"


def _shared_severity(events: Sequence[ToldEvent]) -> str:
    """The severity that all events name alike, or ""."""
    said = {places.get("labels.severity") or places.get("severity") or "" for places in map(_places, _data(events))}
    return said.pop() if len(said) == 1 else ""


def _table(events: Sequence[ToldEvent]) -> str:
    """What all events share in a line, and a table of the places where they differ; "" where there is none."""
    ordered = sorted(events, key=lambda one: one.phase in _OVER)
    rows = [_places(one.data) for one in ordered if isinstance(one.data, Mapping)]
    if len(rows) != len(events):
        return ""
    known = [name for name in dict.fromkeys(name for row in rows for name in row) if name.split(".")[-1] not in _NOISE]
    shared = [name for name in known if len({row.get(name, "") for row in rows}) == 1]
    columns = [name for name in known if name not in shared and not _is_url(name, rows)]
    columns.sort(key=lambda name: (not name.startswith("labels."), name.startswith("annotations.")))
    columns = columns[:_MOST_COLUMNS]
    if not columns:
        return ""
    mixed = len({one.phase in _OVER for one in ordered}) > 1
    heads = [*([""] if mixed else []), *(escape_md(_last(name)) for name in columns)]
    lines = [_shared_line(shared, rows[0])] if shared else []
    lines += ["", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for one, row in list(zip(ordered, rows, strict=True))[:MOST_ROWS]:
        sign = [EMOJI["ok" if one.phase in _OVER else "critical"]] if mixed else []
        lines.append(f"| {' | '.join([*sign, *(_cell(row.get(name, '')) for name in columns)])} |")
    if len(rows) > MOST_ROWS:
        lines += ["", f"and {len(rows) - MOST_ROWS} more"]
    notes = dict.fromkeys(one.note for one in ordered if one.note)
    return "\n".join([*lines, *([""] if notes else []), *(f"_{note}_" for note in list(notes)[:_MOST_SHARED])])


def _shared_line(shared: Sequence[str], row: Mapping[str, str]) -> str:
    told: list[str] = []
    for name in shared:
        target = link_target(row[name]) if row.get(name, "").startswith("http") else ""
        word = escape_md(_last(name).removesuffix("_url").removesuffix("URL"))
        if target:
            told.append(f"[{word}]({target})")
        elif name.startswith("annotations."):
            told.append(_cell(row.get(name, "")))
        else:
            told.append(f"{word} {_cell(row.get(name, ''))}")
    return " · ".join(told[:_MOST_SHARED])


def _list(blocks: Sequence[str]) -> str:
    """Lines that all texts share once, then a list of what is left of each; texts with blocks of code stay whole."""
    if any(mark in block for block in blocks for mark in ("```", "~~~", "\n    ", "\n|", "\n>")):
        return "\n" + "\n\n".join(blocks)
    texts = [[line for line in block.split("\n") if line.strip()] for block in blocks]
    shared = [line for line in dict.fromkeys(texts[0]) if all(line in text for text in texts[1:])]
    kept = [" · ".join(line.strip() for line in text if line not in shared) for text in texts]
    return "\n".join([*shared, "", *(f"- {line}" for line in dict.fromkeys(kept) if line)]).rstrip("\n")


def _data(events: Sequence[ToldEvent]) -> Iterator[Any]:
    return (one.data for one in events)


def _subject(data: Any) -> str:
    places = _places(data)
    return next((places[name] for name in _SUBJECTS if places.get(name)), "")


def _places(data: Any) -> dict[str, str]:
    """The small values of an event by name: of its own keys, and of mappings among them."""
    found: dict[str, str] = {}
    if isinstance(data, Mapping):
        for name, value in data.items():
            inner = value.items() if isinstance(value, Mapping) else ()
            found |= {f"{name}.{key}": text for key, one in inner if (text := _scalar(one))}
            text = _scalar(value)
            if text:
                found[str(name)] = text
    return found


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value.strip() if isinstance(value, str) else ""


def _is_url(name: str, rows: Sequence[Mapping[str, str]]) -> bool:
    return any(row.get(name, "").startswith(("http://", "https://")) for row in rows)


def _cell(value: str) -> str:
    moment = moment_of(value) if value[:4].isdigit() and "T" in value else None
    if moment is not None:
        return moment.strftime("%Y-%m-%d %H:%M")
    return escape_md(_short(" ".join(value.split())))


def _short(value: str) -> str:
    return value if len(value) <= _CELL_RUNES else f"{value[: _CELL_RUNES - 1]}…"


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _noted(text: str, note: str) -> str:
    return "\n".join(part for part in (text, note and f"_{note}_") if part)
