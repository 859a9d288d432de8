"""Schemas: kept per project, and held against every message of a topic that names one.

The libraries behind them are read when the first schema of their type is compiled: they make a twentieth of a start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, assert_never

import msgspec
import structlog

from broker.catalog_cache import CatalogCache
from broker.clock import Clock
from broker.errors import MessageInvalid, SchemaInvalid, SchemaUnusable
from broker.model import NewMessage
from broker.names import check_name, child_key
from broker.payloads import NotBase64, from_base64
from broker.records import Project, Schema, Topic
from broker.schema_budget import LOOP_STEPS, Budget, TooComplex
from broker.tokens import Entropy, random_uid

if TYPE_CHECKING:
    from broker.avro_schema import AvroSchema
    from broker.json_schema import JsonSchema

SchemaType = Literal["json", "avro"]
Compiled: TypeAlias = "JsonSchema | AvroSchema"
Check: TypeAlias = Callable[[Compiled, Budget | None], None]
"""Checks contents against a schema, within a budget, or with one for each of them."""
Result = TypeVar("Result")
_LOOP_JSON_BYTES: Final = 64 * 1024
_LOOP_AVRO_BYTES: Final = 4 * 1024
_THREADS: Final = 2

log = structlog.get_logger("schemas")


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
        self._threads: ThreadPoolExecutor | None = None

    async def create(
        self, project: Project, name: str, schema_type: SchemaType, definition: dict[str, Any], created_by: str = ""
    ) -> Schema:
        """A new schema. Raises AlreadyExists, InvalidName, SchemaInvalid."""
        await self._beside(partial(compile_schema, schema_type, definition))
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

        changes = schema_type is not None or definition is not None
        judged = schema_type or schema.type, schema.definition if definition is None else definition
        if changes:
            await self._beside(partial(compile_schema, *judged))

        def edit(current: Schema) -> Schema:
            new = msgspec.structs.replace(
                current,
                name=name or current.name,
                type=schema_type or current.type,
                definition=current.definition if definition is None else definition,
                modified_us=self._clock.wall_us(),
            )
            if changes and (new.type, new.definition) != judged:  # somebody else changed it meanwhile
                compile_schema(new.type, new.definition)
            return new

        return await self._cache.change(schema, schema_key, edit)

    async def delete(self, schema: Schema) -> None:
        """Remove a schema; topics that used it check nothing any more."""
        users = [
            t for t in self._cache.list_all(Topic, child_key(schema.project_uid, "")) if t.schema_uid == schema.uid
        ]
        for topic in users:
            await self._cache.change(
                topic,
                lambda changed: child_key(changed.project_uid, changed.name),
                lambda current: msgspec.structs.replace(current, schema_uid=""),
            )
        await self._cache.remove(schema)

    async def check_messages(self, schema_uid: str, messages: Sequence[NewMessage]) -> None:
        """Hold every message against the schema; a schema that is gone asks nothing.

        Raises MessageInvalid, SchemaUnusable.
        """
        schema = self._cache.find_by_uid(Schema, schema_uid)
        if schema is not None:
            check = partial(_check_texts, [message.data for message in messages])
            await self._check(schema, check, sum(len(message.data) for message in messages))

    async def check_payload(self, schema: Schema, payload: bytes) -> None:
        """Hold one payload against the schema, as message 0. Raises MessageInvalid, SchemaUnusable."""
        await self._check(schema, partial(_check_one, 0, payload), len(payload))

    async def _check(self, schema: Schema, check: Check, size: int) -> None:
        """Check on the event loop what is small and simple, and anything else beside it."""
        compiled = await self._find_compiled(schema)
        if size <= (_LOOP_JSON_BYTES if schema.type == "json" else _LOOP_AVRO_BYTES):
            try:
                return check(compiled, Budget(LOOP_STEPS))
            except TooComplex:
                log.debug("a check goes on beside the event loop", schema=schema.name)
        return await self._beside(partial(check, compiled, None))

    async def _find_compiled(self, schema: Schema) -> Compiled:
        compiled = self._compiled.get(schema.uid)
        if compiled is None or compiled[0] is not schema:
            try:
                compiled = schema, await self._beside(partial(load_schema, schema))
            except SchemaInvalid as wrong:
                raise SchemaUnusable(schema.name) from wrong
            self._compiled[schema.uid] = compiled
        return compiled[1]

    async def _beside(self, step: Callable[[], Result]) -> Result:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="schemas")
        return await asyncio.get_running_loop().run_in_executor(self._threads, step)


def _check_texts(texts: Sequence[str], compiled: Compiled, budget: Budget | None) -> None:
    for index, text in enumerate(texts):
        try:
            payload = from_base64(text)
        except NotBase64 as wrong:
            raise MessageInvalid(f"Message {index} is not in valid base64 enocding,{wrong}") from wrong
        _check_one(index, payload, compiled, budget)


def _check_one(index: int, payload: bytes, compiled: Compiled, budget: Budget | None) -> None:
    """Hold one payload against its schema, within ``budget``, or one of its own. Raises MessageInvalid, TooComplex."""
    from broker.avro_schema import AvroSchema

    if isinstance(compiled, AvroSchema):
        try:
            compiled.read(payload)
        except ValueError as wrong:
            raise MessageInvalid(f"Message {index} is not valid.{wrong}") from wrong
        return
    try:
        _check_json(index, payload, compiled, budget or Budget())
    except TooComplex as much:
        if budget is not None:
            raise
        raise MessageInvalid(f"Message {index} data is not valid,(root): {much}") from much


def _check_json(index: int, payload: bytes, schema: JsonSchema, budget: Budget) -> None:
    from broker.json_schema import first_document

    try:
        document = first_document(payload.decode("utf-8", "replace"))
    except ValueError as wrong:
        raise MessageInvalid(f"Message {index} data is not valid JSON format,{wrong}") from wrong
    violations = schema.violations(document, budget)
    if len(violations) == 1:
        raise MessageInvalid(f"Message {index} data is not valid,{violations[0]}")
    if violations:
        listed = "".join(f"{n}){text}." for n, text in enumerate(violations, start=1))
        raise MessageInvalid(f"Message {index} data is not valid.{listed}")
