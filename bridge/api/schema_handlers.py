"""Schemas (ams-api.md section 10)."""

from __future__ import annotations

from typing import Literal

from bridge.api.api_errors import already_exists, invalid_argument
from bridge.api.call import Call
from bridge.api.request_bodies import read_shape
from bridge.api.resource_references import full_schema_name, schema_name
from bridge.api.wire import MessageText
from bridge.api.wire_reports import SchemaAnswer, SchemaList, SchemaRequest
from broker.names import child_key
from broker.payloads import NotBase64, from_base64
from broker.records import Schema

_NO_SCHEMA = {"json": "schema is invalid", "avro": "unknown schema type: <nil>"}
"""What AMS's two libraries say when there is no schema in the body."""


def schema_answer(call: Call, schema: Schema) -> SchemaAnswer:
    """A schema as AMS shows it."""
    name = full_schema_name(call.project.name, schema.name)
    return SchemaAnswer(schema.uid, name, schema.type, schema.definition)


def _type_of(text: str) -> Literal["json", "avro"]:
    match text.lower():
        case "json":
            return "json"
        case "avro":
            return "avro"
        case _:
            raise invalid_argument("Schema type can only be 'json' or 'avro'")


async def create(call: Call) -> SchemaAnswer:
    """A new schema."""
    request = await read_shape(call, SchemaRequest, "Invalid Schema Arguments", first_value_only=True)
    name = call.names["schema"]
    if call.broker.cache.schema(call.project.uid, name) is not None:
        raise already_exists("Schema already exists")
    schema_type = _type_of(request.type)
    if request.schema is None:
        raise invalid_argument(_NO_SCHEMA[schema_type])
    schema = await call.broker.schemas.create(call.project, name, schema_type, request.schema, call.caller.uid)
    return schema_answer(call, schema)


async def show(call: Call) -> SchemaAnswer:
    """One schema."""
    return schema_answer(call, call.schema())


async def list_all(call: Call) -> SchemaList:
    """The project's schemas, the oldest first (D21)."""
    schemas = call.broker.cache.list_all(Schema, child_key(call.project.uid, ""))
    return SchemaList([schema_answer(call, schema) for schema in schemas])


async def update(call: Call) -> SchemaAnswer:
    """Change what the body gives; what is missing stays."""
    schema = call.schema()
    request = await read_shape(call, SchemaRequest, "Invalid Schema Arguments", first_value_only=True)
    name = schema_name(request.name) if request.name else None
    holder = None if name is None else call.broker.cache.schema(call.project.uid, name)
    if holder is not None and holder.uid != schema.uid:
        raise already_exists("Schema already exists")
    changed = await call.broker.schemas.update(
        schema,
        name=name,
        schema_type=_type_of(request.type) if request.type else None,
        definition=request.schema or None,  # an empty one is none, as in AMS
    )
    return schema_answer(call, changed)


async def delete(call: Call) -> None:
    """Remove the schema; topics that used it check nothing any more."""
    await call.broker.schemas.delete(call.schema())


async def validate(call: Call) -> MessageText:
    """Hold one message against the schema: JSON as the body itself, Avro as base64 in ``data``."""
    schema = call.schema()
    payload = call.body
    if schema.type == "avro":
        wire: type[dict[str, str]] = dict[str, str]
        data = (await read_shape(call, wire)).get("data")
        if data is None:
            raise invalid_argument("Invalid Schema Payload Arguments")
        try:
            payload = from_base64(data)
        except NotBase64 as wrong:
            raise invalid_argument(f"Message 0 is not in valid base64 enocding,{wrong}") from wrong
    await call.broker.schemas.check_payload(schema, payload)
    return MessageText("Message validated successfully")
