"""Schemas, and the words for what breaks them (ams-api.md section 10)."""

import base64
import io
import json

import fastavro
import msgspec
import pytest

from broker.errors import MessageInvalid, SchemaInvalid, SchemaUnusable
from broker.json_schema import compile_json_schema, first_document, load_json_schema
from broker.payloads import NotBase64, from_base64
from broker.schemas import compile_schema
from tests.fakes.brokers import a_message, a_stage

TYPES = "[array boolean integer number null object string]"
PERSON = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name", "email"]}
RECORD = {
    "type": "record",
    "name": "r",
    "fields": [{"name": "a", "type": "string"}, {"name": "b", "type": ["null", "int"], "default": None}],
}


def b64(payload):
    return base64.b64encode(payload if isinstance(payload, bytes) else json.dumps(payload).encode()).decode()


async def refusal(schema_type, definition, *data):
    stage = await a_stage()
    schema = await stage.broker.schemas.create(stage.project, "sc", schema_type, definition)
    topic = await stage.broker.topics.set_schema(stage.topic, schema.uid)
    with pytest.raises(MessageInvalid) as refused:
        await stage.broker.publish(topic, [a_message(text) for text in data])
    assert (await stage.broker.offsets(stage.subscription)).max == 0
    return refused.value.reason


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("msg 1", "Message 1 is not in valid base64 enocding,illegal base64 data at input byte 3"),
        ("YQ", "Message 1 is not in valid base64 enocding,illegal base64 data at input byte 2"),
        (b64(b""), "Message 1 data is not valid JSON format,EOF"),
        (b64(b"{"), "Message 1 data is not valid JSON format,unexpected EOF"),
        (
            b64(b"nope"),
            "Message 1 data is not valid JSON format,invalid character 'n' looking for beginning of value",
        ),
        (b64({"name": "n"}), "Message 1 data is not valid,(root): email is required"),
        (
            b64({"name": 1, "email": ""}),
            "Message 1 data is not valid,name: Invalid type. Expected: string, given: integer",
        ),
        (b64({}), "Message 1 data is not valid.1)(root): name is required.2)(root): email is required."),
    ],
)
async def test_the_first_message_that_fails_a_json_schema_is_told_and_nothing_is_stored(data, text):
    assert await refusal("json", PERSON, b64({"name": "n", "email": "e"}), data, "also wrong") == text


async def test_only_the_first_json_value_is_read():
    stage = await a_stage()
    schema = await stage.broker.schemas.create(stage.project, "sc", "json", PERSON)
    stage.topic = await stage.broker.topics.set_schema(stage.topic, schema.uid)
    assert await stage.publish(b64(b'{"name":"n","email":"e"} trailing')) == [0]


VIOLATIONS = [
    ({"type": "string"}, 1, "(root): Invalid type. Expected: string, given: integer"),
    ({"type": ["string", "null"]}, 1.5, "(root): Invalid type. Expected: [string,null], given: number"),
    ({"additionalProperties": False}, {"x": 1}, "(root): Additional property x is not allowed"),
    ({"properties": {"f": {"enum": ["a", "b"]}}}, {"f": 1}, 'f: f must be one of the following: "a", "b"'),
    ({"properties": {"f": {"const": "v"}}}, {"f": 1}, 'f: f does not match: "v"'),
    ({"minLength": 3}, "ab", "(root): String length must be greater than or equal to 3"),
    ({"maxLength": 1}, "ab", "(root): String length must be less than or equal to 1"),
    ({"minimum": 3}, 2, "(root): Must be greater than or equal to 3"),
    ({"maximum": 3}, 4, "(root): Must be less than or equal to 3"),
    ({"exclusiveMinimum": 3}, 3, "(root): Must be greater than 3"),
    ({"exclusiveMaximum": 3}, 3, "(root): Must be less than 3"),
    ({"multipleOf": 2}, 3, "(root): Must be a multiple of 2"),
    ({"pattern": "^a+$"}, "b", "(root): Does not match pattern '^a+$'"),
    ({"format": "email"}, "nope", "(root): Does not match format 'email'"),
    ({"minItems": 2}, [1], "(root): Array must have at least 2 items"),
    ({"maxItems": 1}, [1, 2], "(root): Array must have at most 1 items"),
    ({"uniqueItems": True}, [1, 2, 1], "(root): array items[0,2] must be unique"),
    ({"minProperties": 1}, {}, "(root): Must have at least 1 properties"),
    ({"maxProperties": 1}, {"a": 1, "b": 2}, "(root): Must have at most 1 properties"),
    ({"anyOf": [{"type": "string"}]}, 1, "(root): Must validate at least one schema (anyOf)"),
    ({"oneOf": [{}, {}]}, 1, "(root): Must validate one and only one schema (oneOf)"),
    ({"not": {}}, 1, "(root): Must not validate the schema (not)"),
    ({"contains": {"type": "string"}}, [1], "(root): At least one of the items must match"),
    ({"items": [{}], "additionalItems": False}, [1, 2], "(root): No additional items allowed on array"),
    ({"propertyNames": {"maxLength": 1}}, {"ab": 1}, "(root): String length must be less than or equal to 1"),
    ({"patternProperties": {"^x": {"type": "null"}}}, {"xy": 1}, "xy: Invalid type. Expected: null, given: integer"),
    (
        {"properties": {"a": {"properties": {"s": {"items": {"type": "null"}}}}}},
        {"a": {"s": [None, True]}},
        "a.s.1: Invalid type. Expected: null, given: boolean",
    ),
    (
        {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 3, "exclusiveMinimum": True},
        3,
        "(root): Must be greater than 3",
    ),
]


