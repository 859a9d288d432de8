"""Text that knows who wrote which part of it.

A template mixes what its author wrote (Markdown, meant) with what an event said (text, shown as it is). Escaping each
value where it is printed would be undone or done twice by the next filter, so values stay raw while a template works,
and every text carries its parts. Escaping happens once, at the very end, over all the text (``markdown_escape.py``):

* a plain ``str`` inside an expression is the event's;
* ``Authored`` is the author's: literals, and the output of filters that make Markdown;
* ``Mixed`` is what joining the two gives; its ``parts`` say which is which.

All three *are* strings with the raw text. An operation that knows nothing of parts (``replace``, a slice, ``split``)
returns a plain ``str``, so the worst that can happen is that an author's Markdown is escaped as well: the event's text
never becomes the author's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Self

from jinja2.runtime import Undefined

from rules.rendering.budget import METER, charge_deep


class Value(str):
    """A part that came from the event; exists only inside lists of parts."""

    __slots__ = ()


class Authored(str):
    """Text whose Markdown is meant: a literal of a template, or made by a filter such as ``link``."""

    __slots__ = ()


class MarkdownBlock(Authored):
    """Authored text that needs lines of its own: a fenced code block."""

    __slots__ = ()


class Mixed(str):
    """Text of several hands: ``parts`` together are the text; a ``Value`` is the event's, any other the author's."""

    __slots__ = ("parts",)
    parts: tuple[str, ...]

    def __new__(cls, parts: Sequence[str]) -> Self:
        """The text of ``parts``, in their order."""
        text = super().__new__(cls, "".join(parts))
        text.parts = tuple(parts)
        return text


def markdown_parts(text: str) -> tuple[str, ...]:
    """The parts of a text as an expression sees it; a plain ``str`` is one part of the event's."""
    if isinstance(text, Mixed):
        return text.parts
    return (text if isinstance(text, (Authored, Value)) else Value(text),)


def join_parts(parts: Iterable[str]) -> str:
    """A text of parts in its simplest form: plain when only the event's, ``Authored`` when only the author's."""
    flat: list[str] = []
    for part in parts:
        if type(part) is Mixed:
            flat.extend(part.parts)
        elif part:
            flat.append(part)
    hands = {type(part) is Value for part in flat}
    if hands == {True}:
        return "".join(flat)
    if not any(hands) and not any(type(part) is MarkdownBlock for part in flat):
        return Authored("".join(flat))
    return Mixed(flat)


def map_parts(text: str, change: Callable[[str], str]) -> str:
    """``text`` with ``change`` made to each part; every part keeps its hand."""
    if type(text) is str:
        return change(text)
    return join_parts(
        type(part)(change(part)) if isinstance(part, (Value, Authored)) else change(part)
        for part in markdown_parts(text)
    )


def print_part(value: Any) -> str:
    """``value`` as one part of an output: what ``{{ value }}`` shows.

    Text is itself, None is nothing, booleans and nested values are JSON, times are ISO 8601. Raises TypeError for what
    has no text (a macro, a generator: its filter chain lacks ``| list`` or ``| join``) and UndefinedError for a missing
    name.
    """
    kind = type(value)
    if kind is str:
        return Value(value)
    if kind in _TEXTS:
        return value  # type: ignore[no-any-return]
    if kind is int or kind is float:
        return str(value)
    if value is None:
        return ""
    if kind is bool:
        return "true" if value else "false"
    if isinstance(value, (dict, list, tuple, Mapping)):
        return Value(json_text(value))
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, (date, time, timedelta)):
        return str(value)
    if isinstance(value, str):
        return Value(value)
    if hasattr(value, "__next__") or isinstance(value, range):
        raise TypeError("prints a list that is not made yet; add | list or | join(', ')")
    if isinstance(value, Undefined):
        str(value)  # raises, and says what is missing
    raise TypeError(f"prints a {kind.__name__}, which is not text")


def json_text(value: Any, indent: int | None = None) -> str:
    """``value`` as JSON; its size is charged before it is made.

    Raises TypeError or ValueError for what JSON cannot hold (an undefined name says what is missing).
    """
    charge_deep(value)
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators, default=_plain)
    METER.get().charge_runes(len(text))
    return text


def join_printed(values: Iterable[Any]) -> str:
    """The printed values one after the other, each part keeping its hand (``~``, ``join``, macros)."""
    meter = METER.get()
    parts: list[str] = []
    runes = 0
    for value in values:
        parts.append(print_part(value))
        runes += len(parts[-1])
        if runes > meter.limits.output_runes:
            break  # before the next copy is made: a list may hold one long text a thousand times
    meter.charge_runes(runes)
    return join_parts(parts)


_TEXTS: Final = frozenset((Authored, MarkdownBlock, Mixed))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (datetime, date)):
        return print_part(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Undefined):
        str(value)
    raise TypeError(f"a {type(value).__name__} has no JSON form")


def join_output(parts: Iterable[str]) -> str:
    """What a macro or a block wrote, from the parts of its output; never a plain ``str``.

    In a list of parts a plain ``str`` is template text, so a text of event values alone must not look like one.
    """
    flat: list[str] = []
    runes = 0
    for part in parts:
        runes += len(part) + 1
        if type(part) is Mixed:
            flat.extend(part.parts)
        elif part:
            flat.append(part)
    METER.get().charge_runes(runes)
    if any(type(part) is Value or type(part) is MarkdownBlock for part in flat):
        return Mixed(flat)
    return Authored("".join(flat))


def take_runes(text: str, count: int) -> str:
    """The first ``count`` characters; the parts within keep their hands, but a block that is cut is one no more."""
    if not isinstance(text, (Mixed, Authored)):
        return text[:count]
    kept: list[str] = []
    for part in markdown_parts(text):
        if len(part) <= count:
            kept.append(part)
        elif count > 0:
            kept.append((Authored if type(part) is Authored or type(part) is str else Value)(part[:count]))
        count -= len(part)
        if count <= 0:
            break
    return join_parts(kept)
