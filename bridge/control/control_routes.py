"""The routes of ``/api``: method, path, and who answers. docs/api.md says what each takes and gives."""

from __future__ import annotations

from typing import Any, Final

from starlette.routing import Route

from bridge.control import audit_api, certificates_api, deliveries_api, incidents_api, messages_api, silences_api
from bridge.control.control_openapi import openapi_of
from bridge.control.rules_api import rules
from bridge.control.sending import preview, send
from bridge.control.status_api import ledger, reload, status
from bridge.control.subscriptions_api import all_subscriptions
from bridge.operate.control_context import ControlSource
from bridge.operate.explain_message import explain
from bridge.operate.http_answers import ApiHandler, OperatorRequest, Refusal, endpoint
from bridge.operate.live_tail import tail
from bridge.operate.replay_message import replay

ROUTES: Final[tuple[tuple[str, str, ApiHandler], ...]] = (
    ("GET", "/api/status", status),
    ("GET", "/api/ledger", ledger),
    ("GET", "/api/subscriptions", all_subscriptions),
    ("GET", "/api/rules", rules),
    ("GET", "/api/messages", messages_api.newest),
    ("GET", "/api/explain", explain),
    ("POST", "/api/messages:replay", replay),
    ("GET", "/api/incidents", incidents_api.all_incidents),
    ("POST", "/api/incidents:take", incidents_api.take),
    ("GET", "/api/deliveries", deliveries_api.page),
    ("POST", "/api/deliveries:replay", deliveries_api.replay),
    ("POST", "/api/deliveries:drop", deliveries_api.drop),
    ("GET", "/api/deliveries/{id}", deliveries_api.one),
    ("GET", "/api/silences", silences_api.all_silences),
    ("POST", "/api/silences", silences_api.add),
    ("POST", "/api/silences/{id}:expire", silences_api.expire),
    ("GET", "/api/audit", audit_api.entries),
    ("GET", "/api/certificates", certificates_api.all_bindings),
    ("POST", "/api/certificates", certificates_api.bind),
    ("POST", "/api/certificates:unbind", certificates_api.unbind),
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
