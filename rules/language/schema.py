"""The JSON Schema of rule files, for editors: it completes keys and underlines most of what ``check`` refuses.

With a world it also knows the destinations, intervals and templates by name. What it cannot see (clashing names, what
templates and paths say, rules that cannot be reached) is left to ``ams-bridge check``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from rules.conditions.operators import OPERATORS
from rules.language.cases import CASE_KEYS, MATCHER_KEYS, MESSAGE_KEYS, TEXT_PARTS
from rules.language.read_expects import ALONE
from rules.language.read_quiet import MAX_CHANGES, MAX_COUNT, MAX_GROUP, OVERFLOWS, SILENCED_ENDS
from rules.language.read_rule import MAX_NAME_RUNES, POST_KEYS, SEVERITIES
from rules.language.read_schedule import KEYS as SCHEDULE_KEYS
from rules.language.read_schedule import MISSED
from rules.language.read_send import MAX_STEPS, UNLESS
from rules.language.reference import INNER_KEYS, RULE_KEYS
from rules.language.sources import World
from rules.rendering.template_files import read_template_sources

SchemaDict: TypeAlias = dict[str, Any]

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
DURATION: Final[SchemaDict] = {
    "type": "string",
    "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w))+$",
    "examples": ["10m"],
}
RATE: Final[SchemaDict] = {"type": "string", "pattern": r"^[0-9]+ ?/ ?[0-9a-z.]+$", "examples": ["20/1m"]}
TEXT: Final[SchemaDict] = {"type": "string"}
TEXTS: Final[SchemaDict] = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1}]}
TOPIC: Final[SchemaDict] = {"type": "string", "pattern": r"^(projects/|[*?\[])"}
PLACE: Final = r"^(\$|attributes\.|message\.|vars\.|parent(\.|\[|$)|text$)"
PLACES: Final[SchemaDict] = {
    "anyOf": [{"type": "string", "pattern": PLACE}, {"type": "array", "items": {"type": "string", "pattern": PLACE}}]
}
ANYTHING: Final[SchemaDict] = {}
LIVES: Final[SchemaDict] = {"anyOf": [{"required": ["resolved"]}, {"required": ["expect"]}]}
"""What a rule needs whose alerts begin and end."""


def rules_schema(world: World | None = None) -> SchemaDict:
    """The schema of a rule file, as plain JSON; names of ``world`` are offered where it has any."""
    schema: SchemaDict = {
        "$schema": DRAFT,
        "title": "ams-bridge rules",
        "type": ["object", "null"],
        "properties": {
            "topic": _topics("Topics that the rules of this file hear"),
            "rules": {"type": "array", "items": {"$ref": "#/$defs/rule"}, "description": "The rules, in file order"},
            "tests": {"type": "array", "items": {"$ref": "#/$defs/case"}, "description": "What the rules must do"},
        },
        "additionalProperties": False,
        "$defs": {
            "rule": _rule(world or World()),
            "clause": _clause(),
            "value": _value(),
            "case": _case(world or World()),
            "message": _message(),
            "matcher": _matcher(),
        },
    }
    _describe(schema)
    return schema


def _describe(node: Any) -> None:
    """Give every key that says nothing of itself the meaning it has inside of others."""
    if isinstance(node, list):
        for member in node:
            _describe(member)
    if not isinstance(node, dict):
        return
    properties = node.get("properties")
    if isinstance(properties, dict):
        for name, shape in properties.items():
            if name in INNER_KEYS and "$ref" not in shape and "description" not in shape:
                properties[name] = {**shape, "description": INNER_KEYS[name]}
    for member in node.values():
        _describe(member)


def _rule(world: World) -> SchemaDict:
    shapes = _shapes(world)
    properties = {
        entry.name: {**shapes.get(entry.name, TEXT), "description": f"{entry.meaning}. Example: {entry.example}"}
        for entry in RULE_KEYS
    }
    silent = [key for key in ("send", "escalate", *POST_KEYS) if key in properties]
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "required": ["name"],
        "dependentSchemas": {
            "text": {"not": {"required": ["template"]}},
            "dedupe": {"required": ["key"]},
            "resolved": {"required": ["key"]},
            "repeat": {"required": ["key"], **LIVES},
            "expect": {"required": ["key"], "not": {"anyOf": [{"required": [key]} for key in ALONE]}},
            "flapping": {"required": ["key"], "anyOf": [{"required": ["resolved"]}, {"required": ["state"]}]},
            "for": {"required": ["resolved"]},
            "since": {"required": ["resolved"]},
            "count": {"required": ["key"]},
            "escalate": LIVES,
            "overflow": {"required": ["throttle"]},
            "silenced_ends": LIVES,
        },
        "if": {"properties": {"drop": {"const": True}}, "required": ["drop"]},
        "then": {"not": {"anyOf": [{"required": [key]} for key in silent]}},
        "else": {"required": ["send"]},
    }


def _shapes(world: World) -> dict[str, SchemaDict]:
    """What each key of a rule may hold, where it is more than a text."""
    flag: SchemaDict = {"type": "boolean"}
    clause: SchemaDict = {"$ref": "#/$defs/clause"}
    return {
        "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME_RUNES, "pattern": "^[^/]+$"},
        "was": TEXTS,
        "topic": _topics(""),
        "for_each": {"type": "string", "pattern": r"^\$"},
        "match": clause,
        "when": {"type": "string", "pattern": r"^\s*[^{\s]"},
        "set": {
            "type": "object",
            "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
            "additionalProperties": TEXT,
        },
        "severity": {"anyOf": [{"enum": list(SEVERITIES)}, TEXT]},
        "stop": flag,
        "drop": flag,
        "template": _name_schema(_templates(world)),
        "fields": _fields(),
        "body": ANYTHING,
        "send": _send(world),
        "escalate": _escalate(world),
        "schedule": _schedule(),
        **_quiet_shapes(world, clause, flag),
    }


def _quiet_shapes(world: World, clause: SchemaDict, flag: SchemaDict) -> dict[str, SchemaDict]:
    """What the quiet keys of a rule may hold."""
    intervals = _one_or_several(_name_schema(world.intervals))
    positive: SchemaDict = {"type": "integer", "minimum": 1}
    changes: SchemaDict = {"type": "integer", "minimum": 2, "maximum": MAX_CHANGES}
    at_least: SchemaDict = {"type": "integer", "minimum": 2, "maximum": MAX_COUNT}
    return {
        "resolved": clause,
        "shadow": flag,
        "dedupe": DURATION,
        "repeat": DURATION,
        "forget_after": DURATION,
        "max_keys": positive,
        "throttle": _one_or_several(RATE),
        "overflow": {"enum": list(OVERFLOWS)},
        "silenced_ends": {"enum": list(SILENCED_ENDS)},
        "group": _mapping(
            {
                "by": PLACES,
                "wait": DURATION,
                "every": _one_or_several(DURATION),
                "max": {**positive, "maximum": MAX_GROUP},
                "headline": TEXT,
                "table": {"type": "object", "additionalProperties": TEXT, "minProperties": 1},
            }
        ),
        "flapping": _mapping({"changes": changes, "within": DURATION}, ["within"]),
        "for": DURATION,
        "count": _mapping({"at_least": at_least, "within": DURATION}, ["at_least", "within"]),
        "expect": _mapping({"every": DURATION, "grace": DURATION, "keys": TEXTS}, ["every"]),
        "hours": intervals,
        "not_hours": intervals,
        "inhibited_by": _one_or_several(_mapping({"rule": TEXT, "same": PLACES, "match": clause}, ["rule"])),
    }


def _schedule() -> SchemaDict:
    """Words, cron's five fields, or a mapping of either."""
    shapes: dict[str, SchemaDict] = {"over": DURATION, "missed": {"enum": list(MISSED)}, "cron": TEXT, "timezone": TEXT}
    numbers: SchemaDict = _one_or_several({"type": ["string", "integer"]})
    shapes |= {"at": {**TEXTS, "description": "A time of the day, or several"}, "rules": TEXTS}
    shapes |= dict.fromkeys(("days", "days_of_month", "months"), numbers)
    return {"anyOf": [_mapping({key: shapes[key] for key in SCHEDULE_KEYS}), TEXT]}


