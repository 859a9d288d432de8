"""What a template said, as a column takes it: templates give texts, columns hold numbers, times and more."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, TypeAlias

import msgspec

ColumnKind: TypeAlias = Literal["text", "integer", "number", "boolean", "time", "json"]
_WORDS: Final[Mapping[str, bool]] = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_INT64: Final = range(-(2**63), 2**63)
_WHOLE: Final = re.compile(r"[+-]?\d{1,19}(?:\.0+)?")


class TableNotFit(Exception):
    """The table cannot be written as the settings want it."""


class NoSuchValue(ValueError):
    """A value that a column of this kind cannot hold."""

    def __init__(self, value: object, kind: str) -> None:
        super().__init__(f'"{_show(value)}" is not {kind}')


def _show(value: object) -> str:
    """The beginning of a value; Python writes out no whole number of more than 4,300 digits."""
    try:
        return str(value)[:100]
    except (ValueError, RecursionError):
        return f"a large {type(value).__name__}"


def text(value: object) -> str:
    """The value as text, without NUL, which PostgreSQL cannot hold; lists and mappings as JSON."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    return msgspec.json.encode(value).decode()


def integer(value: object) -> int:
    """A whole number. Raises NoSuchValue."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise NoSuchValue(value, "a whole number")
    digits = str(value).strip()
    if not _WHOLE.fullmatch(digits):
        raise NoSuchValue(value, "a whole number")
    return _check_storable(int(digits.partition(".")[0]))


def _check_storable(whole: int) -> int:
    """The number, if databases can hold it. Raises NoSuchValue."""
    if whole not in _INT64:
        raise NoSuchValue(whole, "a whole number of at most 64 bits")
    return whole


def fraction(value: object) -> float:
    """A number as machines compute with. Raises NoSuchValue for one beyond those."""
    amount = float(decimal_number(value))
    if not math.isfinite(amount):
        raise NoSuchValue(value, "a number of at most 64 bits")
    return amount


def decimal_number(value: object) -> Decimal:
    """A number as its column holds it. Raises NoSuchValue."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise NoSuchValue(value, "a number")
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        raise NoSuchValue(value, "a number") from None
    if not amount.is_finite():
        raise NoSuchValue(value, "a number")
    return amount


def boolean(value: object) -> bool:
    """True or false. Raises NoSuchValue."""
    truth = _WORDS.get(str(value).strip().lower())
    if truth is None:
        raise NoSuchValue(value, "true or false")
    return truth


def utc_moment(value: object) -> datetime:
    """A time in UTC: RFC 3339 text (without a zone it is UTC), or seconds since the epoch. Raises NoSuchValue."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        read = datetime.fromisoformat(str(value).strip())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise NoSuchValue(value, "a time such as 2026-01-31T12:00:00Z") from None


def moment_or_none(value: object) -> datetime | None:
    """The moment in UTC that a value of a column of times means; None for what is none."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    try:
        return None if value is None else utc_moment(value)
    except NoSuchValue:
        return None


def day(value: object) -> date:
    """A date as its column holds it. Raises NoSuchValue."""
    return utc_moment(value).date()


def json_value(value: object) -> Any:
    """For a column of JSON: a text that is a JSON list or mapping is one, anything else is itself."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return value
    return value


def anything(value: object) -> Any:
    """For a column whose kind nobody knows: scalars as they are, the rest as JSON text."""
    if isinstance(value, int):
        return _check_storable(value)
    return value if isinstance(value, float) else text(value)


def convert_row(row: Mapping[str, Any], conversions: Mapping[str, Callable[[object], Any]]) -> dict[str, Any]:
    """The row with each value as its column takes it. Raises ValueError, naming the column.

    Nothing, and an empty text for a column that holds no texts, is NULL.
    """
    fitted: dict[str, Any] = {}
    for name, value in row.items():
        convert = conversions[name]
        if value is None or (value == "" and convert not in (text, anything, json_value)):
            fitted[name] = None
            continue
        try:
            fitted[name] = convert(value)
        except (ValueError, ArithmeticError, RecursionError, TypeError) as error:
            raise ValueError(f'column "{name}": {" ".join(str(error).split()) or type(error).__name__}') from None
    return fitted


def split_name(name: str) -> tuple[str | None, str]:
    """Schema and table of a name in the settings."""
    schema, _, table = name.rpartition(".")
    return schema or None, table
