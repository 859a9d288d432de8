"""Avro schemas over bare datums.

Binary without header or schema, bytes after the datum ignored (ams-api.md section 10).
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any, Final

import fastavro
from fastavro import _read_py
from fastavro.schema import SchemaParseException, UnknownType

from broker.errors import SchemaInvalid

_UNREADABLE: Final = (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError, RecursionError, MemoryError)


def compile_avro_schema(definition: Mapping[str, Any]) -> AvroSchema:
    """The schema, ready to read datums. Raises SchemaInvalid."""
    if definition.get("type") == "record" and not isinstance(definition.get("fields"), list):
        raise SchemaInvalid(f'Record "{definition.get("name", "")}" ought to have valid fields')
    try:
        schema = AvroSchema(fastavro.parse_schema(dict(definition)))
    except UnknownType as unknown:
        name = unknown.name["type"] if isinstance(unknown.name, dict) else unknown.name
        raise SchemaInvalid(f'unknown type name: "{name}"') from unknown
    except (SchemaParseException, *_UNREADABLE) as wrong:
        raise SchemaInvalid(_plain(wrong)) from wrong
    if schema.has_weightless_items:
        raise SchemaInvalid("an array's items must take at least a byte each, or a few bytes could stand for millions")
    return schema


class AvroSchema:
    """A parsed schema.

    One that refers to itself is read by fastavro's Python reader: its C reader follows a deeply nested datum until the
    process dies, where Python raises RecursionError.
    """

    def __init__(self, parsed: Any) -> None:
        self._parsed = parsed
        shape = _Shape()
        shape.look(parsed, ())
        self.has_weightless_items = shape.has_weightless_items
        self._reader = _read_py.schemaless_reader if shape.refers_to_itself else fastavro.schemaless_reader

    def read(self, datum: bytes) -> Any:
        """The value of one bare datum. Raises ValueError saying why it cannot be read."""
        try:
            return self._reader(io.BytesIO(datum), self._parsed, None)
        except _UNREADABLE as wrong:
            raise ValueError(f"cannot decode binary: {_plain(wrong)}") from wrong


class _Shape:
    """What a parsed schema is made of, as far as reading it safely goes."""

    def __init__(self) -> None:
        self.refers_to_itself = False
        self.has_weightless_items = False
        self._weightless: dict[str, bool] = {"null": True}

    def look(self, schema: Any, inside: tuple[str, ...]) -> bool:
        """Take a part of the schema into account; says whether its values take no bytes."""
        if isinstance(schema, str):
            self.refers_to_itself |= schema in inside
            return self._weightless.get(schema, False)
        if isinstance(schema, list):
            for branch in schema:
                self.look(branch, inside)
            return False  # which branch it is takes a byte
        kind, name = schema["type"], schema.get("name")
        within = (*inside, name) if name else inside
        if kind in ("record", "error"):
            weightless = [self.look(field["type"], within) for field in schema.get("fields", ())]
            empty = all(weightless)
        elif kind == "array":
            self.has_weightless_items |= self.look(schema["items"], within)
            empty = False
        elif kind == "map":
            self.look(schema["values"], within)
            empty = False
        elif kind == "fixed":
            empty = schema["size"] == 0
        else:
            empty = kind == "null" if isinstance(kind, str) else self.look(kind, within)
        if name:
            self._weightless[name] = empty
        return bool(empty)


def _plain(error: BaseException) -> str:
    """The error in one line; a missing key says which."""
    text = re.sub(r"\s+", " ", str(error)).strip()
    if isinstance(error, KeyError):
        return f"{text} is missing"
    return text or ("short buffer" if isinstance(error, EOFError) else type(error).__name__)
