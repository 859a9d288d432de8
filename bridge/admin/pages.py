"""The pages: overview, inbox, deliveries. They read the store and change it only through replay and drop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, get_args
from urllib.parse import urlencode, urlsplit

import jinja2
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from bridge.admin.session import COOKIE, LASTS_S, Sessions, Viewer
from bridge.admin.views import attempt_view, delivery_view, destination_views, post_view
from bridge.ledger import TopicBooks
from bridge.observe.health import CanaryHealth
from broker.model import Delivery, DeliveryQuery, DeliveryState
from broker.store import Store

TEMPLATES: Final = Path(__file__).parent.parent.parent / "templates"
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_PAGE_ROWS: Final = 100


class HealthView(Protocol):
    """What the overview says of the daemon's health."""

    @property
    def ready(self) -> bool:
        """Whether the store takes writes and rules are loaded."""

    @property
    def reason(self) -> str:
        """Why not, or what is degraded; "" when all is well."""

    @property
    def canaries(self) -> Mapping[str, CanaryHealth]:
        """How the canaries stand, by destination."""


@dataclass(frozen=True, slots=True)
class PageSource:
    """What the pages read. ``kinds`` gives destination names and kinds as they are now (they change on reload).

    ``ledger`` gives the books of every topic (bridge/ledger.py). ``admit`` says who a token
    belongs to, or None when it may not see the pages. ``open_to`` lets everybody in under a name (the demo).
    """

    store: Store
    kinds: Callable[[], Mapping[str, str]]
    ledger: Callable[[], Awaitable[Sequence[TopicBooks]]]
    health: Callable[[], HealthView]
    admit: Callable[[str], str | None]
    sessions: Sessions
    secure_cookies: bool = True
    open_to: Viewer | None = None


