"""Judges whether a JSON schema is one, as AMS's validator does when it loads it: keyword by keyword, with its words.

What no keyword of the draft reads is passed over. References must lead somewhere inside the schema, or to one of the
published meta-schemas; nothing is ever fetched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import re2
from jsonschema_specifications import REGISTRY
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT4, DRAFT6, DRAFT7

from broker.errors import SchemaInvalid, SchemaTooComplex
from broker.schema_budget import MOST_STEPS, Budget, TooComplex, nodes_in, value_steps

HYBRID: Final = 99
"""The draft of a schema that names none: a bit of all of them."""
_SPECIFICATIONS: Final[Mapping[int, Any]] = {4: DRAFT4, 6: DRAFT6, 7: DRAFT7, HYBRID: DRAFT7}
_TYPES: Final = ("array", "boolean", "integer", "number", "null", "object", "string")
_INT64: Final = range(-(2**63), 2**63)
_BELOW: Final = "Expected: valid schema, given: Invalid JSON"
_REPETITION_STEPS: Final = 500
SchemaNode: TypeAlias = Mapping[str, Any]


def draft_of(definition: SchemaNode) -> int:
    """The draft that ``$schema`` names, HYBRID when it names none that is known. Raises SchemaInvalid."""
    name = definition.get("$schema", "")
    if not isinstance(name, str):
        raise SchemaInvalid("Invalid type. Expected: string, given: $schema")
    return next((draft for draft in (4, 6, 7) if f"draft-0{draft}" in name), HYBRID)


def check_json_schema(definition: SchemaNode, draft: int) -> None:
    """Judge a whole schema. Raises SchemaInvalid."""
    try:
        resource = _SPECIFICATIONS[draft].create_resource(dict(definition))
        judge = _Judge(draft, nodes_in(definition, MOST_STEPS))
        judge.check_texts(definition)
        judge.judge(definition, REGISTRY.resolver_with_root(resource))
    except RecursionError as deep:
        raise SchemaInvalid("the schema is nested too deeply") from deep
    except TooComplex as much:
        raise SchemaTooComplex(f"the schema is too complex: {much}") from much
    except ValueError as wrong:  # an identifier that is no URL
        raise SchemaInvalid("an identifier or reference of the schema is not a URL") from wrong


class _Judge:
    """Goes through a schema once; what a reference leads to is judged where it is first met."""

    def __init__(self, draft: int, nodes: int) -> None:
        self._draft = draft
        self._followed: set[int] = set()
        self._budget = Budget()
        self._nodes = nodes

    def judge(self, node: Any, resolver: Any) -> None:
        """Judge one schema and everything below it. Raises SchemaInvalid, RecursionError."""
        if isinstance(node, bool) and self._draft > 4:
            return
        if not isinstance(node, Mapping):
            raise SchemaInvalid(_BELOW)
        self._budget.charge(1 + (value_steps(node) >> 2))
        self.check_texts(node)
        if "$id" in node or "id" in node:
            resolver = resolver.in_subresource(_SPECIFICATIONS[self._draft].create_resource(node))
        if "$ref" in node:
            self._follow(node["$ref"], resolver)
            self._judge_definitions(node, resolver)
            return
        self._judge_definitions(node, resolver)
        for key, check in _VALUES.items():
            if key in node:
                self._budget.charge(self._price(key, node[key]))
                check(key, node[key])
        self._judge_limits(node)
        for key in node:
            self._judge_below(key, node[key], resolver)

    def check_texts(self, node: SchemaNode) -> None:
        """What must be a text in a schema, before anything is looked up by it. Raises SchemaInvalid."""
        identity = "id" if self._draft == 4 or (self._draft == HYBRID and "id" in node) else "$id"
        for key in (identity, "title", "description", "$ref"):
            if key in node and not isinstance(node[key], str):
                raise SchemaInvalid(f"Invalid type. Expected: string, given: {key}")

    def _judge_definitions(self, node: SchemaNode, resolver: Any) -> None:
        if "definitions" not in node:
            return
        below = node["definitions"]
        if not isinstance(below, Mapping) or any(
            not isinstance(definition, Mapping | bool) for definition in below.values()
        ):
            raise SchemaInvalid("Invalid type. Expected: array of schemas, given: definitions")
        for definition in below.values():
            self.judge(definition, resolver)

    def _price(self, key: str, value: Any) -> int:
        """What judging the value of a keyword takes: repetitions in a pattern make it large."""
        patterns = [value] if key == "pattern" else value if key == "patternProperties" else ()
        if not isinstance(patterns, list | Mapping):
            return 1 + (value_steps(value) >> 3)
        texts = [pattern for pattern in patterns if isinstance(pattern, str)]
        return sum(4 + len(text) + (_REPETITION_STEPS if "{" in text else 0) for text in texts) + (
            value_steps(value) >> 3
        )

    def _follow(self, reference: str, resolver: Any) -> None:
        """Judge what a reference leads to. Raises SchemaInvalid when that is nothing, or outside."""
        is_pointer = reference == "#" or reference.startswith("#/")
        self._budget.charge(8 + (reference.count("/") if is_pointer else self._nodes))
        try:
            resolved = resolver.lookup(reference)
        except Unresolvable as nowhere:
            raise SchemaInvalid(f"Reference {reference} cannot be resolved") from nowhere
        if not isinstance(resolved.contents, Mapping | bool):
            raise SchemaInvalid("valid schema must be of type object")
        if id(resolved.contents) not in self._followed:
            self._followed.add(id(resolved.contents))
            self.judge(resolved.contents, resolved.resolver)

    def _judge_limits(self, node: SchemaNode) -> None:
        """What depends on two keywords, or on the draft."""
        for low, high in (("minLength", "maxLength"), ("minProperties", "maxProperties")):
            if low in node and high in node and node[low] > node[high]:
                raise SchemaInvalid(f"{low} cannot be greater than {high}")
        for key, beside in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if key not in node:
                continue
            value = node[key]
            wanted = {4: "boolean", HYBRID: "boolean/number"}.get(self._draft, "number")
            fits = (isinstance(value, bool) and self._draft in (4, HYBRID)) or (_is_number(value) and self._draft != 4)
            if not fits:
                raise SchemaInvalid(f"Invalid type. Expected: {wanted}, given: {key}")
            if isinstance(value, bool) and beside not in node:
                raise SchemaInvalid(f"{key} cannot be used without {beside}")

    def _judge_below(self, key: str, value: Any, resolver: Any) -> None:
        """Judge the schemas under one keyword."""
        if key in ("properties", "patternProperties", "dependencies"):
            for schema in value.values():
                if key != "dependencies" or not isinstance(schema, list):
                    self.judge(schema, resolver)
        elif key in ("additionalProperties", "additionalItems"):
            if not isinstance(value, bool):
                self.judge(value, resolver)
        elif key in ("oneOf", "anyOf", "allOf") or (key == "items" and isinstance(value, list)):
            for schema in value:
                self.judge(schema, resolver)
        elif _SINGLE.get(key, HYBRID + 1) <= self._draft:
            if key != "contains" and not isinstance(value, Mapping | bool):
                raise SchemaInvalid(f"{key} must be of an object")
            self.judge(value, resolver)


_SINGLE: Final = {"not": 4, "items": 4, "propertyNames": 6, "contains": 6, "if": 7, "then": 7, "else": 7}
"""Keywords with one schema below, and the draft that brought them."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_number(key: str, value: Any) -> None:
    if not _is_number(value):
        raise SchemaInvalid(f"{key} must be of a number")


