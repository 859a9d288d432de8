"""Avro schemas that could hurt: deep datums of a schema that refers to itself, and items that take no bytes."""

from __future__ import annotations

import io

import fastavro
import pytest

from broker.avro_schema import compile_avro_schema
from broker.errors import SchemaInvalid

LIST = {
    "type": "record",
    "name": "node",
    "fields": [{"name": "value", "type": "int"}, {"name": "next", "type": ["null", "node"]}],
}


def test_a_schema_may_refer_to_itself() -> None:
    written = io.BytesIO()
    fastavro.schemaless_writer(written, fastavro.parse_schema(LIST), {"value": 1, "next": {"value": 2, "next": None}})
    read = compile_avro_schema(LIST).read(written.getvalue())
    assert read == {"value": 1, "next": {"value": 2, "next": None}}


def test_a_datum_nested_without_end_is_refused_and_the_process_lives() -> None:
    with pytest.raises(ValueError, match="cannot decode binary"):
        compile_avro_schema(LIST).read(b"\x02\x02" * 1_000_000)


@pytest.mark.parametrize(
    "items",
    [
        "null",
        {"type": "fixed", "name": "nothing", "size": 0},
        {"type": "record", "name": "empty", "fields": []},
        {"type": "record", "name": "nulls", "fields": [{"name": "a", "type": "null"}]},
    ],
)
def test_an_array_of_items_without_bytes_is_no_schema(items: object) -> None:
    definition = {"type": "record", "name": "r", "fields": [{"name": "a", "type": {"type": "array", "items": items}}]}
    with pytest.raises(SchemaInvalid, match="at least a byte"):
        compile_avro_schema(definition)
