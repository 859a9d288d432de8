from __future__ import annotations

import base64
import datetime as dt
import gzip
import io
import json
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.events.decode import AUTO, Decoded, decode, read_spec

METRIC_DATA = {
    "namespace": "argo.avro",
    "type": "record",
    "name": "metric_data",
    "fields": [
        {"name": "timestamp", "type": "string"},
        {"name": "status", "type": "string"},
        {"name": "summary", "type": ["null", "string"], "default": None},
        {"name": "tags", "type": ["null", {"type": "map", "values": ["null", "string"]}]},
    ],
}
SCHEMAS: dict[str, Any] = {"metric_data": METRIC_DATA}
A_METRIC = {"timestamp": "2026-01-03T11:00:00Z", "status": "CRITICAL", "summary": None, "tags": {"voname": "ops"}}


def b64(content: str | bytes) -> str:
    return base64.b64encode(content.encode() if isinstance(content, str) else content).decode()


def avro(value: Any, schema: Any = METRIC_DATA) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def decoded(payload: str, spec: str) -> Decoded:
    return decode(payload, read_spec(spec, SCHEMAS))


@pytest.mark.parametrize(
    ("payload", "value", "text"),
    [
        (b64('{"status":"OK"}'), {"status": "OK"}, '{"status":"OK"}'),
        ('{"status":"OK"}', {"status": "OK"}, '{"status":"OK"}'),
        (b64("one"), "one", "one"),
        (
            b64("site is down: ünïcode ✓\n\tdetails"),
            "site is down: ünïcode ✓\n\tdetails",
            "site is down: ünïcode ✓\n\tdetails",
        ),
        (b64("[1, 2]"), [1, 2], "[1, 2]"),
        ("42", 42, "42"),
        ("true", True, "true"),
        ("", "", ""),
        ("msg1", "msg1", "msg1"),
        ("msg 1", "msg 1", "msg 1"),
        (b64(b"\xff\xfe\x00\x01"), b64(b"\xff\xfe\x00\x01"), b64(b"\xff\xfe\x00\x01")),
        ('{"broken": ', '{"broken": ', '{"broken": '),
        ('{"a": NaN}', '{"a": NaN}', '{"a": NaN}'),
    ],
)
def test_auto_takes_base64_off_then_reads_json_else_leaves_the_text(payload: str, value: Any, text: str):
    assert decode(payload) == Decoded(value, text)


@pytest.mark.parametrize(
    "word",
    [
        "file",
        "host",
        "Host",
        "OKAY",
        "CRITICAL",
        "DOWNTIME",
        "test",
        "data",
        "12345678",
        "deadbeef",
        "endpoint",
        "abcd\n",
    ],
)
def test_auto_leaves_a_plain_word_alone(word: str):
    assert decode(word).text == word


def test_auto_leaves_text_alone_that_is_no_canonical_base64():
    assert decode("b25lIA=").value == "b25lIA="  # padding too short
    assert decode("b25lIB==").value == "b25lIB=="  # bits set where none may be
    assert decode("b25l-_8=").value == "b25l-_8="  # the URL alphabet


def test_auto_reads_base64_wrapped_into_lines():
    lines = "\n".join(b64('{"status":"CRITICAL","summary":"a long text"}')[at : at + 20] for at in range(0, 80, 20))
    assert decode(lines + "\n").value["status"] == "CRITICAL"


@pytest.mark.parametrize(
    ("spec", "payload", "value"),
    [
        ("json", '{"a": 1}', {"a": 1}),
        ("json", b64('{"a": 1}'), {"a": 1}),
        ("json", "1234", 1234),
        ("base64+json", b64('{"a": 1}'), {"a": 1}),
        ("text", b64("one"), b64("one")),
        ("base64+text", b64("one"), "one"),
        ("base64", b64("one"), "one"),
        ("base64", b64("[1]"), [1]),
        ("base64+base64+text", b64(b64("one")), "one"),
        ("base64+text", "b25l", "one"),
        ("base64+text", base64.urlsafe_b64encode("ü~~?".encode()).decode().rstrip("="), "ü~~?"),
        ("gzip+json", b64(gzip.compress(b'{"a": 1}', mtime=0)), {"a": 1}),
        ("base64+gzip+json", b64(gzip.compress(b'{"a": 1}', mtime=0)), {"a": 1}),
        ("gzip+json", b64('{"a": 1}'), {"a": 1}),
        ("form", "host=h1&tag=a&tag=b", {"host": "h1", "tag": ["a", "b"]}),
        ("form", b64("host=h+1&more=%5B1%5D"), {"host": "h 1", "more": [1]}),
        ("form", b64("payload=%7B%22a%22%3A1%7D"), {"a": 1}),
        ("base64+form", b64("a="), {"a": ""}),
        ("gzip", b64(gzip.compress(b"plain", mtime=0)), "plain"),
        ("gzip+text", b64(gzip.compress(b"one ", mtime=0) + gzip.compress(b"two", mtime=0)), "one two"),
        ("gzip+base64+json", b64(gzip.compress(b64("[1]").encode(), mtime=0)), [1]),
        ("avro:metric_data", b64(avro(A_METRIC)), A_METRIC),
        ("gzip+avro:metric_data", b64(gzip.compress(avro(A_METRIC), mtime=0)), A_METRIC),
        ("base64 + json", b64("1"), 1),
    ],
)
def test_a_spec_unpacks_from_left_to_right(spec: str, payload: str, value: Any):
    assert decoded(payload, spec).value == value
    assert decoded(payload, spec).undecodable is None


