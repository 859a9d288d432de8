"""JSON Schema, drafts 4, 6 and 7, with the texts that AMS clients know (ams-api.md section 10).

A schema that names no draft is a hybrid of all three, in which ``exclusiveMinimum`` may be a number or ``true``.

Every keyword has its price (``json_schema_keywords.py``), so no schema can stall the daemon; references are followed
inside the schema only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import re2
from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator
from jsonschema_specifications import REGISTRY
from referencing.exceptions import Unresolvable

from broker.errors import SchemaInvalid, SchemaTooComplex
from broker.json_schema_formats import FORMATS
from broker.json_schema_keywords import BUDGET, DRAFTS
from broker.json_schema_rules import check_json_schema, draft_of
from broker.json_schema_texts import violation_texts
from broker.schema_budget import Budget, nodes_in

_MOST_NODES = 1_000_000


def compile_json_schema(definition: Mapping[str, Any]) -> JsonSchema:
    """The schema, ready to check documents. Raises SchemaInvalid."""
    draft = draft_of(definition)
    check_json_schema(definition, draft)
    return JsonSchema(DRAFTS[draft](dict(definition), registry=REGISTRY, format_checker=FORMATS))


def load_json_schema(definition: Mapping[str, Any]) -> JsonSchema:
    """A schema that was accepted once, by whatever rules held then. Raises SchemaInvalid when it cannot be used."""
    try:
        return compile_json_schema(definition)
    except SchemaTooComplex:
        raise
    except SchemaInvalid:
        draft = DRAFTS[draft_of(definition)]
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
        self._reference_steps = nodes_in(validator.schema, _MOST_NODES)

    def violations(self, document: Any, budget: Budget | None = None) -> list[str]:
        """``field: description`` of everything the document gets wrong; empty when it is valid. Raises TooComplex."""
        budget = budget or Budget()
        budget.reference_steps = self._reference_steps
        token = BUDGET.set(budget)
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
        finally:
            BUDGET.reset(token)


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
        raise ValueError(f"invalid character {_quote(rest[0])} looking for beginning of value") from wrong
    except RecursionError as deep:
        raise ValueError("exceeded max depth") from deep
    except ValueError as large:  # Python reads no whole number of more than 4,300 digits
        raise ValueError("a number has too many digits") from large
    return document


def _quote(character: str) -> str:
    return "'\\''" if character == "'" else f"'{character}'"


def _refuse_constant(name: str) -> Any:
    raise json.JSONDecodeError("not JSON", name, 0)
