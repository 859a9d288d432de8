"""The OpenAPI 3.1 document of the AMS API, made from the route table, so the two cannot differ."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from bridge.api.more_routes import ALL_ROUTES
from bridge.api.request_pipeline import HOSTS
from bridge.api.route import ApiRoute
from bridge.core.error_body import ErrorBody

_VARIABLE: Final = re.compile(r"\{(\w+)\}")
_NAME_PATTERN: Final = "^[a-zA-Z0-9_-]+$"
_REF: Final = "#/components/schemas/{name}"
_JSON: Final = "application/json"
_TAGS: Final = {
    "ams": "How the service is",
    "users": "Users and their tokens",
    "registrations": "People who want to become users",
    "projects": "Projects and their members",
    "subscriptions": "Subscriptions: pull, acknowledge, push",
    "snapshots": "Places in topics that subscriptions can be moved to",
    "topics": "Topics: publish",
    "schemas": "Schemas that topics check messages against",
    "bindings": "Certificates that users log in with, as argo-api-authn serves them",
    "version": "What runs here",
}
_ERRORS: Final = {
    "400": "Something in the request cannot be",
    "401": "No token, an unknown one, or one without any role here",
    "403": "Known, but not allowed",
    "404": "It does not exist",
    "408": "The acknowledgement came too late",
    "409": "It exists already, or cannot be done as things stand",
    "422": "A field of a binding cannot be",
    "413": "A message, or the whole body, is too large",
    "500": "The service failed, or an acknowledgement does not fit",
    "503": "Busy; try again after the seconds in Retry-After",
}
_QUERY: Final[Mapping[str, Mapping[str, str]]] = {
    "pageSize": {"type": "integer", "description": "Items per page; 0 means all"},
    "pageToken": {"type": "string", "description": "nextPageToken of the page before"},
    "details": {"type": "boolean", "description": "Show more"},
    "project": {"type": "string", "description": "A project's name"},
    "time": {"type": "string", "description": "YYYY-MM-DDTHH:MM:SS.mmmZ"},
    "start_date": {"type": "string", "description": "YYYY-MM-DD, the first day"},
    "end_date": {"type": "string", "description": "YYYY-MM-DD, the last day"},
    "authID": {"type": "string", "description": "A certificate's subject"},
    "projects": {"type": "string", "description": "Names of projects, with commas between"},
}


def openapi_document(release: str) -> dict[str, Any]:
    """The OpenAPI document of the AMS API as plain values."""
    shapes = {shape for route in ALL_ROUTES for shape in (route.body, route.answer) if shape is not None}
    ordered = sorted(shapes, key=str)
    schemas, components = msgspec.json.schema_components([*ordered, ErrorBody], ref_template=_REF)
    schema_of = dict(zip(ordered, schemas, strict=False))
    paths: dict[str, dict[str, Any]] = {}
    for route in ALL_ROUTES:
        paths.setdefault(f"/v1{route.path}", {})[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ams-bridge: the AMS API",
            "version": release or "0",
            "description": "The API of the Argo Messaging Service, as its existing clients speak it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "key": {"type": "apiKey", "in": "query", "name": "key"},
            },
        },
    }


def _operation(route: ApiRoute, schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.name.partition(":")[0]],
        "security": [{}, {"header": []}] if route.is_open else [{"header": []}, {"key": []}],
        "parameters": [*_path_parameters(route), *(_query_parameter(name) for name in route.query)],
        "responses": _responses(schema_of[route.answer], str(route.status)),
    }
    if route.roles:
        operation["x-roles"] = sorted(route.roles)
    if route.body is not None:
        operation["requestBody"] = {"content": {_JSON: {"schema": schema_of[route.body]}}}
    return operation


def _path_parameters(route: ApiRoute) -> Iterable[dict[str, Any]]:
    for name in _VARIABLE.findall(route.path):
        schema = {"type": "string"} if name in HOSTS else {"type": "string", "pattern": _NAME_PATTERN}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameter(name: str) -> dict[str, Any]:
    known = _QUERY.get(name, {"type": "string", "description": "Exactly this"})
    return {"name": name, "in": "query", "description": known["description"], "schema": {"type": known["type"]}}


def _responses(schema: Any, done: str) -> dict[str, Any]:
    error = {_JSON: {"schema": {"$ref": _REF.format(name="ErrorBody")}}}
    failures = {code: {"description": text, "content": error} for code, text in _ERRORS.items()}
    return {done: {"description": "Done", "content": {_JSON: {"schema": schema}}}} | failures
