"""The routes of ``/api``: method, path, and who answers. docs/api.md says what each is for."""

from __future__ import annotations

from typing import Any, Final

from starlette.routing import Route

from bridge.control import control_handlers as handlers
from bridge.control import history_handlers, people_handlers, rule_handlers, silence_handlers
from bridge.control.api_operations import ApiHandler, ApiOperation, make_endpoint, operation_of
from bridge.control.control_openapi import openapi_of
from bridge.control.control_source import ControlSource
from bridge.control.http_answers import OperatorRequest, Refusal


async def document(asked: OperatorRequest) -> dict[str, Any]:
    """GET /api/openapi.json: these routes as an OpenAPI document."""
    return openapi_of(operations(), asked.context.release)


ROUTES: Final[tuple[tuple[str, str, ApiHandler], ...]] = (
    ("GET", "/api/status", handlers.status),
    ("GET", "/api/nodes", handlers.nodes),
    ("GET", "/api/ledger", handlers.ledger),
    ("GET", "/api/subscriptions", handlers.subscriptions),
    ("GET", "/api/rules", handlers.rules),
    ("GET", "/api/messages", handlers.messages),
    ("GET", "/api/explain", handlers.explain),
    ("GET", "/api/bundle", rule_handlers.bundle),
    ("POST", "/api/messages:replay", handlers.replay),
    ("GET", "/api/incidents", handlers.incidents),
    ("POST", "/api/incidents:take", handlers.take),
    ("POST", "/api/incidents:give-back", handlers.give_back),
    ("GET", "/api/incidents/history", silence_handlers.history),
    ("GET", "/api/noise", rule_handlers.noise),
    ("GET", "/api/deliveries", handlers.deliveries),
    ("POST", "/api/deliveries:replay", handlers.replay_deliveries),
    ("POST", "/api/deliveries:drop", handlers.drop_deliveries),
    ("GET", "/api/deliveries/{id}", handlers.delivery),
    ("GET", "/api/silences", handlers.silences),
    ("POST", "/api/silences", handlers.add_silence),
    ("POST", "/api/silences:preview", silence_handlers.preview),
    ("POST", "/api/silences/{id}:change", silence_handlers.change),
    ("POST", "/api/silences/{id}:expire", handlers.expire_silence),
    ("GET", "/api/quiet", history_handlers.quiet),
    ("GET", "/api/find", history_handlers.find),
    ("GET", "/api/timeline", history_handlers.timeline),
    ("GET", "/api/audit", handlers.audit),
    ("GET", "/api/people", people_handlers.people),
    ("POST", "/api/people", people_handlers.add),
    ("POST", "/api/people/{name}:role", people_handlers.role),
    ("POST", "/api/people/{name}:password", people_handlers.password),
    ("POST", "/api/people/{name}:token", people_handlers.token),
    ("POST", "/api/people/{name}:remove", people_handlers.remove),
    ("GET", "/api/sessions", people_handlers.sessions),
    ("POST", "/api/sessions/{id}:end", people_handlers.end),
    ("GET", "/api/certificates", handlers.certificates),
    ("POST", "/api/certificates", handlers.bind),
    ("POST", "/api/certificates:unbind", handlers.unbind),
    ("GET", "/api/manifest", handlers.manifest),
    ("POST", "/api/manifest", handlers.take_over_manifest),
    ("POST", "/api/topics:reserve", handlers.reserve),
    ("GET", "/api/reload:preview", rule_handlers.preview_rules),
    ("POST", "/api/reload", handlers.reload),
    ("GET", "/api/rule-versions", rule_handlers.rule_versions),
    ("POST", "/api/rule-versions:promote", rule_handlers.promote),
    ("POST", "/api/rule-versions:rollback", rule_handlers.roll_back),
    ("POST", "/api/send", handlers.send_post),
    ("POST", "/api/preview", handlers.preview),
    ("GET", "/api/tail", handlers.tail),
    ("GET", "/api/openapi.json", document),
)
"""Method, path and who answers, in the order in which paths are compared."""
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def operations() -> list[ApiOperation]:
    """The routes with what each takes and gives."""
    return [operation_of(*route) for route in ROUTES]


def control_routes(source: ControlSource) -> list[Route]:
    """The routes of ``/api``, to mount at the root."""
    routes = [
        Route(operation.path, make_endpoint(source, operation), methods=[operation.method])
        for operation in operations()
    ]
    unknown = operation_of("GET", "/api/{path:path}", _refuse_unknown)
    return [*routes, Route(unknown.path, make_endpoint(source, unknown), methods=list(_METHODS))]


async def _refuse_unknown(asked: OperatorRequest) -> None:
    """Whatever else is asked under ``/api``."""
    raise Refusal(404, f"there is no {asked.request.method} {asked.request.url.path[:200]}; see docs/api.md")
