"""The routes of ``/api``: method, path, and who answers. docs/api.md says what each takes and gives."""

from __future__ import annotations

from typing import Any, Final

from starlette.routing import Route

from bridge.control import certificates, deliveries, incidents, messages, silences
from bridge.control.openapi import openapi_of
from bridge.control.rules import rules
from bridge.control.sending import preview, send
from bridge.control.status import ledger, reload, status
from bridge.control.subscriptions import all_subscriptions
from bridge.operate.context import ControlSource
from bridge.operate.explain import explain
from bridge.operate.http_answers import ApiHandler, OperatorRequest, Refusal, endpoint
from bridge.operate.replay import replay
from bridge.operate.tail import tail

ROUTES: Final[tuple[tuple[str, str, ApiHandler], ...]] = (
    ("GET", "/api/status", status),
    ("GET", "/api/ledger", ledger),
    ("GET", "/api/subscriptions", all_subscriptions),
    ("GET", "/api/rules", rules),
    ("GET", "/api/messages", messages.newest),
    ("GET", "/api/explain", explain),
    ("POST", "/api/messages:replay", replay),
    ("GET", "/api/incidents", incidents.all_incidents),
    ("POST", "/api/incidents:take", incidents.take),
    ("GET", "/api/deliveries", deliveries.page),
    ("POST", "/api/deliveries:replay", deliveries.replay),
    ("POST", "/api/deliveries:drop", deliveries.drop),
    ("GET", "/api/deliveries/{id}", deliveries.one),
    ("GET", "/api/silences", silences.all_silences),
    ("POST", "/api/silences", silences.add),
    ("POST", "/api/silences/{id}:expire", silences.expire),
    ("GET", "/api/certificates", certificates.all_bindings),
    ("POST", "/api/certificates", certificates.bind),
    ("POST", "/api/certificates:unbind", certificates.unbind),
    ("POST", "/api/reload", reload),
    ("POST", "/api/send", send),
    ("POST", "/api/preview", preview),
    ("GET", "/api/tail", tail),
)
"""Method, path and who answers, in the order in which paths are compared."""
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def control_routes(source: ControlSource) -> list[Route]:
    """The routes to mount at the root."""
    routes = [Route(path, endpoint(source, answer), methods=[method]) for method, path, answer in ROUTES]
    document = endpoint(source, _document)
    routes.append(Route("/api/openapi.json", document, methods=["GET"]))
    return [*routes, Route("/api/{path:path}", endpoint(source, _unknown), methods=list(_METHODS))]


async def _document(asked: OperatorRequest) -> Any:
    """GET /api/openapi.json: these routes as an OpenAPI document."""
    return openapi_of(ROUTES, asked.source.release)


async def _unknown(asked: OperatorRequest) -> Any:
    """Whatever else is asked under ``/api``."""
    raise Refusal(404, f"there is no {asked.request.method} {asked.request.url.path[:200]}; see docs/api.md")
