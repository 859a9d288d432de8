"""No schema and no message holds anybody up: too many steps are refused, and many are taken beside the event loop."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from broker.errors import MessageInvalid, SchemaInvalid, SchemaTooComplex
from broker.json_schema import compile_json_schema, first_document
from broker.schema_budget import LOOP_STEPS, MOST_STEPS, Budget, TooComplex, nodes_in
from broker.schemas import compile_schema
from tests.fakes.brokers import a_message, a_stage

TOLD = f"checking it takes more than {MOST_STEPS} steps; the message or its schema is too complex"
DOUBLING = {
    "allOf": [{"$ref": "#/definitions/d30"}],
    "definitions": {"d0": {"type": "integer"}}
    | {f"d{n}": {"allOf": [{"$ref": f"#/definitions/d{n - 1}"}] * 2} for n in range(1, 31)},
}
NAMES = [f"name {n}" for n in range(50_000)]
HOSTILE: dict[str, tuple[dict[str, Any], Any]] = {
    "references that double": (DOUBLING, 1),
    "alternatives that double": (
        {
            "anyOf": [{"$ref": "#/definitions/d30"}],
            "definitions": {"d0": {"type": "integer"}}
            | {f"d{n}": {"anyOf": [{"$ref": f"#/definitions/d{n - 1}"}] * 2} for n in range(1, 31)},
        },
        "x",
    ),
    "a long list of alternatives for each of many": (
        {"items": {"enum": [[n] for n in range(5_000)]}},
        [[n] for n in range(5_000)],
    ),
    "a constant of thousands for each of many": ({"items": {"const": list(range(5_000))}}, [list(range(5_000))] * 900),
    "a pattern of a large program": ({"pattern": "(.{0,1000}){1}x"}, "ß" * 300_000),
    "a pattern over many names": ({"patternProperties": {"(.{0,1000}){1}x": {}}}, {"ß" * n: 1 for n in range(999)}),
    "many patterns for names nobody asked for": (
        {"patternProperties": {f"^{n}[a-f]{{0,100}}$": {} for n in range(300)}, "additionalProperties": False},
        {str(n): 1 for n in range(2_000)},
    ),
    "thousands of names that are missing": ({"required": NAMES}, {}),
    "thousands of violations that quote it all": ({"allOf": [{"type": "string"}] * 5_000}, list(range(20_000))),
    "many items under many rules": ({"items": {"allOf": [{}] * 900}}, [1] * 5_000),
    "items under an empty rule again and again": ({"allOf": [{"items": {}}] * 900}, [1] * 5_000),
    "names under many rules": ({"propertyNames": {"allOf": [{"minLength": 1}] * 900}}, dict.fromkeys(NAMES[:5_000])),
    "a reference by name in a large schema": (
        {
            "items": {"$ref": "http://x.invalid/named"},
            "definitions": {"named": {"$id": "http://x.invalid/named"}, "more": {"enum": NAMES}},
        },
        [1] * 5_000,
    ),
    "lists within lists held against themselves": (
        {"allOf": [{"uniqueItems": True}] * 90},
        [[n, [n]] for n in range(30_000)],
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_check_that_takes_too_many_steps_is_broken_off(name: str) -> None:
    schema, document = HOSTILE[name]
    with pytest.raises(TooComplex) as refused:
        compile_json_schema(schema).violations(document)
    assert refused.value.steps == MOST_STEPS


def test_the_same_check_breaks_off_at_the_same_step_everywhere() -> None:
    schema, document = compile_json_schema({"items": {"type": "integer"}}), list(range(100))
    least = next(steps for steps in range(10_000) if not _breaks_off(schema, document, steps))
    assert [_breaks_off(schema, document, least - 1), _breaks_off(schema, document, least)] == [True, False]
    assert 100 < least < 300


def _breaks_off(schema: Any, document: Any, steps: int) -> bool:
    try:
        schema.violations(document, Budget(steps))
    except TooComplex:
        return True
    return False


def test_a_large_ordinary_message_is_within_the_budget() -> None:
    alert = {"labels": {"host": "web1", "severity": "critical"}, "value": 1.5, "tags": ["a", "b"]}
    schema = {
        "type": "object",
        "required": ["alerts"],
        "properties": {
            "alerts": {
                "type": "array",
                "uniqueItems": True,
                "items": {
                    "type": "object",
                    "required": ["labels", "value"],
                    "properties": {
                        "labels": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 100}},
                        "value": {"type": "number", "minimum": 0},
                        "tags": {"type": "array", "items": {"enum": ["a", "b", "c"]}},
                    },
                },
            }
        },
    }
    document = {"alerts": [alert | {"value": n} for n in range(8_000)]}
    assert len(json.dumps(document)) > 700_000
    assert compile_json_schema(schema).violations(document) == []


def test_many_distinct_items_are_unique_in_one_look() -> None:
    schema = compile_json_schema({"uniqueItems": True})
    assert schema.violations([{"n": n} for n in range(50_000)]) == []
    assert schema.violations([{"a": 1, "b": 2}, True, 1, {"b": 2, "a": 1}]) == [
        "(root): array items[0,3] must be unique"
    ]
    assert schema.violations([1, True, "1", [1], None, False, 0]) == []


@pytest.mark.parametrize(
    ("schema_type", "definition"),
    [
        ("json", {"allOf": [{"pattern": f"{n}(.{{0,1000}})x"} for n in range(2_000)]}),
        (
            "json",
            {
                "definitions": {f"a{n}": {"$id": f"http://x.invalid/{n}"} for n in range(2_000)},
                "allOf": [{"$ref": f"http://x.invalid/{n}"} for n in range(2_000)],
            },
        ),
        ("json", {"properties": {f"p{n}": {"type": "string"} for n in range(300_000)}}),
    ],
    ids=["patterns", "references", "size"],
)
def test_a_schema_that_takes_too_many_steps_to_judge_is_refused(schema_type: Any, definition: Any) -> None:
    with pytest.raises(SchemaTooComplex, match="the schema is too complex: checking it takes more than"):
        compile_schema(schema_type, definition)


def test_an_avro_union_of_thousands_is_judged_in_one_look() -> None:
    members = [{"type": "enum", "name": f"e{n}", "symbols": ["a"]} for n in range(20_000)]
    record = {"type": "record", "name": "r", "fields": [{"name": "f", "type": members}]}
    compile_schema("avro", record)
    record["fields"] = [{"name": "f", "type": [*members, members[0]["name"]]}]
    with pytest.raises(SchemaInvalid, match="ought to be unique type"):
        compile_schema("avro", record)


def test_numbers_of_any_size_are_told_in_plain_words() -> None:
    with pytest.raises(ValueError, match="a number has too many digits"):
        first_document("1" * 5_000)
    schema = compile_json_schema({"multipleOf": 0.1, "maximum": 10})
    assert schema.violations(first_document("1e400")) != []
    assert schema.violations(first_document("9" * 4_000)) != []


def test_nodes_are_counted_up_to_a_bound() -> None:
    assert nodes_in({"a": [1, 2]}, 100) == 4
    assert nodes_in([0] * 1_000, 10) == 10


# --- In a broker --------------------------------------------------------------------------------------


async def refusal_of(schema_type: Any, definition: Any, *payloads: bytes) -> str:
    stage = await a_stage()
    schema = await stage.broker.schemas.create(stage.project, "sc", schema_type, definition)
    topic = await stage.broker.topics.set_schema(stage.topic, schema.uid)
    with pytest.raises(MessageInvalid) as refused:
        await stage.broker.publish(topic, [a_message(base64.b64encode(one).decode()) for one in payloads])
    with pytest.raises(MessageInvalid):
        await stage.broker.schemas.check_payload(schema, payloads[-1])
    assert (await stage.broker.offsets(stage.subscription)).max == 0
    return refused.value.reason


async def test_a_publish_that_is_too_complex_says_which_message_and_stores_nothing() -> None:
    assert await refusal_of("json", DOUBLING, b"1") == f"Message 0 data is not valid,(root): {TOLD}"


async def test_an_avro_record_that_doubles_is_too_complex() -> None:
    kind: Any = {"type": "record", "name": "r0", "fields": [{"name": "a", "type": "null"}]}
    for n in range(1, 40):
        fields = [{"name": "a", "type": kind}, {"name": "b", "type": f"r{n - 1}"}]
        kind = {"type": "record", "name": f"r{n}", "fields": fields}
    assert await refusal_of("avro", kind, b"") == (
        "Message 0 is not valid.cannot decode binary: the datum is too complex"
    )


async def test_what_takes_many_steps_is_checked_beside_the_event_loop() -> None:
    stage = await a_stage()
    definition = {"items": {"type": "integer", "minimum": 0}}
    schema = await stage.broker.schemas.create(stage.project, "sc", "json", definition)
    loop, turns, is_over = asyncio.get_running_loop(), 0, False

    def turn() -> None:
        nonlocal turns
        turns += 1
        if not is_over:
            loop.call_soon(turn)

    await stage.broker.schemas.check_payload(schema, b"[1]")  # the first one loads the schema
    turn()
    await stage.broker.schemas.check_payload(schema, b"[1]")
    assert turns < 5
    await stage.broker.schemas.check_payload(schema, json.dumps([1] * LOOP_STEPS * 3).encode())
    is_over = True
    assert turns > 5
