"""Schemas over the API (ams-api.md section 10)."""

import base64
import re

import pytest

from tests.fakes.ams_api import a_staged_api

IA = "INVALID_ARGUMENT"
MISSING = (404, "NOT_FOUND", "Schema doesn't exist")
SCHEMA = "/projects/P/schemas/sc"
JSON = {"type": "json", "schema": {"type": "object", "required": ["email"]}}
AVRO = {"type": "avro", "schema": {"type": "record", "name": "r", "fields": [{"name": "a", "type": "string"}]}}


async def with_schema(body=JSON):
    ams = await a_staged_api()
    await ams.ok("POST", SCHEMA, body)
    return ams


@pytest.mark.parametrize("kind", ["json", "JSON", "Json"])
async def test_a_schema_is_shown_as_it_was_given(kind):
    ams = await a_staged_api()
    shown = await ams.ok("POST", SCHEMA, JSON | {"type": kind})
    assert re.fullmatch(r"[0-9a-f-]{36}", shown.pop("uuid"))
    assert shown == {"name": "projects/P/schemas/sc", "type": "json", "schema": JSON["schema"]}
    listed = await ams.ok("GET", "/projects/P/schemas")
    assert [one["name"] for one in listed["schemas"]] == ["projects/P/schemas/sc"]


async def test_schemas_are_listed_oldest_first():
    ams = await a_staged_api()
    for name in ("b", "a"):
        await ams.ok("POST", f"/projects/P/schemas/{name}", JSON)
    listed = await ams.ok("GET", "/projects/P/schemas")
    assert [one["name"] for one in listed["schemas"]] == ["projects/P/schemas/b", "projects/P/schemas/a"]


async def test_no_schemas_are_an_empty_list():
    ams = await a_staged_api()
    assert await ams.ok("GET", "/projects/P/schemas") == {"schemas": []}


async def test_only_the_first_value_of_the_body_is_read():
    ams = await a_staged_api()
    await ams.ok("POST", SCHEMA, raw=b'{"type":"json","schema":{}} and more')
    await ams.ok("PUT", SCHEMA, raw=b'{"type":"json"}{}')


NOT_VALID = (
    "has a primitive type that is NOT VALID -- given: /x/ "
    "Expected valid values are:[array boolean integer number null object string]"
)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ([], "Invalid Schema Arguments"),
        ({"type": 1}, "Invalid Schema Arguments"),
        ({"type": "json", "schema": "text"}, "Invalid Schema Arguments"),
        ({"type": "json", "schema": [1]}, "Invalid Schema Arguments"),
        ({"schema": {}}, "Schema type can only be 'json' or 'avro'"),
        ({"type": "xml", "schema": {}}, "Schema type can only be 'json' or 'avro'"),
        ({"type": "json", "schema": {"type": "x"}}, NOT_VALID),
        ({"type": "avro", "schema": {"type": "x"}}, 'unknown type name: "x"'),
    ],
)
async def test_a_schema_that_cannot_be_is_refused(body, text):
    ams = await a_staged_api()
    assert await ams.error("POST", SCHEMA, body) == (400, IA, text)


async def test_a_taken_name_is_told_before_the_schema_is_looked_at():
    ams = await with_schema()
    assert await ams.error("POST", SCHEMA, {"type": "xml"}) == (409, "ALREADY_EXISTS", "Schema already exists")


@pytest.mark.parametrize(("method", "verb"), [("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", ":validate")])
async def test_a_missing_schema_is_told(method, verb):
    ams = await a_staged_api()
    assert await ams.error(method, f"{SCHEMA}{verb}", raw=b"nonsense") == MISSING


async def test_a_schema_is_changed_in_what_is_given():
    ams = await with_schema()
    uuid = (await ams.ok("GET", SCHEMA))["uuid"]
    changed = await ams.ok("PUT", SCHEMA, {"name": "projects/P/schemas/renamed"})
    assert changed == {"uuid": uuid, "name": "projects/P/schemas/renamed", "type": "json", "schema": JSON["schema"]}
    changed = await ams.ok("PUT", "/projects/P/schemas/renamed", AVRO)
    assert (changed["type"], changed["schema"]) == ("avro", AVRO["schema"])
    assert await ams.error("GET", SCHEMA) == MISSING


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"name": "other"}, (400, IA, "wrong schema name declaration")),
        ({"name": "projects/P/schemas/taken"}, (409, "ALREADY_EXISTS", "Schema already exists")),
        ({"name": "projects/P/schemas/a.b"}, (400, IA, "Invalid schema name")),
        ({"type": "xml"}, (400, IA, "Schema type can only be 'json' or 'avro'")),
        ({"type": "avro"}, (400, IA, 'unknown type name: "object"')),
        ({"schema": {"type": "x"}}, (400, IA, NOT_VALID)),
        ({"schema": 1}, (400, IA, "Invalid Schema Arguments")),
    ],
)
async def test_a_change_that_cannot_be_is_refused_and_changes_nothing(body, error):
    ams = await with_schema()
    await ams.ok("POST", "/projects/P/schemas/taken", JSON)
    before = await ams.ok("GET", SCHEMA)
    assert await ams.error("PUT", SCHEMA, body) == error
    assert await ams.ok("GET", SCHEMA) == before


