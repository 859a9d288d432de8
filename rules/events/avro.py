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
from fastavro.schema import SchemaParseException, UnknownType

_UNREADABLE: Final = (ValueError, TypeError, LookupError, ArithmeticError, EOFError, AttributeError, struct.error)


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
