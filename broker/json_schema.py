"""JSON Schema, drafts 4, 6 and 7, with the texts that AMS clients know (ams-api.md section 10).

A schema that names no draft is a hybrid of all three, in which ``exclusiveMinimum`` may be a number or ``true``.

Patterns run on RE2, as in AMS, so no schema can stall the daemon; references are followed inside the schema only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import re2
from jsonschema import Draft4Validator, Draft6Validator, Draft7Validator, ValidationError
from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from jsonschema_specifications import REGISTRY
from referencing.exceptions import Unresolvable

from broker.errors import SchemaInvalid
from broker.json_schema_formats import FORMATS
from broker.json_schema_rules import HYBRID, check_json_schema, draft_of
from broker.json_schema_texts import violation_texts


def compile_json_schema(definition: Mapping[str, Any]) -> JsonSchema:
    """The schema, ready to check documents. Raises SchemaInvalid."""
    draft = draft_of(definition)
    check_json_schema(definition, draft)
    return JsonSchema(_DRAFTS[draft](dict(definition), registry=REGISTRY, format_checker=FORMATS))


def load_json_schema(definition: Mapping[str, Any]) -> JsonSchema:
    """A schema that was accepted once, by whatever rules held then. Raises SchemaInvalid when it cannot be used."""
    try:
        return compile_json_schema(definition)
    except SchemaInvalid:
        draft = _DRAFTS[draft_of(definition)]
        try:
            draft.check_schema(dict(definition), format_checker=None)
        except (SchemaError, RecursionError):
            pass
        else:
            return JsonSchema(draft(dict(definition), registry=REGISTRY, format_checker=FORMATS))
        raise


class JsonSchema:
    """A compiled schema."""

    def __init__(self, validator: Validator) -> None:
        self._validator = validator

    def violations(self, document: Any) -> list[str]:
        """``field: description`` of everything the document gets wrong; empty when it is valid."""
        try:
            return [text for error in self._validator.iter_errors(document) for text in violation_texts(error)]
        except Unresolvable as unknown:
            return [f"(root): Reference {unknown.ref} cannot be resolved"]
        except re2.error:
            return ["(root): a pattern of the schema is no valid regex"]
        except OverflowError:
            return ["(root): a number is too large to be checked"]
        except RecursionError:
            return ["(root): the document or its schema is nested too deeply"]


def first_document(text: str) -> Any:
    """The first JSON value in a text. Raises ValueError whose text is AMS's detail."""
    try:
        document, _ = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode(text.lstrip(" \t\r\n"))
    except json.JSONDecodeError as wrong:
        rest = wrong.doc[wrong.pos :]
        if not wrong.doc:
            raise ValueError("EOF") from wrong
        if not rest or wrong.msg.startswith("Unterminated"):
            raise ValueError("unexpected EOF") from wrong
        raise ValueError(f"invalid character {_quoted(rest[0])} looking for beginning of value") from wrong
    except RecursionError as deep:
        raise ValueError("exceeded max depth") from deep
    return document


def _quoted(character: str) -> str:
    return "'\\''" if character == "'" else f"'{character}'"


def _refuse_constant(name: str) -> Any:
    raise json.JSONDecodeError("not JSON", name, 0)


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options=options)


def _pattern(_: Validator, pattern: str, instance: Any, __: Mapping[str, Any]) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _compiled(pattern).search(instance):
        yield ValidationError("does not match")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: Any, _: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, below in patterns.items():
        for name, value in instance.items():
            if _compiled(pattern).search(name):
                yield from validator.descend(value, below, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, allowed: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    patterns = [_compiled(pattern) for pattern in schema.get("patternProperties", {})]
    for name, value in instance.items():
        if name in schema.get("properties", {}) or any(pattern.search(name) for pattern in patterns):
            continue
        if isinstance(allowed, dict):
            yield from validator.descend(value, allowed, path=name)
        elif allowed is False:
            yield ValidationError(name)


def _bound(beyond: Callable[[Any, Any, bool], bool], exclusive: str) -> Callable[..., Iterator[ValidationError]]:
    """``minimum`` or ``maximum``, which ``exclusiveMinimum: true`` beside it makes exclusive (draft 4, hybrid)."""

    def check(validator: Any, limit: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
        if validator.is_type(instance, "number") and beyond(instance, limit, schema.get(exclusive) is True):
            yield ValidationError("out of bounds")

    return check


def _exclusive(beyond: Callable[[Any, Any, bool], bool]) -> Callable[..., Iterator[ValidationError]]:
    """``exclusiveMinimum`` or ``exclusiveMaximum`` as a number; as a truth it is the other keyword's business."""

    def check(validator: Any, limit: Any, instance: Any, _: Mapping[str, Any]) -> Iterator[ValidationError]:
        if not isinstance(limit, bool) and validator.is_type(instance, "number") and beyond(instance, limit, True):
            yield ValidationError("out of bounds")

    return check


def _below(value: Any, limit: Any, exclusive: bool) -> bool:
    return bool(value <= limit if exclusive else value < limit)


def _above(value: Any, limit: Any, exclusive: bool) -> bool:
    return bool(value >= limit if exclusive else value > limit)


_KEYWORDS: Final = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
}
_BOTH_WAYS: Final = {
    "minimum": _bound(_below, "exclusiveMinimum"),
    "maximum": _bound(_above, "exclusiveMaximum"),
    "exclusiveMinimum": _exclusive(_below),
    "exclusiveMaximum": _exclusive(_above),
}
_extend: Final[Callable[..., Any]] = extend
_DRAFTS: Final[Mapping[int, Any]] = {
    4: _extend(Draft4Validator, _KEYWORDS, type_checker=Draft6Validator.TYPE_CHECKER),
    6: _extend(Draft6Validator, _KEYWORDS),
    7: _extend(Draft7Validator, _KEYWORDS),
    HYBRID: _extend(Draft7Validator, _KEYWORDS | _BOTH_WAYS),
}