class Pages:
    """Answers the pages' requests."""

    def __init__(self, source: PageSource) -> None:
        self._source = source
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES / "admin"), autoescape=True, undefined=jinja2.StrictUndefined
        )

    def routes(self) -> list[BaseRoute]:
        """The routes to mount at the root."""
        return [
            Route("/", self.overview),
            Route("/inbox", self.inbox),
            Route("/deliveries", self.deliveries),
            Route("/deliveries/{id}", self.delivery),
            Route("/deliveries/{id}", self.change_delivery, methods=["POST"]),
            Route("/login", self.login_form),
            Route("/login", self.login, methods=["POST"]),
            Route("/logout", self.logout, methods=["POST"]),
            Mount("/static", StaticFiles(directory=TEMPLATES / "static")),
        ]

    async def overview(self, request: Request) -> Response:
        """Health, destinations and the books."""
        if (viewer := self._viewer(request)) is None:
            return self._to_login(request)
        source = self._source
        rows = destination_views(source.kinds(), await source.store.outbox.balances())
        return self._page(
            request,
            viewer,
            "overview",
            "/",
            health=source.health(),
            ledger=await source.ledger(),
            destinations=rows,
            waiting=sum(row.waiting for row in rows),
            delivered=sum(row.delivered for row in rows),
            dead=sum(row.dead for row in rows),
        )

    async def inbox(self, request: Request) -> Response:
        """Posts delivered to destinations of kind inbox, newest first."""
        if (viewer := self._viewer(request)) is None:
            return self._to_login(request)
        names = [name for name, kind in self._source.kinds().items() if kind == "inbox"]
        found: list[Delivery] = []
        for name in names:
            query = DeliveryQuery(state="delivered", destination=name, limit=_PAGE_ROWS)
            found.extend(await self._source.store.outbox.find(query))
        found.sort(key=lambda delivery: delivery.settled_us, reverse=True)
        return self._page(
            request, viewer, "inbox", "/inbox", posts=[post_view(delivery) for delivery in found[:_PAGE_ROWS]]
        )

    async def deliveries(self, request: Request) -> Response:
        """The outbox: filtered by state and destination, newest first, page by page."""
        if (viewer := self._viewer(request)) is None:
            return self._to_login(request)
        asked = request.query_params
        state: DeliveryState | None = next((s for s in get_args(DeliveryState) if s == asked.get("state")), None)
        before = asked.get("before", "")
        query = DeliveryQuery(
            state=state,
            destination=asked.get("destination") or None,
            before_seq=int(before) if before.isdigit() else None,
            limit=_PAGE_ROWS,
        )
        found = await self._source.store.outbox.find(query)
        older = {"state": state or "", "destination": query.destination or "", "before": found[-1].seq if found else 0}
        return self._page(
            request,
            viewer,
            "deliveries",
            "/deliveries",
            deliveries=[delivery_view(delivery) for delivery in found],
            states=get_args(DeliveryState),
            state=state or "",
            destination=query.destination or "",
            next=f"/deliveries?{urlencode(older)}" if len(found) == _PAGE_ROWS else "",
        )

    async def delivery(self, request: Request) -> Response:
        """One delivery: its post, its attempts, and what can be done about it."""
        if (viewer := self._viewer(request)) is None:
            return self._to_login(request)
        found = await self._source.store.outbox.read(request.path_params["id"])
        if found is None:
            raise HTTPException(404, "There is no such delivery; it may be past its retention.")
        delivery, attempts = found
        return self._page(
            request,
            viewer,
            "delivery",
            "/deliveries",
            d=delivery_view(delivery),
            attempts=[attempt_view(attempt) for attempt in attempts],
        )

    async def change_delivery(self, request: Request) -> Response:
        """Replay a dead letter, or drop it; only from a page of ours (form token)."""
        viewer = self._viewer(request)
        form = await request.form()
        if viewer is None or form.get("form_token") != self._form_token(request):
            raise HTTPException(403, "This form is not from your session: go back, reload the page and try again.")
        delivery_id = request.path_params["id"]
        if form.get("action") == "replay":
            await self._source.store.outbox.replay([delivery_id])
        elif form.get("action") == "drop":
            await self._source.store.outbox.drop([delivery_id], viewer.name)
        return RedirectResponse(f"/deliveries/{delivery_id}", 303)

    async def login_form(self, request: Request) -> Response:
        """Ask for a token."""
        return self._login_page(request, request.query_params.get("next", "/"), "")

    async def login(self, request: Request) -> Response:
        """Take a token for a session cookie."""
        form = await request.form()
        wanted = _own_path(str(form.get("next", "/")))
        name = self._source.admit(str(form.get("token", "")).strip())
        if name is None:
            return self._login_page(request, wanted, "This token may not see the pages.", status=401)
        answer = RedirectResponse(wanted, 303)
        answer.set_cookie(
            COOKIE,
            self._source.sessions.issue(name),
            max_age=LASTS_S,
            secure=self._source.secure_cookies,
            httponly=True,
            samesite="strict",
        )
        return answer

    async def logout(self, request: Request) -> Response:
        """Forget the session."""
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE)
        return answer

    def _viewer(self, request: Request) -> Viewer | None:
        if self._source.open_to is not None:
            return self._source.open_to
        return self._source.sessions.read(request.cookies.get(COOKIE, ""))

    def _form_token(self, request: Request) -> str:
        return self._source.sessions.form_token(request.cookies.get(COOKIE, ""))

    def _to_login(self, request: Request) -> Response:
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?{urlencode({'next': wanted})}", 303)

    def _login_page(self, request: Request, wanted: str, problem: str, status: int = 200) -> Response:
        text = self._templates.get_template("login.html.j2").render(
            viewer=None, here="/login", form_token="", next=_own_path(wanted), problem=problem
        )
        return HTMLResponse(text, status, headers=_HEADERS)

    def _page(self, request: Request, viewer: Viewer, name: str, here: str, **shown: Any) -> Response:
        template = self._templates.get_template(f"{name}.html.j2")
        context = {"viewer": viewer, "here": here, "form_token": self._form_token(request), **shown}
        if request.query_params.get("part") and "part" in template.blocks:
            text = "".join(template.blocks["part"](template.new_context(context)))
        else:
            text = template.render(context)
        return HTMLResponse(text, headers=_HEADERS)


def _own_path(wanted: str) -> str:
    """The path if it is one of ours, else the overview: nobody is sent elsewhere after logging in."""
    parts = urlsplit(wanted)
    ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.netloc
    return wanted if ours else "/"
