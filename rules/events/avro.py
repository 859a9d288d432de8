"""One headerless Avro record to plain values: the form in which monitoring results cross an AMS topic.

The bytes carry no schema id, so the schema is configured per topic. Schemas that refer to themselves, or whose arrays
hold items of no bytes, are refused when they are read: a short payload of such could exhaust the stack or the memory.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import io
import struct
import uuid
from typing import Any, Final

import fastavro
from fastavro.read import LOGICAL_READERS
from fastavro.schema import SchemaParseException, UnknownType

_UNREADABLE: Final = (
    *(ValueError, TypeError, LookupError, ArithmeticError, EOFError, AttributeError, struct.error),
    *(RecursionError, MemoryError),
)
_VALUES_A_BYTE: Final = 16
_VALUES_FREE: Final = 1_000
_ITEM_VALUES_FREE: Final = 16
_MAX_DECIMAL_BYTES: Final = 1_000
_SIZES: Final = {"null": 0, "float": 4, "double": 8}


def parse_avro_schema(name: str, schema: Any) -> Any:
    """The schema ready for ``read_avro``; raises ValueError when it is none, or cannot be decoded within bounds."""
    try:
        parsed = fastavro.parse_schema(schema)
    except (
        SchemaParseException,
        UnknownType,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        RecursionError,
    ) as error:
        raise ValueError(f'the Avro schema "{name}" cannot be used: {_line(error)}') from None
    if _refers_to_itself(parsed, ()):
        raise ValueError(f'the Avro schema "{name}" refers to itself; records that nest without bound are not decoded')
    if _has_weightless_items(parsed, {}):
        raise ValueError(f'the Avro schema "{name}" has an array whose items take no bytes; such are not decoded')
    try:
        _extent(parsed, {})
    except (_TooMany, RecursionError):
        raise ValueError(
            f'the Avro schema "{name}" is too complex: a few bytes could stand for a great many values'
        ) from None
    return parsed


def read_avro(content: bytes, schema: Any) -> Any:
    """The record that ``content`` begins with; raises ValueError with a reason when there is none of that schema.

    Bytes behind the record are ignored, as AMS does when it checks a message: a newer schema may append fields.
    Texts, numbers, lists and mappings stay what they are; bytes become text (base64 if they are no UTF-8), times become
    RFC 3339 texts, decimals and UUIDs texts.
    """
    try:
        value = fastavro.schemaless_reader(io.BytesIO(content), schema)
    except _UNREADABLE as error:
        raise ValueError(f"not a record of this Avro schema: {_line(error)}") from None
    return _plain(value)


class _TooMany(Exception):
    """A type whose values may be many times more than their bytes."""


def _extent(schema: Any, known: dict[str, tuple[int, int]]) -> tuple[int, int]:
    """How many values a value of a schema is made of at most, and of how many bytes at least. Raises _TooMany.

    What lists and mappings hold is judged by itself: each of their items takes bytes of its own.
    """
    if isinstance(schema, str):
        return known[schema] if schema in known else (1, _SIZES.get(schema, 1))
    if isinstance(schema, list):
        parts = [_extent(part, known) for part in schema]
        return 1 + max((values for values, _ in parts), default=0), 1 + min((size for _, size in parts), default=0)
    kind = schema["type"]
    if kind in {"array", "map"}:
        values, size = _extent(schema["items" if kind == "array" else "values"], known)
        _check_extent(values, max(size, 1), _ITEM_VALUES_FREE)
        return 1, 1
    if kind == "fixed":
        extent = 1, int(schema["size"])
    elif kind in {"record", "error"}:
        parts = [_extent(field["type"], known) for field in schema.get("fields", ())]
        extent = 1 + sum(values for values, _ in parts), sum(size for _, size in parts)
        _check_extent(*extent, _VALUES_FREE)
    else:
        extent = (1, 1) if kind == "enum" else _extent(kind, known)
    if "name" in schema:
        known[schema["name"]] = extent
    return extent


def _check_extent(values: int, size: int, free: int) -> None:
    if values > _VALUES_A_BYTE * size + free:
        raise _TooMany


def _bound_decimals(read_decimal: Any) -> Any:
    """The library's reader of decimals, for those of ordinary length: its time grows with the square of that."""

    def read(content: Any, *args: Any) -> Any:
        if len(content) > _MAX_DECIMAL_BYTES:
            raise ValueError(f"a decimal of more than {_MAX_DECIMAL_BYTES} bytes")
        return read_decimal(content, *args)

    return read


for _kind in ("bytes-decimal", "fixed-decimal"):
    LOGICAL_READERS[_kind] = _bound_decimals(LOGICAL_READERS[_kind])


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return base64.b64encode(value).decode("ascii")
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal | uuid.UUID):
        return str(value)
    return value


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or "the bytes end too early"


def _parts(schema: Any) -> list[Any]:
    """The schemas directly inside a schema."""
    if isinstance(schema, str):
        return []
    if isinstance(schema, list):
        return schema
    inner = [] if isinstance(schema["type"], str) else [schema["type"]]
    members = [schema[key] for key in ("items", "values") if key in schema]
    return [*inner, *members, *(field["type"] for field in schema.get("fields", ()))]


def _refers_to_itself(schema: Any, inside: tuple[str, ...]) -> bool:
    if isinstance(schema, str):
        return schema in inside
    within = (*inside, schema["name"]) if isinstance(schema, dict) and "name" in schema else inside
    return any(_refers_to_itself(part, within) for part in _parts(schema))


def _has_weightless_items(schema: Any, known: dict[str, bool]) -> bool:
    """Whether some array in the schema has items of no bytes; fills ``known`` with which named types have none."""
    if any(_has_weightless_items(part, known) for part in _parts(schema)):
        return True
    if not isinstance(schema, dict):
        return False
    if "name" in schema:
        known[schema["name"]] = _is_weightless(schema, known)
    return schema["type"] == "array" and _is_weightless(schema["items"], known)


def _is_weightless(schema: Any, known: dict[str, bool]) -> bool:
    if isinstance(schema, str):
        return schema == "null" or known.get(schema, False)
    if isinstance(schema, list):
        return False
    kind = schema["type"]
    if kind in {"record", "error"}:
        return all(_is_weightless(field["type"], known) for field in schema.get("fields", ()))
    if kind == "fixed":
        return bool(schema["size"] == 0)
    return _is_weightless(kind, known) if not isinstance(kind, str) or kind == "null" else False