@pytest.mark.parametrize(("schema", "document", "text"), VIOLATIONS)
def test_each_violation_has_its_words(schema, document, text):
    assert compile_json_schema(schema).violations(document) == [text]


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        (
            {"type": "x"},
            f"has a primitive type that is NOT VALID -- given: /x/ Expected valid values are:{TYPES}",
        ),
        ({"properties": 3}, "properties must be of type object"),
        ({"minLength": -1}, "minLength must be greater than or equal to 0"),
        ({"pattern": "(?<=x)"}, "pattern must be a valid regex"),
        ({"patternProperties": {"(": {}}}, "Invalid regex pattern '('"),
        ({"required": ["a", "a"]}, "required items must be unique"),
    ],
)
def test_a_json_schema_that_does_not_compile_is_refused(definition, text):
    with pytest.raises(SchemaInvalid) as refused:
        compile_schema("json", definition)
    assert refused.value.reason == text


def test_a_schema_never_reaches_out_over_the_network():
    with pytest.raises(SchemaInvalid) as refused:
        compile_json_schema({"$ref": "http://127.0.0.1:9/x"})
    assert refused.value.reason == "Reference http://127.0.0.1:9/x cannot be resolved"
    stored = load_json_schema({"$ref": "http://127.0.0.1:9/x"})
    assert stored.violations({}) == ["(root): Reference http://127.0.0.1:9/x cannot be resolved"]


def test_a_schema_that_refers_to_itself_without_end_is_told():
    assert compile_json_schema({"$ref": "#"}).violations({}) == [
        "(root): the document or its schema is nested too deeply"
    ]


def test_a_pattern_cannot_stall():
    assert compile_json_schema({"pattern": "^(a+)+$"}).violations("a" * 5000 + "!")


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        ({"type": "x"}, 'unknown type name: "x"'),
        (
            {"type": "record", "name": "r", "fields": [{"name": "a", "type": "zz"}]},
            'Record "r" field 1 ought to be valid Avro named type: unknown type name: "zz"',
        ),
        ({"type": "record", "name": "r"}, 'Record "r" ought to have fields key'),
        ({}, "missing type: map[]"),
    ],
)
def test_an_avro_schema_that_does_not_compile_is_refused(definition, text):
    with pytest.raises(SchemaInvalid) as refused:
        compile_schema("avro", definition)
    assert refused.value.reason == text


async def test_a_bare_avro_datum_passes_and_bytes_after_it_are_ignored():
    datum = io.BytesIO()
    fastavro.schemaless_writer(datum, fastavro.parse_schema(RECORD), {"a": "x", "b": 3})
    stage = await a_stage()
    schema = await stage.broker.schemas.create(stage.project, "sc", "avro", RECORD)
    stage.topic = await stage.broker.topics.set_schema(stage.topic, schema.uid)
    assert await stage.publish(b64(datum.getvalue()), b64(datum.getvalue() + b"more")) == [0, 1]


@pytest.mark.parametrize("payload", [b"", b"\x7f", b"\x02a\x08"])
async def test_what_is_not_an_avro_datum_is_refused(payload):
    assert (await refusal("avro", RECORD, b64(payload))).startswith("Message 0 is not valid.cannot decode binary")


async def test_a_changed_schema_holds_from_then_on_and_a_deleted_one_no_more():
    stage = await a_stage()
    schema = await stage.broker.schemas.create(stage.project, "sc", "json", {"type": "string"})
    stage.topic = await stage.broker.topics.set_schema(stage.topic, schema.uid)
    await stage.publish(b64("text"))
    schema = await stage.broker.schemas.update(schema, definition={"type": "integer"})
    with pytest.raises(MessageInvalid):
        await stage.publish(b64("text"))
    await stage.broker.schemas.delete(schema)
    assert stage.broker.cache.topic(stage.project.uid, "T").schema_uid == ""
    assert await stage.publish("anything") == [1]


async def test_a_new_type_alone_is_checked_against_the_stored_definition():
    stage = await a_stage()
    schema = await stage.broker.schemas.create(stage.project, "sc", "json", {"type": "object"})
    with pytest.raises(SchemaInvalid):
        await stage.broker.schemas.update(schema, schema_type="avro")
    assert stage.broker.cache.schema(stage.project.uid, "sc").type == "json"


async def test_a_stored_schema_that_no_longer_loads_is_told_apart():
    stage = await a_stage()
    schema = await stage.broker.schemas.create(stage.project, "sc", "json", {})
    broken = msgspec.structs.replace(schema, definition={"type": "x"})
    await stage.broker.cache.change(schema, lambda s: f"{s.project_uid}/{s.name}", lambda _: broken)
    topic = await stage.broker.topics.set_schema(stage.topic, schema.uid)
    with pytest.raises(SchemaUnusable):
        await stage.broker.publish(topic, [a_message()])


def test_the_first_document_refuses_what_json_does_not_have():
    with pytest.raises(ValueError, match="invalid character 'N'"):
        first_document("[NaN]")
    with pytest.raises(ValueError, match="exceeded max depth"):
        first_document("[" * 100_000)


@pytest.mark.parametrize(
    ("text", "position"), [("msg 1", 3), ("YQ", 2), ("YQ=", 2), ("=", 0), ("YQ==YQ==", 2), ("é", 0), ("YR==", None)]
)
def test_the_place_where_base64_breaks_is_told(text, position):
    if position is None:
        from_base64(text)
        return
    with pytest.raises(NotBase64) as wrong:
        from_base64(text)
    assert wrong.value.position == position


def test_line_breaks_in_base64_are_ignored():
    assert from_base64("Y\r\nQ=\n=") == b"a"
