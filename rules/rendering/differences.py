"""What several events share, said once, and a table of the places in which they differ. Pure, and bounded.

Fifteen alerts one below the other are a wall; their differences are a short table. Of what is over, a line that names
each is enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from rules.events.moments import named_time
from rules.events.status import EMOJI, Meaning, meaning_of
from rules.rendering.escape import escape_md, link_target

MOST_ROWS: Final = 20
_MOST_COLUMNS: Final = 4
_MOST_SHARED: Final = 6
_MOST_SUBJECTS: Final = 3
_CELL_RUNES: Final = 80
_MOST_PLACES: Final = 50
_VALUE_RUNES: Final = 4_000  # an address must not be cut
_WEIGHTS: Final[Mapping[Meaning, int]] = {"critical": 4, "warning": 2, "info": 1, "ok": 0}
_SUBJECTS: Final = (
    *("labels.alertname", "alertname", "event_name", "SERVICEDESC", "service.name", "test_name", "service", "title"),
    *("ruleName", "name"),
)
_NOISE: Final = frozenset(
    {
        *("fingerprint", "endsAt", "status", "state", "id", "valueString", "orgId"),
        *("event_value", "event_id", "notification_type", "NOTIFICATIONTYPE", "silenceURL", "specversion"),
    }
)
_IN_HEADLINE: Final = ("alertname", "event_name", "severity")  # where all say the same
_OVER: Final = frozenset({"resolved", "ok", "normal", "recovery"})


@dataclass(frozen=True, slots=True)
class ComparedEvent:
    """An event among others: what its sender said, whether it is over, and a note on it."""

    data: Any
    is_over: bool
    note: str = ""


def read_items(items: Iterable[Any], otherwise: str = "") -> list[ComparedEvent]:
    """Items of a list as a sender wrote them, each over if its status says so; without one it has that of them all."""
    return [ComparedEvent(item, _is_over(item, otherwise)) for item in items]


def subjects(events: Iterable[Any], otherwise: str) -> str:
    """``12 x DiskWillFill, 3 x Down``: what events are about, the most frequent first, as Markdown.

    Where each has a name of its own they are counted as what is said ``otherwise``.
    """
    about = Counter(" ".join(_subject(data).split()) or otherwise for data in events).most_common()
    if len(about) > _MOST_SUBJECTS and about[0][1] == 1:  # each has a name of its own
        return f"{len(about)} x {escape_md(shorten(otherwise))}"
    texts = [f"{count} x {escape_md(shorten(name))}" for name, count in about[:_MOST_SUBJECTS]]
    more = sum(count for _, count in about[_MOST_SUBJECTS:])
    return ", ".join([*texts, *([f"{more} more"] if more else [])])


def shared_severity(events: Iterable[Any]) -> str:
    """The severity that all events name alike, or ""."""
    texts = {_severity(data) for data in events}
    return texts.pop() if len(texts) == 1 else ""


def tally(items: Sequence[Any], otherwise: str = "") -> dict[str, Any]:
    """How many items fire and are over, the worst severity of what fires, and the first twenty, what fires first."""
    over = [_is_over(item, otherwise) for item in items]
    firing = [item for item, is_over in zip(items, over, strict=True) if not is_over]
    ended = [item for item, is_over in zip(items, over, strict=True) if is_over]
    worst = max(dict.fromkeys(map(_severity, firing)), key=_weight, default="")
    first = [*firing[:MOST_ROWS], *ended[:MOST_ROWS]][:MOST_ROWS]
    return {"firing": len(firing), "over": len(ended), "severity": worst, "first": first}


def differences(events: Sequence[ComparedEvent]) -> str:
    """What all share in a line, and a table of what differs, what fires first; "" where nothing differs."""
    ordered = sorted(events, key=lambda event: event.is_over)
    rows = [_places(event.data) for event in ordered if isinstance(event.data, Mapping)]
    if not rows or len(rows) != len(events):
        return ""
    known = list(dict.fromkeys(name for row in rows for name in row if not _is_noise(name)))
    shared = [name for name in known if len({row.get(name, "") for row in rows}) == 1]
    differing = [name for name in known if name not in shared and not _is_url(name, rows)]
    columns = sorted(differing, key=_rank)
    columns = columns[:_MOST_COLUMNS]
    if not columns:
        return ""
    shared = [name for name in shared if _last(name) not in _IN_HEADLINE and name not in _SUBJECTS]
    all_over = all(event.is_over for event in ordered)
    if all_over:  # why it was bad, and what to do, is no news any more
        shared = [
            name for name in shared if name.startswith("labels.") or ("." not in name and not _is_url(name, rows))
        ]
        shared = [name for name in shared if name != "startsAt"]
    texts = [_shared_line(shared, rows[0])] if shared else []
    lines = [_list(columns, rows)] if all_over else ["", *_table(ordered, rows, columns)]
    notes = dict.fromkeys(event.note for event in ordered if event.note)
    return "\n".join([*texts, *lines, *([""] if notes else []), *(f"_{note}_" for note in list(notes)[:_MOST_SHARED])])


def shorten(value: str) -> str:
    """The beginning of a value, as long as a cell may be."""
    return value if len(value) <= _CELL_RUNES else f"{value[: _CELL_RUNES - 1]}…"


def _table(events: Sequence[ComparedEvent], rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> list[str]:
    mixed = any(event.is_over for event in events)
    heads = [*([""] if mixed else []), *(escape_md(_last(name)) for name in columns)]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for item, row in list(zip(events, rows, strict=True))[:MOST_ROWS]:
        sign = [EMOJI["ok" if item.is_over else "critical"]] if mixed else []
        lines.append(f"| {' | '.join([*sign, *(_cell(row.get(name, '')) for name in columns)])} |")
    return [*lines, *(["", f"and {len(rows) - MOST_ROWS} more"] if len(rows) > MOST_ROWS else [])]


def _list(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    """``instance: web1, web2 and 3 more``, by the place that tells most of them apart."""
    place = max(columns, key=lambda name: len({row.get(name, "") for row in rows}))
    values = [_cell(value) for value in dict.fromkeys(row.get(place, "") for row in rows) if value]
    more = len(values) - MOST_ROWS
    return f"{escape_md(_last(place))}: {', '.join(values[:MOST_ROWS])}{f' and {more} more' if more > 0 else ''}"


def _shared_line(shared: Sequence[str], row: Mapping[str, str]) -> str:
    texts: list[str] = []
    for name in shared:
        target = link_target(row[name]) if row.get(name, "").startswith("http") else ""
        word = escape_md(_last(name).removesuffix("_url").removesuffix("URL"))
        if target:
            texts.append(f"[{word}]({target})")
        elif name.startswith("annotations."):
            texts.append(_cell(row.get(name, "")))
        else:
            texts.append(f"{word} {_cell(row.get(name, ''))}")
    return " · ".join(texts[:_MOST_SHARED])


def _weight(severity: str) -> int:
    """How bad a word is; one nobody knows is worse than a warning."""
    return _WEIGHTS.get(meaning_of(severity), 3) if severity else -1


def _severity(data: Any) -> str:
    text = _at(data, "labels.severity") or _at(data, "severity")
    return "" if text.lower() == "none" else text


def _is_over(item: Any, otherwise: str) -> bool:
    return (_status(item) or otherwise.strip().lower()) in _OVER


def _status(item: Any) -> str:
    word = (item.get("status") or item.get("state") or "") if isinstance(item, Mapping) else ""
    return word.strip().lower() if isinstance(word, str) else ""


def _subject(data: Any) -> str:
    return next((text for name in _SUBJECTS if (text := _at(data, name))), "")


def _at(data: Any, name: str) -> str:
    """The small value at a place such as ``labels.severity``, or ""."""
    outer, _, inner = name.rpartition(".")
    within = data.get(outer) if outer and isinstance(data, Mapping) else data
    return _scalar(within.get(inner)) if isinstance(within, Mapping) else ""


def _places(data: Any) -> dict[str, str]:
    """The small values of an event by name: of its own keys, and of mappings among them; the first fifty."""
    texts: dict[str, str] = {}
    if not isinstance(data, Mapping):
        return texts
    for name, value in islice(data.items(), _MOST_PLACES):
        inner = islice(value.items(), _MOST_PLACES) if isinstance(value, Mapping) else ()
        texts |= {f"{name}.{key}": text for key, member in inner if (text := _scalar(member))}
        text = _scalar(value)
        if text:
            texts[str(name)] = text
        if len(texts) >= _MOST_PLACES:
            break
    return texts


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value[:_VALUE_RUNES].strip() if isinstance(value, str) else ""


def _rank(name: str) -> tuple[bool, bool, bool]:
    """Where a column stands: names and severities first, then labels, what is said in words last."""
    return _last(name) not in _IN_HEADLINE, not name.startswith("labels."), name.startswith("annotations.")


def _is_noise(name: str) -> bool:
    """Whether a place says nothing to people; names that begin with two underscores are their sender's own."""
    last = _last(name)
    return last in _NOISE or last.startswith("__")


def _is_url(name: str, rows: Sequence[Mapping[str, str]]) -> bool:
    return any(row.get(name, "").startswith(("http://", "https://")) for row in rows)


def _cell(value: str) -> str:
    if value.startswith("0001-01-01T"):  # no time
        return ""
    moment = named_time(value) if value[:4].isdigit() and "T" in value else None
    if moment is not None:
        return moment.strftime("%Y-%m-%d %H:%M")
    return escape_md(shorten(" ".join(value.split())))


def _last(name: str) -> str:
    return name.rpartition(".")[2]