def _send(world: World) -> SchemaDict:
    return _one_or_several({"anyOf": [_name_schema(world.destinations), *_entries(world, {})]})


def _escalate(world: World) -> SchemaDict:
    own: dict[str, SchemaDict] = {"after": DURATION, "unless": {"enum": list(UNLESS)}, "mention": TEXT}
    steps: SchemaDict = {"anyOf": _entries(world, own, ["after"])}
    return {"type": "array", "items": steps, "minItems": 1, "maxItems": MAX_STEPS}


def _entries(world: World, own: dict[str, SchemaDict], needed: Iterable[str] = ()) -> list[SchemaDict]:
    """Mappings that name a destination, for each with what may be said beside it; ``own`` are keys of any."""
    required = ["to", *needed]
    if not world.destinations:
        return [{"type": "object", "properties": {"to": TEXT, **own}, "required": required}]
    return [
        _mapping({"to": {"const": facts.name}, **own, **dict.fromkeys(sorted(facts.overrides), ANYTHING)}, required)
        for facts in world.destinations.values()
    ]


def _clause() -> SchemaDict:
    """``match``: lines of places, and ``all``, ``any``, ``not`` with more of the same; or a list of such."""
    again: SchemaDict = {"$ref": "#/$defs/clause"}
    lines: SchemaDict = {
        "type": "object",
        "properties": {"all": again, "any": again, "not": again, "undecodable": {"type": "boolean"}},
        "patternProperties": {PLACE: {"$ref": "#/$defs/value"}},
        "additionalProperties": False,
    }
    return {"anyOf": [lines, {"type": "array", "items": again}]}


