"""Each keyword of a JSON schema at a price, and those that this product checks in its own way.

Patterns run on RE2, as in AMS. The library's own ``uniqueItems`` holds each item against every other; here each is
looked at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final, TypeAlias

import re2
from jsonschema import Draft4Validator, Draft6Validator, Draft7Validator, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from broker.json_schema_rules import HYBRID, canonical
from broker.schema_budget import Budget, value_steps

Keyword: TypeAlias = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]
BUDGET: Final[ContextVar[Budget]] = ContextVar("schema budget")
"""The budget of the check that runs."""
_REFERENCE_STEPS: Final = 6
_PROGRAM: Final = 10  # as a shift: characters times instructions of a pattern in a step
_LOOKING: Final = frozenset(("items", "contains", "additionalItems", "additionalProperties", "propertyNames"))
_EACH: Final = frozenset(("allOf", "anyOf", "oneOf"))
_DEEP: Final = frozenset(("const", "enum", "format", "uniqueItems"))


@lru_cache(maxsize=4096)
def _compile(pattern: str) -> Any:
    """The pattern, ready to search. Raises re2.error."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options=options)


def _is_found(pattern: str, text: str) -> bool:
    compiled = _compile(pattern)
    BUDGET.get().charge(1 + (compiled.programsize >> 6) + (len(text) * compiled.programsize >> _PROGRAM))
    return compiled.search(text) is not None


def _unique_items(validator: Any, unique: Any, instance: Any, _: Mapping[str, Any]) -> Iterator[ValidationError]:
    if unique and validator.is_type(instance, "array"):
        seen = {canonical(item) for item in instance}
        if len(seen) < len(instance):
            yield ValidationError("items are not unique")


def _pattern(_: Validator, pattern: str, instance: Any, __: Mapping[str, Any]) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _is_found(pattern, instance):
        yield ValidationError("does not match")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: Any, _: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, below in patterns.items():
        for name, value in instance.items():
            if _is_found(pattern, name):
                yield from validator.descend(value, below, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, allowed: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    patterns = schema.get("patternProperties", {})
    for name, value in instance.items():
        if name in schema.get("properties", {}) or any(_is_found(pattern, name) for pattern in patterns):
            continue
        if isinstance(allowed, dict):
            yield from validator.descend(value, allowed, path=name)
        elif allowed is False:
            yield ValidationError(name)


def _bound_keyword(
    beyond: Callable[[Any, Any, bool], bool], exclusive: str
) -> Callable[..., Iterator[ValidationError]]:
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


def _meter(name: str, check: Keyword) -> Keyword:
    """``check`` at a price: for what it reads, for what it is read against, and for each violation it words."""

    def charge(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        budget = BUDGET.get()
        budget.charge(1 + (value_steps(value) >> (0 if name in _EACH else 3)))
        if name in _LOOKING:
            budget.charge(value_steps(instance))
        if name == "$ref":
            is_pointer = isinstance(value, str) and (value == "#" or value.startswith("#/"))
            budget.charge(_REFERENCE_STEPS + (0 if is_pointer else budget.reference_steps))
        elif name in _DEEP:
            budget.charge_deep(instance)
            if name == "uniqueItems":
                budget.charge_deep(instance)
            if name == "enum" and isinstance(instance, list | Mapping):
                budget.charge(len(value) * (1 + value_steps(instance)))
        for error in check(validator, value, instance, schema) or ():
            budget.charge(1 + (value_steps(value) >> 2))
            budget.charge_deep(instance)
            if name in _DEEP:
                budget.charge_deep(value)
            yield error

    return charge


_KEYWORDS: Final[Mapping[str, Keyword]] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}
_BOTH_WAYS: Final[Mapping[str, Keyword]] = {
    "minimum": _bound_keyword(_below, "exclusiveMinimum"),
    "maximum": _bound_keyword(_above, "exclusiveMaximum"),
    "exclusiveMinimum": _exclusive(_below),
    "exclusiveMaximum": _exclusive(_above),
}
_extend: Final[Callable[..., Any]] = extend


def _price(draft: Any, more: Mapping[str, Keyword], **options: Any) -> Any:
    keywords = {**draft.VALIDATORS, **_KEYWORDS, **more}
    return _extend(draft, {name: _meter(name, check) for name, check in keywords.items()}, **options)


DRAFTS: Final[Mapping[int, Any]] = {
    4: _price(Draft4Validator, {}, type_checker=Draft6Validator.TYPE_CHECKER),
    6: _price(Draft6Validator, {}),
    7: _price(Draft7Validator, {}),
    HYBRID: _price(Draft7Validator, _BOTH_WAYS),
}
"""The validators of each draft, every keyword at its price."""
