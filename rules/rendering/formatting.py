"""Python's ways of building text, made safe for templates: sizes are checked first, and each part keeps its hand.

``"%s" % x``, ``"{}".format(x)``, ``.replace``, ``.join``, ``.center`` and their kin. See ``markdown.py`` for hands.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from typing import Any, Final

from jinja2.runtime import Undefined

from rules.rendering.budget import METER, TooMuch, weight
from rules.rendering.markdown import Authored, join_printed, print_part

MAX_WIDTH: Final = 1000
MAX_TIME_FORMAT_RUNES: Final = 200

Reader = Callable[[Any, str], Any]
"""How a step of ``{0.name}`` is taken: (value, name) -> value. Raises LookupError."""


def check_width(width: int) -> int:
    """``width`` if a text may be that wide (or a number that precise); raises TooMuch."""
    if not -MAX_WIDTH <= width <= MAX_WIDTH:
        raise TooMuch(f"asks for a width of more than {MAX_WIDTH}")
    return width


def percent(template: str, values: Any) -> str:
    """``"%s is %05.1f" % (a, b)``. Raises TypeError, ValueError or KeyError when values and places do not fit."""
    arguments: Any = values if isinstance(values, (tuple, Mapping)) else (values,)
    parts: list[Any] = []
    position = used = 0
    for match in _PERCENT.finditer(template):
        parts.append(_like(template, template[position : match.start()]))
        position = match.end()
        name, form, kind = match["name"], match["form"], match["kind"]
        if kind == "%":
            parts.append(_like(template, "%"))
        elif name is not None:
            parts.append(_printf(arguments[name], form, kind))
        elif isinstance(arguments, Mapping) or used >= len(arguments):
            raise TypeError("the text before % has more places than there are values")
        else:
            parts.append(_printf(arguments[used], form, kind))
            used += 1
    parts.append(_like(template, template[position:]))
    if not isinstance(arguments, Mapping) and used < len(arguments):
        raise TypeError("the text before % has fewer places than there are values")
    return join_printed(parts)


def format_text(read: Reader, template: str, /, *args: Any, **kwargs: Any) -> str:
    """``"{} is {0.state:>8}".format(...)``. Raises ValueError or LookupError when places and values do not fit."""
    parts: list[Any] = []
    automatic = 0
    for literal, name, spec, conversion in string.Formatter().parse(template):
        parts.append(_like(template, literal))
        if name is None:
            continue
        if conversion in ("r", "a") or "{" in (spec or ""):
            raise ValueError("!r, !a and formats within formats are not available")
        if name == "" or name[0] in ".[":
            name, automatic = f"{automatic}{name}", automatic + 1
        value = _look_up(read, name, args, kwargs)
        parts.append(_in_form(value, spec) if spec else value)
    return join_printed(parts)


def replace_text(text: str, old: str, new: str, count: int = -1) -> str:
    """``text.replace(old, new)``; the author's only when all three are."""
    times = text.count(old) if count < 0 else min(text.count(old), count)
    METER.get().charge_runes(len(text) + max(0, times * (len(new) - len(old))))
    result = str.replace(text, old, new, count)
    return Authored(result) if all(isinstance(piece, Authored) for piece in (text, old, new)) else result


def join_texts(separator: str, values: Iterable[Any]) -> str:
    """``separator.join(values)``; what is no text is printed."""
    pieces: list[Any] = []
    for value in values:
        METER.get().charge(1)
        if pieces and separator:
            pieces.append(separator)
        pieces.append(value)
    return join_printed(pieces)


def bound_padding(method: str) -> Callable[..., str]:
    """``str.center``, ``ljust``, ``rjust`` or ``zfill`` with a bounded width."""
    pad = getattr(str, method)

    def pad_bounded(text: str, width: int, *fill: str) -> str:
        METER.get().charge(weight(text))
        result: str = pad(text, check_width(width), *fill)
        return result

    return pad_bounded


def format_time(value: date | time, form: str) -> str:
    """``strftime`` with a form of at most 200 characters; raises ValueError."""
    if len(form) > MAX_TIME_FORMAT_RUNES:
        raise ValueError(f"a time format has at most {MAX_TIME_FORMAT_RUNES} characters")
    return value.strftime(form)


_PERCENT: Final = re.compile(
    r"%(?:\((?P<name>[^)]*)\))?(?P<form>[-+ #0]*\d{0,6}(?:\.\d{1,6})?)(?P<kind>.|\Z)", re.DOTALL
)
_SPEC: Final = re.compile(
    r"(?:.?[<>=^])?[-+ ]?#?0?(?P<width>\d{0,6})[,_]?(?:\.(?P<precision>\d{1,6}))?[bdeEfFgGnosxX%]?", re.DOTALL
)
_STEP: Final = re.compile(r"\.([A-Za-z_]\w*)|\[([^\]]+)\]")
_FIELD: Final = re.compile(r"([^.\[\]]+)((?:\.[A-Za-z_]\w*|\[[^\]]+\])*)")


def _like(template: str, piece: str) -> str:
    """A piece of ``template``, of the same hand."""
    return Authored(piece) if isinstance(template, Authored) else piece


def _printf(value: Any, form: str, kind: str) -> Any:
    for number in re.findall(r"\d+", form):
        check_width(int(number))
    if kind == "s":
        return f"%{form}s" % print_part(value) if form else value
    if kind not in "dioxXeEfFgG" or not isinstance(value, (int, float)):
        raise ValueError(f"cannot write a {type(value).__name__} as %{form}{kind}")
    return f"%{form}{kind}" % value


def _in_form(value: Any, spec: str) -> str:
    if isinstance(value, (datetime, date, time)):
        return format_time(value, spec)
    if isinstance(value, Undefined):
        str(value)  # raises, and says what is missing
    match = _SPEC.fullmatch(spec)
    if match is None or not isinstance(value, (str, int, float)):
        raise ValueError(f'cannot write a {type(value).__name__} as "{spec}"')
    check_width(int(match["width"] or 0))
    check_width(int(match["precision"] or 0))
    return str.__str__(format(value, spec))


def _look_up(read: Reader, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    match = _FIELD.fullmatch(name)
    if match is None:
        raise ValueError(f'"{name}" is no name to format')
    value = args[int(match[1])] if match[1].isdigit() else kwargs[match[1]]
    for step in _STEP.finditer(match[2]):
        value = read(value, step[1] or step[2])
    return value
