"""A small payload that stands for a great deal of work is undecodable, and a schema that invites it is refused."""

from __future__ import annotations

import base64
import gzip
import io
from typing import Any

import fastavro
import pytest

from rules.events.decode import decode, read_spec


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def doubling(depth: int, leaf: Any) -> Any:
    """A record of two records of two records ..."""
    kind: Any = {"type": "record", "name": "r0", "fields": [{"name": "a", "type": leaf}]}
    for n in range(1, depth):
        fields = [{"name": "a", "type": kind}, {"name": "b", "type": f"r{n - 1}"}]
        kind = {"type": "record", "name": f"r{n}", "fields": fields}
    return kind


def record(*types: Any) -> Any:
    return {"type": "record", "name": "x", "fields": [{"name": f"f{n}", "type": kind} for n, kind in enumerate(types)]}


@pytest.mark.parametrize(
    "schema",
    [
        doubling(40, "null"),
        record(doubling(30, "null"), {"type": "fixed", "name": "padding", "size": 2**31 - 1}),
        record("int", *["null"] * 2_000),
        {"type": "array", "items": record("int", *["null"] * 100)},
        {"type": "map", "values": doubling(12, "null")},
        ["null", doubling(40, "null")],
        record(
            "int",
            {"type": "array", "items": {"type": "array", "items": {**record("int", *["null"] * 100), "name": "y"}}},
        ),
    ],
)
def test_an_avro_schema_whose_values_are_many_times_their_bytes_is_refused(schema: Any) -> None:
    with pytest.raises(ValueError, match="is too complex"):
        read_spec("avro:x", {"x": schema})


@pytest.mark.parametrize(
    "schema",
    [
        doubling(20, "int"),
        record(*["string"] * 500),
        {"type": "array", "items": record(*[["null", "string"]] * 100)},
        record(["null", {"type": "map", "values": ["null", "string"]}], "null"),
    ],
)
def test_an_ordinary_avro_schema_is_taken(schema: Any) -> None:
    read_spec("avro:x", {"x": schema})


def test_an_avro_decimal_of_absurd_length_is_undecodable() -> None:
    schema = record({"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2})
    spec = read_spec("avro:x", {"x": schema})
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(record("bytes")), {"f0": b"\x7f" * 300_000})
    assert decode(b64(out.getvalue()), spec).undecodable == (
        "not a record of this Avro schema: a decimal of more than 1000 bytes"
    )
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(record("bytes")), {"f0": b"\x01\x00"})
    assert decode(b64(out.getvalue()), spec).value == {"f0": "2.56"}


@pytest.mark.parametrize("kind", ["timestamp-millis", "timestamp-micros", "local-timestamp-millis"])
@pytest.mark.parametrize("value", [2**63 - 1, -(2**63)])
def test_an_avro_time_beyond_all_calendars_is_undecodable(kind: str, value: int) -> None:
    spec = read_spec("avro:x", {"x": record({"type": "long", "logicalType": kind})})
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(record("long")), {"f0": value})
    reason = decode(b64(out.getvalue()), spec).undecodable
    assert reason is not None
    assert reason.startswith("not a record of this Avro schema")


def test_a_gzip_of_thousands_of_members_is_undecodable() -> None:
    bomb = b64(gzip.compress(b"") * 10_000)
    assert decode(bomb, read_spec("gzip+json", {})).undecodable == "gzip of more than 100 members"
    several = b64(gzip.compress(b"[1,") + gzip.compress(b"2]"))
    assert decode(several, read_spec("gzip+json", {})).value == [1, 2]


@pytest.mark.parametrize("text", ["1" * 5_000, "1e400", "-1e400", "[1e999]", '{"a": 1' + "0" * 10_000 + "}"])
def test_a_number_too_large_for_anything_is_undecodable(text: str) -> None:
    reason = decode(text, read_spec("json", {})).undecodable
    assert reason is not None
    assert "out of range" in reason
