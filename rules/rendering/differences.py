"""What several events share, said once, and a table of the places in which they differ. Pure, and bounded.

Fifteen alerts one below the other are a wall; their differences are a short table. Of what is over, a line that names
each is enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rules.events.moments import moment_of
from rules.events.status import EMOJI
from rules.rendering.escape import escape_md, link_target

MOST_ROWS: Final = 20
_MOST_COLUMNS: Final = 4
_MOST_SHARED: Final = 6
_MOST_SUBJECTS: Final = 3
_CELL_RUNES: Final = 80
_SUBJECTS: Final = (
    *("labels.alertname", "alertname", "event_name", "SERVICEDESC", "service.name", "test_name", "service", "title"),
    *("ruleName", "name"),
)
_NOISE: Final = frozenset(
    {
        *("fingerprint", "endsAt", "status", "state", "alertname", "event_name", "id", "valueString", "orgId"),
        *("event_value", "event_id", "notification_type", "NOTIFICATIONTYPE", "silenceURL"),
    }
)
_OVER: Final = frozenset({"resolved", "ok", "normal", "recovery"})


@dataclass(frozen=True, slots=True)
class ComparedEvent:
    """An event among others: what its sender said, whether it is over, and a note on it."""

    data: Any
    is_over: bool
    note: str = ""


def said_together(items: Iterable[Any]) -> list[ComparedEvent]:
    """Items of a list as a sender wrote them, each over if its own status says so."""
    return [ComparedEvent(item, _status(item) in _OVER) for item in items]


def subjects(events: Iterable[Any], otherwise: str) -> str:
    """``12 x DiskWillFill, 3 x Down``: what events are about, the most frequent first, as Markdown."""
    about = Counter(_subject(data) or otherwise for data in events).most_common()
    told = [f"{count} x {escape_md(short(name))}" for name, count in about[:_MOST_SUBJECTS]]
    more = sum(count for _, count in about[_MOST_SUBJECTS:])
    return ", ".join([*told, *([f"{more} more"] if more else [])])


def shared_severity(events: Iterable[Any]) -> str:
    """The severity that all events name alike, or ""."""
    said = {places.get("labels.severity") or places.get("severity") or "" for places in map(_places, events)}
    return said.pop() if len(said) == 1 else ""


def differences(events: Sequence[ComparedEvent]) -> str:
    """What all share in a line, and a table of what differs, what fires first; "" where nothing differs."""
    ordered = sorted(events, key=lambda one: one.is_over)
    rows = [_places(one.data) for one in ordered if isinstance(one.data, Mapping)]
    if not rows or len(rows) != len(events):
        return ""
    known = list(dict.fromkeys(name for row in rows for name in row if not _is_noise(name)))
    shared = [name for name in known if len({row.get(name, "") for row in rows}) == 1]
    differing = [name for name in known if name not in shared and not _is_url(name, rows)]
    columns = sorted(differing, key=lambda name: (not name.startswith("labels."), name.startswith("annotations.")))
    columns = columns[:_MOST_COLUMNS]
    if not columns:
        return ""
    shared = [name for name in shared if _last(name) != "severity"]  # the headline says it
    said = [_share_line(shared, rows[0])] if shared else []
    all_over = all(one.is_over for one in ordered)
    told = [_list(columns, rows)] if all_over else ["", *_table(ordered, rows, columns)]
    notes = dict.fromkeys(one.note for one in ordered if one.note)
    return "\n".join([*said, *told, *([""] if notes else []), *(f"_{note}_" for note in list(notes)[:_MOST_SHARED])])


def short(value: str) -> str:
    """The beginning of a value, as long as a cell may be."""
    return value if len(value) <= _CELL_RUNES else f"{value[: _CELL_RUNES - 1]}…"


def _table(events: Sequence[ComparedEvent], rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> list[str]:
    mixed = any(one.is_over for one in events)
    heads = [*([""] if mixed else []), *(escape_md(_last(name)) for name in columns)]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for one, row in list(zip(events, rows, strict=True))[:MOST_ROWS]:
        sign = [EMOJI["ok" if one.is_over else "critical"]] if mixed else []
        lines.append(f"| {' | '.join([*sign, *(_cell(row.get(name, '')) for name in columns)])} |")
    return [*lines, *(["", f"and {len(rows) - MOST_ROWS} more"] if len(rows) > MOST_ROWS else [])]


def _list(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    """``instance: web1, web2 and 3 more``, by the place that tells most of them apart."""
    place = max(columns, key=lambda name: len({row.get(name, "") for row in rows}))
    values = [_cell(value) for value in dict.fromkeys(row.get(place, "") for row in rows) if value]
    more = len(values) - MOST_ROWS
    return f"{escape_md(_last(place))}: {', '.join(values[:MOST_ROWS])}{f' and {more} more' if more > 0 else ''}"


def _share_line(shared: Sequence[str], row: Mapping[str, str]) -> str:
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


def _status(item: Any) -> str:
    said = (item.get("status") or item.get("state") or "") if isinstance(item, Mapping) else ""
    return said.strip().lower() if isinstance(said, str) else ""


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


def _is_noise(name: str) -> bool:
    """Whether a place says nothing to people; names that begin with two underscores are their sender's own."""
    last = _last(name)
    return last in _NOISE or last.startswith("__")


def _is_url(name: str, rows: Sequence[Mapping[str, str]]) -> bool:
    return any(row.get(name, "").startswith(("http://", "https://")) for row in rows)


def _cell(value: str) -> str:
    if value.startswith("0001-01-01T"):  # no time
        return ""
    moment = moment_of(value) if value[:4].isdigit() and "T" in value else None
    if moment is not None:
        return moment.strftime("%Y-%m-%d %H:%M")
    return escape_md(short(" ".join(value.split())))


def _last(name: str) -> str:
    return name.rpartition(".")[2]
