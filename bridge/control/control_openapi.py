"""``/api/openapi.json``: the product's own API as an OpenAPI 3.1 document, made from its routes and bodies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from bridge.control.certificates_api import NewBinding, OldBinding
from bridge.control.deliveries_api import Chosen, DeliveriesPage
from bridge.control.incidents_api import ToTake
from bridge.control.sending import Outgoing
from bridge.control.silences_api import NewSilence
from bridge.operate.http_answers import ApiHandler
from bridge.operate.replay_message import Replay

_JSON: Final = "application/json"
_REF: Final = "#/components/schemas/{name}"
_VARIABLE: Final = re.compile(r"\{(\w+)\}")
_WHAT_IT_IS: Final = re.compile(r"^(GET|POST) \S+: ")
_NUMBERS: Final = frozenset(("since_s", "limit", "before"))
BODIES: Final[Mapping[str, type[msgspec.Struct]]] = {
    "/api/certificates": NewBinding,
    "/api/certificates:unbind": OldBinding,
    "/api/deliveries:drop": Chosen,
    "/api/deliveries:replay": Chosen,
    "/api/incidents:take": ToTake,
    "/api/messages:replay": Replay,
    "/api/preview": Outgoing,
    "/api/send": Outgoing,
    "/api/silences": NewSilence,
}
"""What a POST takes as its body; one that is not here takes none."""
QUERIES: Final[Mapping[str, Sequence[str]]] = {
    "/api/audit": ("who", "what", "address", "target", "since_s", "limit", "before"),
    "/api/deliveries": ("state", "destination", "rule", "topic", "into", "since_s", "limit", "before"),
    "/api/explain": ("message",),
    "/api/incidents": ("rule", "limit"),
    "/api/ledger": ("since_s",),
    "/api/messages": ("topic", "limit", "before"),
    "/api/silences": ("all",),
    "/api/subscriptions": ("project",),
    "/api/tail": ("topic", "matched"),
}
"""What a GET may be asked with. docs/api.md says what each means; a test holds the two together."""


def openapi_of(routes: Iterable[tuple[str, str, ApiHandler]], release: str) -> dict[str, Any]:
    """The whole document as plain values."""
    shapes = [*dict.fromkeys(BODIES.values()), DeliveriesPage]
    schemas, components = msgspec.json.schema_components(shapes, ref_template=_REF)
    schema_of = dict(zip(shapes, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for method, path, answer in routes:
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, answer, schema_of)
    components["Error"] = _ERROR
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ams-bridge: its own API",
            "version": release or "0",
            "description": "What the command line and the pages ask of the daemon. The AMS API is in /openapi.json.",
        },
        "security": [{"header": []}, {"bearer": []}, {"key": []}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SECURITY},
    }


def _operation(method: str, path: str, answer: ApiHandler, schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    said = (answer.__doc__ or "").strip().partition("\n")[0]
    error = {_JSON: {"schema": {"$ref": _REF.format(name="Error")}}}
    schema = schema_of[DeliveriesPage] if (method, path) == ("GET", "/api/deliveries") else {"type": "object"}
    kind = "text/event-stream" if path == "/api/tail" else _JSON
    operation: dict[str, Any] = {
        "operationId": f"{method} {path}",
        "summary": _WHAT_IT_IS.sub("", said).rstrip(".") or path,
        "parameters": [*_in_path(path), *(_in_query(name) for name in QUERIES.get(path, ()) if method == "GET")],
        "responses": {
            "200": {"description": "Done", "content": {kind: {"schema": schema}}},
            "default": {"description": "Not done; nothing was changed", "content": error},
        },
    }
    if method == "POST" and path in BODIES:
        operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": schema_of[BODIES[path]]}}}
    return operation


def _in_path(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _VARIABLE.findall(path)
    ]


def _in_query(name: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 0} if name in _NUMBERS else {"type": "string"}
    return {"name": name, "in": "query", "required": name == "message", "schema": schema}


_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "status"],
            "properties": {
                "code": {"type": "integer"},
                "message": {"type": "string"},
                "status": {"type": "string"},
            },
        }
    },
}
_SECURITY: Final = {
    "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "query", "name": "key"},
}