def test_bytes_behind_an_avro_record_are_ignored():
    assert decoded(b64(avro(A_METRIC) + b"a field of a newer schema"), "avro:metric_data").value == A_METRIC


def test_the_text_of_an_avro_record_is_its_json():
    assert json.loads(decoded(b64(avro(A_METRIC)), "avro:metric_data").text) == A_METRIC


@pytest.mark.parametrize(
    ("spec", "payload", "reason"),
    [
        ("json", "one", "not JSON"),
        ("json", "", "not JSON: it is empty"),
        ("json", '{"a": NaN}', "NaN and Infinity are no JSON"),
        ("json", b64('{"a": NaN}'), "NaN and Infinity are no JSON"),
        ("json", '{"a": 1e999}', "not JSON: number out of range"),
        ("json", "1" * 5000, "out of range"),
        ("json", '{"a"', "it ends too early"),
        ("json", "[" * 101 + "]" * 101, "nested deeper than 100 levels"),
        ("json", "[" * 100_000, "nested deeper than 100 levels"),
        ("json", '{"a":' * 5000 + "1" + "}" * 5000, "nested deeper than 100 levels"),
        ("base64+json", "not base64!", "not base64"),
        ("base64+text", b64(b"\xff\xfe"), "not UTF-8 text"),
        ("gzip+json", b64("plain"), "not gzip: incorrect header check"),
        ("form", b64("no form"), "not a form: there is no name=value in it"),
        ("gzip+json", "plain text", "not base64, in which gzip comes in a text"),
        ("gzip+json", b64(gzip.compress(b"[1]", mtime=0)[:-4]), "ends too early"),
        ("gzip+text", b64(gzip.compress(b"x", mtime=0) + b"rest"), "not gzip"),
        ("gzip+json", b64(gzip.compress(b"0" * (16 * 1024 * 1024 + 1))), "larger than 16 MiB when unpacked"),
        ("avro:metric_data", b64(b"\x02"), "not a record of this Avro schema"),
        ("avro:metric_data", '{"a": 1}', "not base64, in which Avro comes in a text"),
    ],
)
def test_what_cannot_be_decoded_as_declared_says_why_and_keeps_the_payload(spec: str, payload: str, reason: str):
    result = decoded(payload, spec)
    assert reason in (result.undecodable or "")
    assert result.value == result.text == payload


def test_a_hundred_levels_are_read():
    assert decoded("[" * 100 + "]" * 100, "json").undecodable is None


def test_half_a_surrogate_pair_in_a_payload_is_replaced():
    assert decode("a\ud800").text == "a?"
    assert decoded("a\ud800", "text").value == "a?"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("jsn", 'unknown decoding "jsn"; did you mean "json"?'),
        ("", 'unknown decoding ""'),
        ("json+text", '"json" in "json+text" must stand last'),
        ("gzip+auto", '"auto" in "gzip+auto" must stand alone'),
        ("auto+json", '"auto" in "auto+json" must stand alone'),
        ("avro:metric_dta", 'no Avro schema "metric_dta"; did you mean "metric_data"? known: metric_data'),
        ("gzipavro:metric_data", 'join the words with "+"'),
        ("gzip++json", 'unknown decoding ""'),
        ("json+avro:metric_data", '"json" in "json+avro:metric_data" must stand last'),
    ],
)
def test_a_spec_that_cannot_be_read_says_what_would_help(spec: str, words: str):
    with pytest.raises(ValueError, match=r"decoding|must stand|schema|join") as caught:
        read_spec(spec, SCHEMAS)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]}, "refers to itself"),
        ({"type": "array", "items": "null"}, "take no bytes"),
        ({"type": "array", "items": {"type": "record", "name": "E", "fields": []}}, "take no bytes"),
        ({"type": "record", "name": "R", "fields": [{"name": "a", "type": "nosuch"}]}, "cannot be used: nosuch"),
        ({"type": "fixed", "name": "F"}, "cannot be used"),
        (5, "cannot be used"),
    ],
)
def test_an_avro_schema_that_could_run_without_bound_is_refused(schema: Any, words: str):
    with pytest.raises(ValueError, match="Avro schema") as caught:
        read_spec("avro:x", {"x": schema})
    assert words in str(caught.value)


