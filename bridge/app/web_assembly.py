"""Builds what the daemon answers over HTTP, from its parts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from urllib.parse import urlsplit

from bridge.admin.pages import Pages, PageSource
from bridge.admin.session import COOKIE, Sessions
from bridge.api.call import ApiSettings
from bridge.api.dispatch import AmsApp, ams_app
from bridge.api.ports import LivePorts
from bridge.app.parts import Daemon
from bridge.app.web import WebRoot
from bridge.chat.button_dispatcher import Presser
from bridge.chat.button_endpoint import Actions
from bridge.control.control_routes import control_routes
from bridge.observe.subscription_lag import SubscriptionState, subscription_states
from bridge.operate.control_context import ControlSource
from bridge.sources.hooks import Hooks
from broker.access import SERVICE_ADMIN
from broker.records import Project, User
from broker.tokens import digest_of, same_digest

_RELEASE = version("ams-bridge")
SERVICE = "service token"
"""The name of whoever has the service token; no user can be called so."""
ANYBODY = "demo"
"""The name of whoever looks at pages that are open to all."""


def web_root(daemon: Daemon, *, open_pages: bool) -> WebRoot:
    """Everything the daemon answers over HTTP. ``open_pages`` lets everybody see the pages."""
    admission = _Admission(daemon)
    settings = daemon.settings
    hooks = Hooks(
        daemon.broker, lambda: daemon.reloader.settings.sources, settings.server.max_body, daemon.metrics.hook_called
    )
    control = _control(daemon, admission, open_pages=open_pages)
    presser = Presser(control, daemon.buttons)
    daemon.listeners.hear_for(presser)
    actions = Actions(presser, daemon.metrics.button_pressed)
    pages = _pages(daemon, admission, control)
    return WebRoot(
        _ams(daemon, admission.service_token_digest),
        hooks,
        daemon.readiness.report,
        lambda: daemon.metrics.page(
            daemon.books, daemon.store.outbox.balances, lambda: _breakers(daemon), lambda: _subscriptions(daemon)
        ),
        [*actions.routes(), *control_routes(control), *pages.routes()],
        pages.error_page,
    )


class _Admission:
    """Who may administer: the service token, and users with the service role service_admin."""

    def __init__(self, daemon: Daemon) -> None:
        token = daemon.settings.auth.service_token
        self.service_token_digest = digest_of(token.reveal().encode()) if token else ""
        self._users = daemon.broker.users
        self._cache = daemon.broker.cache
        self.sessions = Sessions(os.urandom(32), daemon.clock)

    def admit(self, token: str) -> str | None:
        """The administrator's name, or None."""
        digest = self.service_token_digest
        if digest and same_digest(digest_of(token.encode()), digest):
            return SERVICE
        user = self._users.by_token(token)
        return user.name if user is not None and SERVICE_ADMIN in user.service_roles else None

    def admit_session(self, cookies: Mapping[str, str]) -> str | None:
        """The name of whoever is logged in to the pages and may still see them, or None.

        Such may look at the API and change nothing there: the pages' forms prove where they come from, it cannot.
        """
        viewer = self.sessions.read(cookies.get(COOKIE, ""))
        if viewer is None or viewer.name == SERVICE:
            return viewer.name if viewer is not None else None
        user = self._cache.find(User, viewer.name)
        return viewer.name if user is not None and SERVICE_ADMIN in user.service_roles else None


def _ams(daemon: Daemon, service_token_digest: str) -> AmsApp:
    settings = daemon.settings
    reached = urlsplit(settings.server.public_url)
    api = ApiSettings(
        service_token_digest=service_token_digest,
        token_from=settings.auth.token_from,
        push_mode=settings.push.mode,
        hostname=reached.hostname or "",
        address=reached.netloc or settings.server.listen,
        max_body_bytes=settings.server.max_body,
        release=_RELEASE,
    )
    outsider = LivePorts(daemon.clock, allow_private=settings.push.allow_private, push_status=daemon.pushers.status)
    return ams_app(daemon.broker, api, outsider.outside(), daemon.metrics.api_answered)


def _control(daemon: Daemon, admission: _Admission, *, open_pages: bool) -> ControlSource:
    return ControlSource(
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
        admit=admission.admit,
        admit_session=admission.admit_session if not open_pages else lambda cookies: ANYBODY,
        stopping=daemon.stopping,
        release=_RELEASE,
    )


def _pages(daemon: Daemon, admission: _Admission, control: ControlSource) -> Pages:
    secure_cookies = daemon.settings.server.tls != "off"
    return Pages(PageSource(control=control, sessions=admission.sessions, secure_cookies=secure_cookies))


async def _subscriptions(daemon: Daemon, project: Project | None = None) -> list[SubscriptionState]:
    return await subscription_states(daemon.store, daemon.broker, daemon.pushers, project)


def _breakers(daemon: Daemon) -> dict[str, bool]:
    return {name: route.courier.breaker.state == "open" for name, route in daemon.couriers.routes.items()}
