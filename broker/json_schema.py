"""JSON Schema, drafts 4, 6 and 7, with the texts that AMS clients know (ams-api.md section 10).

Patterns run on RE2, as in AMS, so no schema can stall the daemon; references are followed inside the schema only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import re2
from jsonschema import Draft4Validator, Draft6Validator, Draft7Validator, ValidationError
from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from jsonschema_specifications import REGISTRY
from referencing.exceptions import Unresolvable

from broker.errors import SchemaInvalid
from broker.json_schema_texts import compile_text, violation_texts


def compile_json_schema(definition: Mapping[str, Any]) -> JsonSchema:
    """The schema, ready to check documents. Raises SchemaInvalid."""
    draft = _draft_of(definition)
    try:
        draft.check_schema(dict(definition), format_checker=None)
    except SchemaError as wrong:
        raise SchemaInvalid(compile_text(wrong)) from wrong
    except RecursionError as deep:
        raise SchemaInvalid("the schema is nested too deeply") from deep
    _check_patterns(definition)
    return JsonSchema(draft(dict(definition), registry=REGISTRY, format_checker=draft.FORMAT_CHECKER))


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


def _draft_of(definition: Mapping[str, Any]) -> Any:
    name = str(definition.get("$schema", ""))
    return next((draft for mark, draft in _DRAFTS.items() if mark in name), _DRAFTS["draft-07"])


def _check_patterns(node: Any) -> None:
    if isinstance(node, Mapping):
        pattern = node.get("pattern")
        if isinstance(pattern, str):
            _check_pattern(pattern, "pattern must be a valid regex")
        several = node.get("patternProperties")
        if isinstance(several, Mapping):
            for pattern in several:
                _check_pattern(pattern, f"Invalid regex pattern '{pattern}'")
        for below in node.values():
            _check_patterns(below)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for below in node:
            _check_patterns(below)


def _check_pattern(pattern: str, text: str) -> None:
    try:
        _compiled(pattern)
    except re2.error as wrong:
        raise SchemaInvalid(text) from wrong


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


_KEYWORDS: Final = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
}
_extend: Final[Callable[..., Any]] = extend
_DRAFTS: Final[Mapping[str, Any]] = {
    "draft-04": _extend(Draft4Validator, _KEYWORDS),
    "draft-06": _extend(Draft6Validator, _KEYWORDS),
    "draft-07": _extend(Draft7Validator, _KEYWORDS),
}