def test_a_type_used_twice_does_not_refer_to_itself():
    point = {"type": "record", "name": "P", "fields": [{"name": "x", "type": "int"}]}
    schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": point}, {"name": "b", "type": "P"}]}
    value = {"a": {"x": 1}, "b": {"x": 2}}
    assert decode(b64(avro(value, schema)), read_spec("avro:r", {"r": schema})).value == value


def test_avro_values_that_json_does_not_know_become_texts():
    schema = {
        "type": "record",
        "name": "R",
        "fields": [
            {"name": "raw", "type": "bytes"},
            {"name": "word", "type": "bytes"},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        ],
    }
    value = {"raw": b"\xff", "word": b"one", "at": dt.datetime(2026, 1, 3, 11, tzinfo=dt.UTC)}
    result = decode(b64(avro(value, schema)), read_spec("avro:r", {"r": schema}))
    assert result.value == {"raw": "/w==", "word": "one", "at": "2026-01-03T11:00:00+00:00"}


def test_the_real_schema_of_metric_data_is_read():
    schema = {
        "type": "record",
        "name": "metric_data",
        "fields": [
            *({"name": name, "type": "string"} for name in ("timestamp", "service", "hostname", "metric", "status")),
            *({"name": name, "type": ["null", "string"]} for name in ("monitoring_host", "summary", "message")),
        ],
    }
    value = {field["name"]: "x" for field in schema["fields"]}
    assert decode(b64(avro(value, schema)), read_spec("avro:m", {"m": schema})).value == value


specs = st.sampled_from(
    [
        AUTO,
        *(
            read_spec(text, SCHEMAS)
            for text in (
                "json",
                "text",
                "base64",
                "gzip+json",
                "base64+base64+json",
                "avro:metric_data",
                "gzip+avro:metric_data",
            )
        ),
    ]
)
json_texts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
).map(json.dumps)
contents = (
    st.binary(max_size=60)
    | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | json_texts.map(str.encode)
)
payloads = st.one_of(
    st.text(st.characters(), max_size=40),
    json_texts,
    contents.map(b64),
    contents.map(lambda content: b64(gzip.compress(content, mtime=0))),
    contents.map(lambda content: b64(avro(A_METRIC)[: len(content)] + content)),
)


@settings(max_examples=400, deadline=None)
@given(payloads, specs)
def test_no_payload_makes_decoding_raise_and_the_text_is_always_utf8(payload: str, spec: Any):
    result = decode(payload, spec)
    assert isinstance(result.text.encode("utf-8"), bytes)
    assert result.undecodable is None or result.undecodable.strip()


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8")), st.integers(-(2**63), 2**64) | st.text(st.characters(codec="utf-8"))
    )
)
def test_a_mapping_published_as_json_in_base64_is_what_rules_see(value: dict[str, Any]):
    assert decode(b64(json.dumps(value))).value == value
    assert decode(json.dumps(value)).value == value


def test_a_mark_of_byte_order_before_json_is_no_part_of_it():
    assert decode('\ufeff{"a": 1}').value == {"a": 1}
    assert decode(b64('\ufeff{"a": 1}'), read_spec("json", {})).value == {"a": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\ud800"', "\ufffd"),
        (r'"a\udc00b"', "a\ufffdb"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'"\\ud800 \ud800"', "\\ud800 \ufffd"),
    ],
)
def test_half_a_surrogate_pair_in_json_costs_that_character_and_not_the_message(text: str, value: str):
    assert decode(f'{{"a": {text}, "b": 1}}').value == {"a": value, "b": 1}


@pytest.mark.parametrize("spec", ["gzip", "gzip+json", "gzip+text", "base64+gzip+json"])
def test_nothing_is_no_gzip(spec: str):
    assert decode("", read_spec(spec, {})).undecodable == "not gzip: it is empty"