def _value() -> SchemaDict:
    """The right side of a line: a constant, a list of constants, or operators."""
    constant: SchemaDict = {"type": ["string", "number", "boolean", "null"]}
    again: SchemaDict = {"$ref": "#/$defs/value"}
    texts: SchemaDict = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}
    flag: SchemaDict = {"type": "boolean"}
    bound: SchemaDict = {"type": ["number", "string"]}
    shapes: dict[str, SchemaDict] = {
        "equals": ANYTHING,
        "not": again,
        "every": again,
        "exists": flag,
        "ignore_case": flag,
        "contains": ANYTHING,
        "older_than": DURATION,
        "newer_than": DURATION,
        **dict.fromkeys(("gt", "gte", "lt", "lte"), bound),
        **dict.fromkeys(("like", "regex", "starts_with", "ends_with", "cidr"), texts),
    }
    operators = {
        name: {**shapes.get(name, ANYTHING), "description": f"{operator.meaning}. Example: {operator.example}"}
        for name, operator in OPERATORS.items()
    }
    mapping: SchemaDict = {"type": "object", "properties": operators, "additionalProperties": False, "minProperties": 1}
    return {"anyOf": [constant, {"type": "array", "items": constant}, mapping]}


def _fields() -> SchemaDict:
    field = _mapping({"title": TEXT, "value": TEXT, "short": {"type": "boolean"}}, ["title", "value"])
    return {"anyOf": [{"type": "object", "additionalProperties": TEXT}, {"type": "array", "items": field}]}


