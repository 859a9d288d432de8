"""``/api/openapi.json``: the product's own API as an OpenAPI 3.1 document, made from its handlers' types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.responses import Response

from bridge.control.api_operations import ApiOperation
from bridge.control.http_answers import code_of
from bridge.core.error_body import ErrorBody
from bridge.operate.operator_errors import OperateError

_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream"
_REF: Final = "#/components/schemas/{name}"
_MEANINGS: Final[Mapping[int, str]] = {
    400: "It cannot be: the message names the place",
    401: "No token, or one that may not ask",
    403: "The role of whoever asks does not include it",
    404: "There is no such thing",
    409: "Not as things stand",
    413: "The body is larger than 1 MiB",
    429: "Too many wrong tokens, or streams: again after Retry-After seconds",
    500: "A bug of the daemon; its log has more",
    503: "The store does not answer: again after Retry-After seconds",
}
_OF_EVERY_ROUTE: Final = frozenset((401, 403, 429, 500, 503))


def openapi_of(operations: Sequence[ApiOperation], release: str) -> dict[str, Any]:
    """The OpenAPI document of these routes as plain values."""
    shapes = [
        shape
        for operation in operations
        for shape in (operation.query, operation.body, operation.gives)
        if _is_described(shape)
    ]
    shapes = [*dict.fromkeys(shapes), ErrorBody]
    schemas, components = msgspec.json.schema_components(shapes, ref_template=_REF)
    schema_of = dict(zip(shapes, schemas, strict=True))
    asked = {operation.query.__name__ for operation in operations if operation.query is not None}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schema_of, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ams-bridge: its own API",
            "version": release or "0",
            "description": "What the command line and the pages ask of the daemon. The AMS API is in /openapi.json.",
        },
        "security": [{"header": []}, {"bearer": []}, {"key": []}],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in components.items() if name not in asked},
            "securitySchemes": _SECURITY,
        },
    }


def codes_of(operation: ApiOperation) -> list[int]:
    """Every status but 200 that a route may answer with."""
    own = {_code(error) for error in operation.refuses}
    return sorted(_OF_EVERY_ROUTE | own | ({400, 413} if operation.body is not None else set()))


def _code(error: type[OperateError]) -> int:
    return code_of(error.__new__(error))


def _is_described(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, msgspec.Struct)


def _operation(operation: ApiOperation, schema_of: Mapping[Any, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    error = {_JSON: {"schema": schema_of[ErrorBody]}}
    described: dict[str, Any] = {
        "operationId": f"{operation.method} {operation.path}",
        "summary": operation.summary,
        "parameters": [*_in_path(operation), *_in_query(operation, components)],
        "responses": {
            "200": {"description": "Done", "content": _content(operation.gives, schema_of)},
            **{str(code): {"description": _MEANINGS[code], "content": error} for code in codes_of(operation)},
        },
    }
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": {_JSON: {"schema": schema_of[operation.body]}}}
    return described


def _content(gives: Any, schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    if isinstance(gives, type) and issubclass(gives, Response):
        return {_EVENTS: {"schema": {"type": "string", "description": (gives.__doc__ or "").partition("\n")[0]}}}
    return {_JSON: {"schema": schema_of.get(gives, {"type": "object"})}}


def _in_path(operation: ApiOperation) -> list[dict[str, Any]]:
    schema = {"type": "string", "minLength": 1}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in operation.variables]


def _in_query(operation: ApiOperation, components: Mapping[str, Any]) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    shape = components[operation.query.__name__]
    return [
        {"name": name, "in": "query", "required": name in shape.get("required", ()), "schema": _plain(schema)}
        for name, schema in shape["properties"].items()
    ]


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a parameter: an absent one has no value, not null."""
    given = next((choice for choice in schema.get("anyOf", [schema]) if choice.get("type") != "null"), schema)
    return {key: value for key, value in given.items() if key != "default" or value not in ("", None)}


_SECURITY: Final = {
    "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "query", "name": "key"},
}
