"""Avro schemas over bare datums.

Binary without header or schema, bytes after the datum ignored (ams-api.md section 10).
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any, Final

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from broker.errors import SchemaInvalid

_UNREADABLE: Final = (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError, RecursionError, MemoryError)


def compile_avro_schema(definition: Mapping[str, Any]) -> AvroSchema:
    """The schema, ready to read datums. Raises SchemaInvalid."""
    if definition.get("type") == "record" and not isinstance(definition.get("fields"), list):
        raise SchemaInvalid(f'Record "{definition.get("name", "")}" ought to have valid fields')
    try:
        return AvroSchema(fastavro.parse_schema(dict(definition)))
    except UnknownType as unknown:
        name = unknown.name["type"] if isinstance(unknown.name, dict) else unknown.name
        raise SchemaInvalid(f'unknown type name: "{name}"') from unknown
    except (SchemaParseException, *_UNREADABLE) as wrong:
        raise SchemaInvalid(_plain(wrong)) from wrong


class AvroSchema:
    """A parsed schema."""

    def __init__(self, parsed: Any) -> None:
        self._parsed = parsed

    def read(self, datum: bytes) -> Any:
        """The value of one bare datum. Raises ValueError saying why it cannot be read."""
        try:
            return fastavro.schemaless_reader(io.BytesIO(datum), self._parsed, None)
        except _UNREADABLE as wrong:
            raise ValueError(f"cannot decode binary: {_plain(wrong)}") from wrong


def _plain(error: BaseException) -> str:
    """The error in one line; a missing key says which."""
    text = re.sub(r"\s+", " ", str(error)).strip()
    if isinstance(error, KeyError):
        return f"{text} is missing"
    return text or ("short buffer" if isinstance(error, EOFError) else type(error).__name__)