async def test_topics_lose_a_deleted_schema_and_follow_a_renamed_one():
    ams = await with_schema()
    await ams.ok("POST", "/projects/P/topics/T:attachSchema", {"schema": "projects/P/schemas/sc"})
    await ams.ok("PUT", SCHEMA, {"name": "projects/P/schemas/new"})
    assert (await ams.ok("GET", "/projects/P/topics/T"))["schema"] == "projects/P/schemas/new"
    await ams.ok("DELETE", "/projects/P/schemas/new")
    assert "schema" not in await ams.ok("GET", "/projects/P/topics/T")
    assert await ams.publish("anything") == ["0"]


VALID = {"message": "Message validated successfully"}


async def test_a_json_document_is_validated_as_the_body_itself():
    ams = await with_schema()
    assert await ams.ok("POST", f"{SCHEMA}:validate", {"email": "e"}) == VALID
    error = await ams.error("POST", f"{SCHEMA}:validate", {})
    assert error == (400, IA, "Message 0 data is not valid,(root): email is required")
    error = await ams.error("POST", f"{SCHEMA}:validate", raw=b"{")
    assert error == (400, IA, "Message 0 data is not valid JSON format,unexpected EOF")


async def test_an_avro_datum_is_validated_in_base64():
    ams = await with_schema(AVRO)
    path = f"{SCHEMA}:validate"
    assert await ams.ok("POST", path, {"data": base64.b64encode(b"\x02a").decode()}) == VALID
    assert await ams.error("POST", path, {"data": 1}) == (400, "BAD_REQUEST", "Invalid Request Body")
    assert await ams.error("POST", path, {}) == (400, IA, "Invalid Schema Payload Arguments")
    error = await ams.error("POST", path, {"data": "*"})
    assert error == (400, IA, "Message 0 is not in valid base64 enocding,illegal base64 data at input byte 0")
    assert (await ams.error("POST", path, {"data": ""}))[2].startswith("Message 0 is not valid.")


@pytest.mark.parametrize("body", [b'{"type":"json"}', b'{"type":"avro"}', b'{"type":"json","schema":null}'])
async def test_a_schema_without_a_schema_is_refused(body):
    ams = await a_staged_api()
    error = (await ams.ask("POST", "/projects/P/schemas/none", raw=body)).error
    assert error[:2] == (400, "INVALID_ARGUMENT")
    assert error[2] in ("schema is invalid", "unknown schema type: <nil>")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": []},
        {"type": [[]]},
        {"type": {}},
        {"enum": [[]], "type": [{}]},
        {"type": "record", "name": [], "fields": []},
        {"type": "enum", "name": "e", "symbols": [[]]},
        {"type": [[], {}]},
        {"required": [[]]},
        {"$id": "http://["},
        {"$ref": "http://["},
        {"type": "record", "name": "r", "fields": {"a": "int"}},
        {"properties": []},
    ],
)
@pytest.mark.parametrize("kind", ["json", "avro"])
async def test_no_python_error_text_reaches_a_client(kind, schema):
    ams = await a_staged_api()
    answered = await ams.ask("POST", "/projects/P/schemas/odd", {"type": kind, "schema": schema})
    assert answered.status in (200, 400)
    text = str(answered.json.get("error", {}).get("message", ""))
    for word in ("unhashable", "' object", "Traceback", "NoneType", "dict", "argument", "subscriptable"):
        assert word not in text


async def test_an_empty_schema_changes_nothing():
    ams = await a_staged_api()
    await ams.ok("POST", "/projects/P/schemas/kept", {"type": "json", "schema": {"type": "string"}})
    assert (await ams.ok("PUT", "/projects/P/schemas/kept", {"schema": {}}))["schema"] == {"type": "string"}