def _case(world: World) -> SchemaDict:
    offset: SchemaDict = {"anyOf": [DURATION, {"enum": ["0", 0]}]}
    silence = _mapping(
        {"matchers": {"type": "object", "minProperties": 1}, "from": offset, "until": offset}, ["matchers"]
    )
    by = {**TEXT, "description": "What keeps it quiet, such as duplicate, silence or inhibited:RULE"}
    quiet = _mapping({"rule": TEXT, "to": _name_schema(world.destinations), "by": by, "key": TEXT, "at": offset})
    matcher: SchemaDict = {"$ref": "#/$defs/matcher"}
    expected: SchemaDict = {
        "type": "object",
        "properties": {
            "rule": {**TEXT, "description": "The rule that sends"},
            "to": {**_name_schema(world.destinations), "description": "The destination it sends to"},
            "at": {**offset, "description": "When, counted from the start"},
            "shadow": {"type": "boolean", "description": "Whether only in shadow"},
            **dict.fromkeys(TEXT_PARTS, matcher),
            "fields": {"type": "object", "additionalProperties": matcher},
            "fallback": {**matcher, "description": "Which template fails and why; one that fails must be expected"},
        },
    }
    shapes: dict[str, SchemaDict] = {
        "name": {**TEXT, "description": "What this test says of the rules"},
        "topic": {"type": "string", "pattern": "^projects/[^/]+/topics/[^/]+$"},
        "message": {"$ref": "#/$defs/message"},
        "messages": {"type": "array", "items": {"$ref": "#/$defs/message"}},
        "until": {**offset, "description": "How long the clock runs on, counted from the start"},
        "silences": {"type": "array", "items": silence},
        "taken": {"type": "array", "items": _mapping({"key": TEXT, "rule": TEXT, "at": offset}, ["key"])},
        "expect": {"type": "array", "items": expected, "description": "All sends that must happen, and no others"},
        "quiet": {"type": "array", "items": quiet, "description": "Sends that must be kept quiet, and by what"},
    }
    properties = {key: shapes.get(key, TEXT) for key in CASE_KEYS}
    case = _mapping(properties, ["name"])
    case["anyOf"] = [{"required": ["expect"]}, {"required": ["quiet"]}]
    case["oneOf"] = [
        {"required": ["message"]},
        {"required": ["messages"]},
        {"required": ["until"], "not": {"anyOf": [{"required": ["message"]}, {"required": ["messages"]}]}},
    ]
    return case


def _message() -> SchemaDict:
    shapes: dict[str, SchemaDict] = {
        "data": {"description": "The decoded payload, as the rules see it"},
        "text": {**TEXT, "description": "The payload as it was published"},
        "payload": {**TEXT, "description": "The payload as it was published, base64 maybe"},
        "attributes": {"type": "object", "additionalProperties": TEXT},
        "topic": {"type": "string", "pattern": "^projects/[^/]+/topics/[^/]+$"},
        "at": {"anyOf": [DURATION, {"enum": ["0", 0]}], "description": "When, counted from the start"},
        "offset": {"type": "integer", "minimum": 0},
    }
    message = _mapping({key: shapes[key] for key in MESSAGE_KEYS})
    message["oneOf"] = [{"required": [key]} for key in ("data", "text", "payload")]
    return message


def _matcher() -> SchemaDict:
    shapes: dict[str, SchemaDict] = {"equals": ANYTHING, "snapshot": TEXT}
    return {
        "anyOf": [
            {"type": ["string", "number", "boolean", "null", "array"]},
            _mapping({key: shapes.get(key, TEXTS) for key in MATCHER_KEYS}),
        ]
    }


def _mapping(properties: SchemaDict, required: Iterable[str] = ()) -> SchemaDict:
    return {"type": "object", "properties": properties, "additionalProperties": False, "required": list(required)}


def _one_or_several(shape: SchemaDict) -> SchemaDict:
    return {"anyOf": [shape, {"type": "array", "items": shape, "minItems": 1}]}


def _name_schema(names: Iterable[str]) -> SchemaDict:
    """A text; one of these names where there are any."""
    known = sorted(names)
    return {"enum": known} if known else TEXT


def _topics(description: str) -> SchemaDict:
    topics: SchemaDict = {"anyOf": [TOPIC, {"type": "array", "items": TOPIC, "minItems": 1}]}
    return {**topics, "description": description} if description else topics


def _templates(world: World) -> list[str]:
    sources, _ = read_template_sources(world.template_folder, shipped=world.shipped_templates)
    return [source.name for source in sources]
