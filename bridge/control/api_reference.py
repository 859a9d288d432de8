"""The reference page of the API, made from its OpenAPI document: every route, and every record it takes or gives.

``docs/api-reference.md`` is this text; a test compares the two, and ``docs/generate_reference.py`` writes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_HEAD: Final = """# Reference of the product's own API

What every route takes and gives, made from the daemon's types: `python docs/generate_reference.py` writes this page.
What the routes are for is in [api.md](api.md); programs read the same from `/api/openapi.json`.

Every route may also answer 401, 429, 500 and 503. Each error is an `ErrorBody`.
"""
_OF_EVERY_ROUTE: Final = frozenset(("200", "401", "429", "500", "503"))


def api_reference(document: Mapping[str, Any]) -> str:
    """The reference page of the API, as Markdown."""
    schemas = document["components"]["schemas"]
    parts = [_HEAD, "## Routes\n"]
    for path, methods in document["paths"].items():
        parts.extend("\n".join(_route(method.upper(), path, operation)) for method, operation in methods.items())
    parts.append("## Records\n")
    parts.extend("\n".join(_record(name, schemas[name])) for name in sorted(schemas))
    return "\n".join(parts)


def _route(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {method} {path}\n"
    yield f"{_sentence(operation['summary'])}\n"
    if operation["parameters"]:
        yield from _table(
            ("Parameter", "In", "Value"), [_parameter(parameter) for parameter in operation["parameters"]]
        )
        yield ""
    responses = operation["responses"]
    (kind,) = responses["200"]["content"]
    answer = _type(responses["200"]["content"][kind]["schema"])
    body = operation.get("requestBody")
    takes = f"Takes {_type(body['content']['application/json']['schema'])}. " if body else ""
    errors = [code for code in responses if code not in _OF_EVERY_ROUTE]
    fails = f" Errors of its own: {', '.join(errors)}." if errors else ""
    yield f"{takes}Gives {answer if kind == 'application/json' else f'`{kind}`'}.{fails}\n"


def _parameter(parameter: Mapping[str, Any]) -> tuple[str, str, str]:
    needed = "" if parameter["in"] == "path" or not parameter["required"] else ", required"
    return f"`{parameter['name']}`", parameter["in"], _type(parameter["schema"]) + _bounds(parameter["schema"]) + needed


def _record(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    if schema.get("description"):
        yield " ".join(schema["description"].replace("``", "`").split()) + "\n"
    required = schema.get("required", ())
    rows = [
        (f"`{field}`", _type(member) + _bounds(member), "" if field in required else _default(member))
        for field, member in schema.get("properties", {}).items()
    ]
    if rows:
        yield from _table(("Field", "Value", "Without it"), rows)
        yield ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(choice) + _bounds(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" if value else "empty" for value in schema["enum"])
    match schema.get("type"):
        case "array":
            return f"list of {_type(schema.get('items') or {})}"
        case "object" if schema.get("additionalProperties"):
            inner = schema["additionalProperties"]
            return f"object of {_type(inner) if isinstance(inner, Mapping) else 'anything'}"
        case None:
            return "anything"
        case kind:
            return str(kind)


def _bounds(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    return f" from {least} to {most:,.0f}" if least is not None and most is not None else ""


def _default(schema: Mapping[str, Any]) -> str:
    if "default" not in schema:
        return "absent"
    value = schema["default"]
    return "empty" if value in ("", [], {}) else f"`{json.dumps(value)}`"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].replace("``", "`") + "."
