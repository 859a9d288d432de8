"""What templates may touch, and operators that cannot make anything huge.

Jinja's sandbox forbids what is known to be dangerous. Here the list is the other way round: of every kind of value only
the attributes named below exist for a template; any other is a missing name.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache, partial
from typing import Any, Final, cast

from jinja2.environment import TemplateModule
from jinja2.runtime import BlockReference, LoopContext, Macro, TemplateReference
from jinja2.utils import Cycler, Namespace

from rules.events.moments import from_us
from rules.rendering.budget import METER, TooMuch, charge_deep, weight
from rules.rendering.formatting import bound_padding, format_text, format_time, join_texts, percent, replace_text
from rules.rendering.markdown import Authored, join_printed

MISSING: Final = object()
MAX_BITS: Final = 4096


def attribute(value: Any, name: str) -> Any:
    """The attribute ``name`` of a value as a template may see it, or MISSING.

    A mapping's key comes before its methods (semantics.md item 33). A record's field ``x_us`` is also the time ``x``.
    """
    if isinstance(value, Mapping):
        member = value.get(name, MISSING)
        if member is not MISSING:
            return member
    elif isinstance(value, str):
        return _text_method(value, name)
    elif isinstance(value, (Namespace, TemplateModule, TemplateReference)):
        return _of_jinja(value, name)
    elif isinstance(value, (date, time)) and name == "strftime":
        return partial(format_time, value)
    elif is_dataclass(value):
        return _of_record(value, name)
    elif isinstance(value, tuple):
        return getattr(value, name) if name in getattr(value, "_fields", ()) else MISSING
    for kind, names in _ATTRIBUTES:
        if isinstance(value, kind):
            return getattr(value, name) if name in names else MISSING
    return MISSING


def operate(sign: str, left: Any, right: Any) -> Any:
    """``left sign right``; charged for, and refused where the result would be huge."""
    METER.get().charge(1)
    for side in (left, right):
        if type(side) is int and side.bit_length() > MAX_BITS:
            raise TooMuch(f"computes with a number of more than {MAX_BITS} bits")
    if isinstance(left, str):
        if sign == "%":
            return percent(left, right)
        if sign == "+" and isinstance(right, str):
            return join_printed((left, right))
    if sign == "*":
        _check_multiply(left, right)
        _check_multiply(right, left)
    elif sign == "**":
        _check_raise(left, right)
    elif sign == "+" and isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        METER.get().charge(weight(left) + weight(right))
    result = _OPERATORS[sign](left, right)
    if type(result) is int and result.bit_length() > MAX_BITS:
        raise TooMuch(f"computes a number of more than {MAX_BITS} bits")
    if isinstance(left, Authored) or isinstance(right, Authored):
        return Authored(result)  # "-" * 20
    return result


def slice_value(value: Any, start: Any, stop: Any, step: Any) -> Any:
    """The slice ``value[start:stop:step]``."""
    METER.get().charge(1 + weight(value))
    return value[start:stop:step]


def charge_value(value: Any) -> Any:
    """``value``, after paying for looking at all of it."""
    if isinstance(value, (list, tuple, dict)):
        charge_deep(value)
    elif isinstance(value, str):
        METER.get().charge(weight(value))
    return value


def contains(whole: Any, part: Any) -> bool:
    """``part in whole``."""
    if isinstance(part, (list, tuple, dict)):
        charge_deep(whole)
        charge_deep(part)
    else:
        METER.get().charge(1 + weight(whole))
    return part in whole


def charge_hash(key: Any) -> Any:
    """``key`` as a key of a mapping, after paying for its hash: that of a tuple looks at all it holds."""
    if isinstance(key, tuple):
        charge_deep(key)
    elif isinstance(key, str):
        METER.get().charge(weight(key))
    return key


def flat(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A tuple without tuples in it, for hashing nested ones can take unbounded time."""
    return tuple(list(item) if isinstance(item, tuple) else item for item in row)


_TEXT_METHODS: Final = frozenset(
    (
        *("capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha", "isascii", "isdecimal"),
        *("isdigit", "islower", "isnumeric", "isspace", "istitle", "isupper", "lower", "lstrip", "partition"),
        *("removeprefix", "removesuffix", "rfind", "rindex", "rpartition", "rsplit", "rstrip", "split", "splitlines"),
        *("startswith", "strip", "swapcase", "title", "upper"),
    )
)
_MAKING_METHODS: Final[dict[str, Callable[..., str]]] = {
    "replace": replace_text,
    "join": join_texts,
    **{name: bound_padding(name) for name in ("center", "ljust", "rjust", "zfill")},
}
_DATE: Final = "year month day isoformat isoweekday weekday"
_TIME: Final = "hour minute second microsecond isoformat"
_LOOP: Final = "index index0 revindex revindex0 first last length depth depth0 previtem nextitem cycle changed"
_ATTRIBUTES: Final = tuple(
    (kind, frozenset(names.split()))
    for kind, names in (
        (Mapping, "get items keys values"),
        (datetime, f"{_DATE} {_TIME} date time timestamp"),
        (date, _DATE),
        (time, _TIME),
        (timedelta, "days seconds total_seconds"),
        (LoopContext, _LOOP),
        (Cycler, "current next reset"),
        (Macro, "name"),
        (BlockReference, "super"),
    )
)
_OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "**": operator.pow,
    "%": operator.mod,
}


def _text_method(text: str, name: str) -> Any:
    if name in _TEXT_METHODS:
        METER.get().charge(weight(text))
        return getattr(str(text), name)
    if name == "format":
        return partial(format_text, _read_for_format, text)
    making = _MAKING_METHODS.get(name)
    return MISSING if making is None else partial(making, text)


def _read_for_format(value: Any, name: str) -> Any:
    if isinstance(value, (list, tuple)) and name.isdigit():
        return value[int(name)]
    member = attribute(value, name)
    if member is MISSING or callable(member):
        raise LookupError(f'there is no "{name}" to format')
    return member


def _of_jinja(value: Any, name: str) -> Any:
    if name.startswith("_"):
        return MISSING
    if isinstance(value, TemplateReference):
        try:
            return value[name]
        except KeyError:
            return MISSING
    return getattr(value, name, MISSING)


def _of_record(value: Any, name: str) -> Any:
    names = _field_names(cast("Hashable", type(value)))
    if name in names:
        return getattr(value, name)
    if f"{name}_us" in names:
        microseconds = getattr(value, f"{name}_us")
        return None if microseconds is None else from_us(microseconds)
    return MISSING


@lru_cache(maxsize=256)
def _field_names(kind: Any) -> frozenset[str]:
    return frozenset(field.name for field in fields(kind) if not field.name.startswith("_"))


def _check_multiply(many: Any, times: Any) -> None:
    if isinstance(many, str) and isinstance(times, int):
        METER.get().charge_runes(len(many) * max(times, 0))
    elif isinstance(many, (list, tuple)) and isinstance(times, int):
        METER.get().charge(len(many) * max(times, 0))


def _check_raise(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * max(right, 0) > MAX_BITS:
        raise TooMuch(f"computes a number of more than {MAX_BITS} bits")
