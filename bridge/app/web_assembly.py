"""Builds what the daemon answers over HTTP, from its parts."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from bridge.admin.logins import Logins, LoginSource
from bridge.admin.pages import Pages, PageSource
from bridge.api.call import ApiSettings
from bridge.api.dispatch import AmsApp, ApiWatch, ams_app
from bridge.api.ports import LivePorts
from bridge.app.administrators import Admission
from bridge.app.ams_inside import ask_from_within
from bridge.app.parts import Daemon
from bridge.app.settings_facts import facts_of_settings
from bridge.app.web import WebRoot
from bridge.chat.button_dispatcher import Presser
from bridge.chat.button_endpoint import Actions
from bridge.control.control_routes import control_routes
from bridge.control.control_source import ControlSource
from bridge.control.http_answers import Refusal, admit, answer_refusal
from bridge.observe.subscription_lag import SubscriptionState, subscription_states
from bridge.operate.operator_context import AskAms, OperatorContext, Requester
from bridge.sources.hooks import Hooks
from broker.records import Project

RELEASE: Final = version("ams-bridge")
ANYBODY: Final = Requester("demo", role="admin")
"""Whoever looks at pages that are open to all."""


def web_root(daemon: Daemon, *, open_pages: bool) -> WebRoot:
    """Everything the daemon answers over HTTP. ``open_pages`` lets everybody see the pages."""
    admission = Admission(daemon)
    settings = daemon.settings
    hooks = Hooks(
        daemon.broker,
        lambda: daemon.reloader.settings.sources,
        settings.server.max_body,
        daemon.metrics.count_hook_call,
        admission.gate,
        daemon.tracer,
    )
    ams = _ams(daemon, admission)
    ask_ams = ask_from_within(ams.api, daemon.audit.note)
    control = _control(daemon, admission, ask_ams, open_pages=open_pages)
    presser = Presser(control.context, daemon.buttons)
    daemon.listeners.hear_for(presser)
    actions = Actions(presser, daemon.metrics.count_click)
    pages = _pages(daemon, admission, control)
    return WebRoot(
        ams,
        hooks,
        daemon.readiness.report,
        lambda accept: daemon.metrics.render_page(
            accept,
            daemon.books,
            daemon.store.outbox.balances,
            lambda: _breakers(daemon),
            lambda: _subscriptions(daemon),
        ),
        [*actions.routes(), *control_routes(control), *pages.routes()],
        pages.error_page,
        partial(_admit_to_metrics, control, admission) if settings.server.metrics == "token" else None,
    )


async def _admit_to_metrics(control: ControlSource, admission: Admission, request: Request) -> Response | None:
    """The answer for those who may not read the metrics."""
    try:
        await admit(control, request, admission.admit_to_metrics)
    except Refusal as error:
        return answer_refusal(error.code, error.message, error.wait_s)
    return None


def _ams(daemon: Daemon, admission: Admission) -> AmsApp:
    settings = daemon.settings
    reached = urlsplit(settings.server.public_url)
    api = ApiSettings(
        service_token_digest=admission.service_token_digest,
        token_from=settings.auth.token_from,
        push_mode=settings.push.mode,
        hostname=reached.hostname or "",
        address=reached.netloc or settings.server.listen,
        max_body_bytes=settings.server.max_body,
        release=RELEASE,
    )
    watch = ApiWatch(admission.gate, daemon.audit.note)
    outsider = LivePorts(
        daemon.clock,
        allow_private=settings.push.allow_private,
        ca_file=settings.push.ca_file,
        client_pair=settings.push.client_pair,
        push_status=daemon.pushers.status,
    )
    return ams_app(daemon.broker, api, outsider.make_ports(), daemon.metrics.count_api_answer, watch, daemon.tracer)


def _control(daemon: Daemon, admission: Admission, ask_ams: AskAms, *, open_pages: bool) -> ControlSource:
    context = OperatorContext(
        store=daemon.store,
        broker=daemon.broker,
        clock=daemon.clock,
        in_force=daemon.in_force,
        couriers=lambda: {name: route.courier for name, route in daemon.couriers.routes.items()},
        destinations=lambda: {name: route.destination for name, route in daemon.couriers.routes.items()},
        health=daemon.readiness.report,
        supervisor=daemon.supervisor,
        lately=daemon.lately,
        subscriptions=lambda project: _subscriptions(daemon, project),
        reload=daemon.reloader.reload,
        rule_changes=daemon.rule_changes,
        audit=daemon.audit,
        stopping=daemon.stopping,
        release=RELEASE,
        password_gate=admission.passwords,
        ask_ams=ask_ams,
        search=daemon.search,
        settings=lambda: facts_of_settings(daemon.reloader.settings),
    )
    return ControlSource(
        context=context,
        admit=admission.admit,
        gate=admission.gate,
        admit_session=admission.admit_session if not open_pages else lambda request: ANYBODY,
    )


def _pages(daemon: Daemon, admission: Admission, control: ControlSource) -> Pages:
    secure_cookies = daemon.settings.server.tls != "off"
    logins = Logins(
        LoginSource(
            control=control,
            sessions=admission.sessions,
            admit=admission.admit_to_pages,
            find_named=admission.find_named,
        )
    )
    return Pages(PageSource(control=control, sessions=admission.sessions, logins=logins, secure_cookies=secure_cookies))


async def _subscriptions(daemon: Daemon, project: Project | None = None) -> list[SubscriptionState]:
    return await subscription_states(daemon.store, daemon.broker, daemon.pushers, project)


def _breakers(daemon: Daemon) -> dict[str, bool]:
    return {name: route.courier.breaker.state == "open" for name, route in daemon.couriers.routes.items()}