def _check_multiple(key: str, value: Any) -> None:
    if not _is_number(value):
        raise SchemaInvalid(f"Invalid type. Expected: number, given: {key}")
    if value <= 0:
        raise SchemaInvalid(f"{key} must be strictly greater than 0")


def _count(key: str, value: Any) -> None:
    if not _is_number(value) or value != int(value) or int(value) not in _INT64:
        raise SchemaInvalid(f"{key} must be of an integer")
    if value < 0:
        raise SchemaInvalid(f"{key} must be greater than or equal to 0")


def _check_type(key: str, value: Any) -> None:
    names = value if isinstance(value, list) else [value]
    for n, name in enumerate(names):
        if not isinstance(name, str):
            raise SchemaInvalid(f"Invalid type. Expected: string/array of strings, given: {key}")
        if name not in _TYPES:
            listed = " ".join(_TYPES)
            raise SchemaInvalid(
                f"has a primitive type that is NOT VALID -- given: /{name}/ Expected valid values are:[{listed}]"
            )
        if name in names[:n]:
            raise SchemaInvalid(f"{name} type is duplicated")


def _check_object(key: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise SchemaInvalid(f"{key} must be of type object")


def _check_patterns(key: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise SchemaInvalid(f"Invalid type. Expected: valid schema, given: {key}")
    for pattern in value:
        _compile(pattern, f"Invalid regex pattern '{pattern}'")


def _check_pattern(key: str, value: Any) -> None:
    if not isinstance(value, str):
        raise SchemaInvalid(f"{key} must be of a string")
    _compile(value, f"{key} must be a valid regex")


def _compile(pattern: str, otherwise: str) -> None:
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options=options)
    except re2.error as wrong:
        raise SchemaInvalid(otherwise) from wrong


def _check_dependencies(key: str, value: Any) -> None:
    _check_object(key, value)
    for dependency in value.values():
        texts = isinstance(dependency, list) and all(isinstance(name, str) for name in dependency)
        if not texts and not isinstance(dependency, Mapping | bool):
            raise SchemaInvalid("dependency must be of type schema or array of strings")


def _check_items(key: str, value: Any) -> None:
    several = value if isinstance(value, list) else [value]
    if any(not isinstance(schema, Mapping | bool) for schema in several):
        raise SchemaInvalid(f"Invalid type. Expected: valid schema/array of schemas, given: {key}")


def _check_schema_or_bool(key: str, value: Any) -> None:
    if not isinstance(value, Mapping | bool):
        raise SchemaInvalid(f"Invalid type. Expected: boolean/valid schema, given: {key}")


def _check_format(key: str, value: Any) -> None:
    if not isinstance(value, str):
        raise SchemaInvalid(f"{key} must be of type string")


def _require(key: str, value: Any) -> None:
    _check_list(key, value)
    if any(not isinstance(name, str) for name in value):
        raise SchemaInvalid(f"{key} items must be string")
    if len(set(value)) < len(value):
        raise SchemaInvalid(f"{key} items must be unique")


def _check_bool(key: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise SchemaInvalid(f"{key} must be of a boolean")


def _check_enum(key: str, value: Any) -> None:
    _check_list(key, value)
    if len({canonical(choice) for choice in value}) < len(value):
        raise SchemaInvalid(f"{key} items must be unique")


def _check_list(key: str, value: Any) -> None:
    if not isinstance(value, list):
        raise SchemaInvalid(f"{key} must be of an array")


def canonical(value: Any) -> str:
    """A JSON value as the text by which two of them are the same: ``1.0`` is ``1``, and ``true`` is neither."""
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [_whole(member) for member in value]
        case Mapping():
            return {key: _whole(below) for key, below in value.items()}
        case _:
            return value


_VALUES: Final[Mapping[str, Callable[[str, Any], None]]] = {
    "type": _check_type,
    "properties": _check_object,
    "additionalProperties": _check_schema_or_bool,
    "patternProperties": _check_patterns,
    "dependencies": _check_dependencies,
    "items": _check_items,
    "additionalItems": _check_schema_or_bool,
    "multipleOf": _check_multiple,
    "minimum": _check_number,
    "maximum": _check_number,
    "minLength": _count,
    "maxLength": _count,
    "pattern": _check_pattern,
    "format": _check_format,
    "minProperties": _count,
    "maxProperties": _count,
    "required": _require,
    "minItems": _count,
    "maxItems": _count,
    "uniqueItems": _check_bool,
    "enum": _check_enum,
    "oneOf": _check_list,
    "anyOf": _check_list,
    "allOf": _check_list,
}
"""What each keyword may hold, in the order in which AMS's validator looks."""
