"""The words for what a JSON document or schema gets wrong, as AMS's validator says them (ams-api.md section 10)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from jsonschema import ValidationError


def violation_texts(error: ValidationError) -> Iterator[str]:
    """``field: description`` of one violation."""
    field = ".".join(str(step) for step in error.absolute_path) or "(root)"
    yield f"{field}: {_description(error, field)}"


def _description(error: ValidationError, field: str) -> str:
    value = error.validator_value
    describe = _DESCRIPTIONS.get(str(error.validator))
    if describe is not None:
        return describe(value, field, error.instance)
    match error.validator:
        case "required":
            return f"{_missing(error)} is required"
        case "additionalProperties":
            return f"Additional property {error.message} is not allowed"
        case "minimum" | "maximum":
            return _limit(error)
        case "propertyNames":
            return f'Property name of "{error.instance}" does not match'
        case _:
            return error.message


def _missing(error: ValidationError) -> str:
    """Jsonschema tells the missing name only inside its message, quoted as Python does."""
    required: Any = error.validator_value
    return next((name for name in required if error.message.startswith(repr(name))), error.message)


def _limit(error: ValidationError) -> str:
    """Draft 4 puts ``exclusiveMinimum: true`` beside the limit."""
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    less = error.validator == "maximum"
    word = "less" if less else "greater"
    exclusive = schema.get("exclusiveMaximum" if less else "exclusiveMinimum") is True
    return f"Must be {word} than {'' if exclusive else 'or equal to '}{_number_text(error.validator_value)}"


def _number_text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else json.dumps(value)


def _types_text(types: Any) -> str:
    return types if isinstance(types, str) else "[" + ",".join(types) + "]"


def _type_of(instance: Any) -> str:
    match instance:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if instance.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _repeat(items: list[Any]) -> str:
    seen: dict[str, int] = {}
    for j, item in enumerate(items):
        text = json.dumps(item, sort_keys=True)
        if text in seen:
            return f"{seen[text]},{j}"
        seen[text] = j
    return "0,1"


_DESCRIPTIONS: Final[dict[str, Callable[[Any, str, Any], str]]] = {
    "type": lambda value, _, instance: f"Invalid type. Expected: {_types_text(value)}, given: {_type_of(instance)}",
    "enum": lambda value, field, _: f"{field} must be one of the following: {', '.join(json.dumps(v) for v in value)}",
    "const": lambda value, field, _: f"{field} does not match: {json.dumps(value)}",
    "minLength": lambda value, _, __: f"String length must be greater than or equal to {_number_text(value)}",
    "maxLength": lambda value, _, __: f"String length must be less than or equal to {_number_text(value)}",
    "exclusiveMinimum": lambda value, _, __: f"Must be greater than {_number_text(value)}",
    "exclusiveMaximum": lambda value, _, __: f"Must be less than {_number_text(value)}",
    "multipleOf": lambda value, _, __: f"Must be a multiple of {_number_text(value)}",
    "pattern": lambda value, _, __: f"Does not match pattern '{value}'",
    "format": lambda value, _, __: f"Does not match format '{value}'",
    "minItems": lambda value, _, __: f"Array must have at least {_number_text(value)} items",
    "maxItems": lambda value, _, __: f"Array must have at most {_number_text(value)} items",
    "uniqueItems": lambda _, __, instance: f"array items[{_repeat(instance)}] must be unique",
    "contains": lambda _, __, ___: "At least one of the items must match",
    "additionalItems": lambda _, __, ___: "No additional items allowed on array",
    "minProperties": lambda value, _, __: f"Must have at least {_number_text(value)} properties",
    "maxProperties": lambda value, _, __: f"Must have at most {_number_text(value)} properties",
    "dependencies": lambda _, __, ___: "Has a dependency that is missing",
    "anyOf": lambda _, __, ___: "Must validate at least one schema (anyOf)",
    "oneOf": lambda _, __, ___: "Must validate one and only one schema (oneOf)",
    "allOf": lambda _, __, ___: "Must validate all the schemas (allOf)",
    "not": lambda _, __, ___: "Must not validate the schema (not)",
    "if": lambda _, __, ___: 'Must validate "then" as "if" was valid',
}
