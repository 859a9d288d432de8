"""Schemas: kept per project, and held against every message of a topic that names one.

The libraries behind them are read when the first schema of their type is compiled: they make a twentieth of a start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, assert_never

import msgspec

from broker.catalog_cache import CatalogCache
from broker.clock import Clock
from broker.errors import MessageInvalid, SchemaInvalid, SchemaUnusable
from broker.model import NewMessage
from broker.names import check_name, child_key
from broker.payloads import NotBase64, from_base64
from broker.records import Project, Schema, Topic
from broker.tokens import Entropy, random_uid

if TYPE_CHECKING:
    from broker.avro_schema import AvroSchema
    from broker.json_schema import JsonSchema

SchemaType = Literal["json", "avro"]
Compiled: TypeAlias = "JsonSchema | AvroSchema"


def schema_key(schema: Schema) -> str:
    """A schema's catalog key."""
    return child_key(schema.project_uid, schema.name)


def compile_schema(schema_type: SchemaType, definition: Mapping[str, Any]) -> Compiled:
    """The schema, ready to check payloads. Raises SchemaInvalid."""
    match schema_type:
        case "json":
            from broker.json_schema import compile_json_schema

            return compile_json_schema(definition)
        case "avro":
            from broker.avro_schema import compile_avro_schema

            return compile_avro_schema(definition)
        case _:
            assert_never(schema_type)


def load_schema(schema: Schema) -> Compiled:
    """A stored schema, ready to check payloads: what was accepted once stays in use. Raises SchemaInvalid."""
    match schema.type:
        case "json":
            from broker.json_schema import load_json_schema

            return load_json_schema(schema.definition)
        case "avro":
            from broker.avro_schema import load_avro_schema

            return load_avro_schema(schema.definition)
        case _:
            assert_never(schema.type)


class Schemas:
    """The schemas of all projects; each is compiled once per change."""

    def __init__(self, cache: CatalogCache, clock: Clock, entropy: Entropy) -> None:
        self._cache = cache
        self._clock = clock
        self._entropy = entropy
        self._compiled: dict[str, tuple[Schema, Compiled]] = {}

    async def create(
        self, project: Project, name: str, schema_type: SchemaType, definition: dict[str, Any], created_by: str = ""
    ) -> Schema:
        """A new schema. Raises AlreadyExists, InvalidName, SchemaInvalid."""
        compile_schema(schema_type, definition)
        now_us = self._clock.wall_us()
        schema = Schema(
            uid=random_uid(self._entropy),
            created_us=now_us,
            modified_us=now_us,
            created_by=created_by,
            project_uid=project.uid,
            name=check_name("schema", name),
            type=schema_type,
            definition=definition,
        )
        return await self._cache.create(schema, schema_key(schema))

    async def update(
        self,
        schema: Schema,
        *,
        name: str | None = None,
        schema_type: SchemaType | None = None,
        definition: dict[str, Any] | None = None,
    ) -> Schema:
        """Change what is given; topics that use it follow.

        Raises NotFound, AlreadyExists, InvalidName, SchemaInvalid.
        """
        if name is not None:
            check_name("schema", name)

        def edit(current: Schema) -> Schema:
            new = msgspec.structs.replace(
                current,
                name=name or current.name,
                type=schema_type or current.type,
                definition=current.definition if definition is None else definition,
                modified_us=self._clock.wall_us(),
            )
            if schema_type is not None or definition is not None:
                compile_schema(new.type, new.definition)
            return new

        return await self._cache.change(schema, schema_key, edit)

    async def delete(self, schema: Schema) -> None:
        """Remove a schema; topics that used it check nothing any more."""
        users = [t for t in self._cache.all(Topic, child_key(schema.project_uid, "")) if t.schema_uid == schema.uid]
        for topic in users:
            await self._cache.change(
                topic,
                lambda changed: child_key(changed.project_uid, changed.name),
                lambda current: msgspec.structs.replace(current, schema_uid=""),
            )
        await self._cache.remove(schema)

    def check_messages(self, schema_uid: str, messages: Sequence[NewMessage]) -> None:
        """Hold every message against the schema; a schema that is gone asks nothing.

        Raises MessageInvalid, SchemaUnusable.
        """
        schema = self._cache.by_uid(Schema, schema_uid)
        if schema is None:
            return
        check = self._check_of(schema)
        for index, message in enumerate(messages):
            try:
                payload = from_base64(message.data)
            except NotBase64 as wrong:
                raise MessageInvalid(f"Message {index} is not in valid base64 enocding,{wrong}") from wrong
            check(index, payload)

    def check_payload(self, schema: Schema, payload: bytes) -> None:
        """Hold one payload against the schema, as message 0. Raises MessageInvalid, SchemaUnusable."""
        self._check_of(schema)(0, payload)

    def _check_of(self, schema: Schema) -> Callable[[int, bytes], None]:
        held = self._compiled.get(schema.uid)
        if held is None or held[0] is not schema:
            try:
                held = schema, load_schema(schema)
            except SchemaInvalid as wrong:
                raise SchemaUnusable(schema.name) from wrong
            self._compiled[schema.uid] = held
        check: Callable[[Any, int, bytes], None] = _check_json if schema.type == "json" else _check_avro
        return partial(check, held[1])


def _check_json(schema: JsonSchema, index: int, payload: bytes) -> None:
    from broker.json_schema import first_document

    try:
        document = first_document(payload.decode("utf-8", "replace"))
    except ValueError as wrong:
        raise MessageInvalid(f"Message {index} data is not valid JSON format,{wrong}") from wrong
    violations = schema.violations(document)
    if len(violations) == 1:
        raise MessageInvalid(f"Message {index} data is not valid,{violations[0]}")
    if violations:
        listed = "".join(f"{n}){text}." for n, text in enumerate(violations, start=1))
        raise MessageInvalid(f"Message {index} data is not valid.{listed}")


def _check_avro(schema: AvroSchema, index: int, payload: bytes) -> None:
    try:
        schema.read(payload)
    except ValueError as wrong:
        raise MessageInvalid(f"Message {index} is not valid.{wrong}") from wrong
