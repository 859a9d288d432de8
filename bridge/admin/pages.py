"""The pages' frame: who may look, what a form may change, how a page is drawn. What they show is in ``page_routes.py``.

Every page is an answer of the product's own API, drawn; so the pages, the command line and programs are told the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import jinja2
import structlog
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from bridge.admin.handlers import FileHandler, GetHandler, PostHandler, field
from bridge.admin.logins import Logins
from bridge.admin.page_forms import MOST_LOGIN_BYTES, read_page_form
from bridge.admin.page_routes import (
    ACTS,
    ALARMS,
    FILES,
    FIRST_OF_PROJECTS,
    LOOKS,
    NAVIGATION,
    right_to_act,
    right_to_look,
)
from bridge.admin.page_views import format_json, many, short_duration, short_time
from bridge.admin.safe_markdown import to_words
from bridge.admin.session import COOKIE, LASTS_S, SAID, Sessions
from bridge.admin.static import StaticFolder
from bridge.control.control_source import ControlSource
from bridge.control.http_answers import OperatorRequest, Refusal, code_of, requester, require_right
from bridge.operate.operator_context import Requester
from bridge.operate.operator_errors import OperateError
from bridge.operate.operator_times import rfc3339
from bridge.operate.rights import Right, has_right
from bridge.operate.table_rows import list_tables
from broker.beside import Beside
from broker.errors import NotFound, StoreError

TEMPLATES: Final = Path(__file__).parent.parent.parent / "templates"
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}

_PLAIN: Final = {
    (404, "Not Found"): "There is no such page.",
    (405, "Method Not Allowed"): "This page takes no such request.",
}
"""Starlette's words for what is not there, in ours."""

log = structlog.get_logger("pages")


@dataclass(frozen=True, slots=True)
class PageSource:
    """What the pages stand on: the API's parts, sessions, logins, and whether cookies are for TLS only."""

    control: ControlSource
    sessions: Sessions
    logins: Logins
    secure_cookies: bool = True


class Pages:
    """Answers the pages' requests."""

    def __init__(self, source: PageSource) -> None:
        self._source = source
        self._beside = Beside()  # a page of two thousand rules takes a tenth of a second to draw
        self._static = StaticFolder(TEMPLATES / "static")
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES / "admin"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {"static": self._static.url, "navigation": NAVIGATION}
        self._templates.filters |= {
            "words": to_words,
            "short_time": short_time,
            "many": many,
            "duration": short_duration,
            "pretty": format_json,
        }

    def routes(self) -> list[BaseRoute]:
        """The routes to mount at the root."""
        return [
            *(Route(path, self._look(template, look, right_to_look(path))) for path, template, look in LOOKS),
            *(Route(path, self._file(make)) for path, make in FILES),
            *(Route(path, self._act(act, right_to_act(path)), methods=["POST"]) for path, act in ACTS),
            Route("/login", self.login_form),
            Route("/login", self.login, methods=["POST"]),
            Route("/logout", self.logout, methods=["POST"]),
            Mount("/static", self._static),
        ]

    async def login_form(self, request: Request) -> Response:
        """Ask for a name and a password, or a token."""
        return self._login_page(request.query_params.get("next", "/"), "")

    async def login(self, request: Request) -> Response:
        """Take a name with its password, or a token, for a session cookie."""
        try:
            form = await read_page_form(request, MOST_LOGIN_BYTES)
        except Refusal as error:
            return self._login_page("/", error.message, status=error.code)
        wanted = _own_path(str(form.get("next", "/")))
        name, secret = field(form, "name"), str(form.get("token", ""))
        logins = self._source.logins
        try:
            if name:
                return self._to_page(wanted, await logins.begin_with_password(request, name, secret))
            return self._to_page(wanted, await logins.begin_with_token(request, secret.strip()))
        except Refusal as error:
            return self._login_page(wanted, error.message, status=error.code, wait_s=error.wait_s, name=name)
        except StoreError as error:
            log.warning("the store does not answer", path=request.url.path, error=str(error))
            return self._login_page(wanted, f"The store does not answer: {error}", status=503)

    def _to_page(self, wanted: str, cookie: str) -> Response:
        answer = RedirectResponse(wanted, 303)
        self._set_cookie(answer, COOKIE, cookie, LASTS_S)
        return answer

    async def logout(self, request: Request) -> Response:
        """End the session: its cookie opens nothing any more, wherever a copy of it is."""
        try:
            ended = await self._source.sessions.end(request.cookies.get(COOKIE, ""))
        except StoreError as error:
            log.warning("the store does not answer", path=request.url.path, error=str(error))
            return self._error_page(request, self._viewer(request), 503, f"You are still logged in: {error}")
        if ended is not None:
            await self._source.control.context.note(requester(request, Requester(ended.name)), "logout")
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE)
        return answer

    def _look(self, template: str, look: GetHandler, right: Right) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of a page: only for those who are logged in, and whose role includes the right."""

        async def answer_get(request: Request) -> Response:
            viewer = self._viewer(request)
            if viewer is None:
                return await self._to_login(request)
            if request.url.path == "/" and not has_right(viewer.role, right):
                return RedirectResponse(FIRST_OF_PROJECTS, 303)
            return await self._answer(request, viewer, right, lambda asked: self._draw(asked, viewer, template, look))

        return answer_get

    def _file(self, make: FileHandler) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of a file: only for those who are logged in."""

        async def fetch(request: Request) -> Response:
            viewer = self._viewer(request)
            if viewer is None:
                return await self._to_login(request)
            return await self._answer(request, viewer, "look", lambda asked: self._send(asked, make))

        return fetch

    async def _send(self, asked: OperatorRequest, make: FileHandler) -> Response:
        file = await make(asked)
        named = {"Content-Disposition": f'attachment; filename="{file.name}"'}
        return Response(file.body, media_type=file.media_type, headers=_HEADERS | named)

    def _act(self, act: PostHandler, right: Right) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of a form: only from a page of the viewer's own session (form token)."""

        async def answer_post(request: Request) -> Response:
            viewer = self._viewer(request)
            form: FormData | None = None
            if viewer is not None:  # nothing is read for anybody else
                try:
                    form = await read_page_form(request)
                except Refusal as error:
                    return self._error_page(request, viewer, error.code, error.message)
            if viewer is None or form is None or not self._proves_session(request, form):
                text = "This form is not from your session: go back, reload the page and try again."
                return self._error_page(request, viewer, 403, text)
            return await self._answer(request, viewer, right, lambda asked: self._perform(asked, form, act))

        return answer_post

    async def _answer(
        self,
        request: Request,
        viewer: Requester,
        right: Right,
        answer: Callable[[OperatorRequest], Awaitable[Response]],
    ) -> Response:
        """The answer, or a page that says what went wrong."""
        try:
            by = requester(request, viewer)
            require_right(by, right)
            return await answer(OperatorRequest(self._source.control.context, by, request))
        except Refusal as error:
            return self._error_page(request, viewer, error.code, error.message)
        except OperateError as error:
            return self._error_page(request, viewer, code_of(error), str(error))
        except NotFound as error:
            return self._error_page(request, viewer, 404, str(error))
        except StoreError as error:
            log.warning("the store does not answer", path=request.url.path, error=str(error))
            return self._error_page(request, viewer, 503, f"The store does not answer: {error}")

    async def _draw(self, asked: OperatorRequest, viewer: Requester, name: str, look: GetHandler) -> Response:
        template = self._templates.get_template(f"{name}.html.j2")
        request = asked.request
        text = self._source.sessions.unseal(request.cookies.get(SAID, ""))
        shown = self._frame(request, viewer) | await look(asked) | {"said": text}
        is_part = bool(request.query_params.get("part")) and "part" in template.blocks
        drawing = partial(_part if is_part else jinja2.Template.render, template, shown)
        answer = HTMLResponse(await self._beside.run(drawing, large=True), headers=_HEADERS)
        if is_part:
            return answer
        if text:
            answer.delete_cookie(SAID)
        return answer

    async def _perform(self, asked: OperatorRequest, form: FormData, act: PostHandler) -> Response:
        done = await act(asked, form)
        if done.secret:
            template = self._templates.get_template("secret.html.j2")
            shown = self._frame(asked.request, asked.by) | {"done": done}
            return HTMLResponse(template.render(shown), headers=_HEADERS)
        answer = RedirectResponse(_own_path(done.path), 303)
        self._set_cookie(answer, SAID, self._source.sessions.seal(done.said), 60)
        return answer

    def _frame(self, request: Request, viewer: Requester | None) -> dict[str, Any]:
        now = rfc3339(self._source.control.context.clock.wall_us())
        paths = ("/account", "/find", *(path for path, _ in NAVIGATION[::-1]))
        here = next((path for path in paths if request.url.path.startswith(path)), "/")
        has_tables = bool(list_tables(self._source.control.context))
        return {
            "viewer": viewer,
            "can": partial(has_right, viewer.role) if viewer is not None else _can_nothing,
            "here": here,
            "form_token": self._form_token(request),
            "said": "",
            "now": now,
            "navigation": [
                page
                for page in NAVIGATION
                if (has_tables or page[0] != ALARMS) and viewer and has_right(viewer.role, right_to_look(page[0]))
            ],
        }

    def _error_page(self, request: Request, viewer: Requester | None, status: int, problem: str) -> Response:
        template = self._templates.get_template("error.html.j2")
        text = template.render(self._frame(request, viewer) | {"status": status, "problem": problem})
        return HTMLResponse(text, status, headers=_HEADERS)

    def _login_page(self, wanted: str, problem: str, status: int = 200, wait_s: int = 1, name: str = "") -> Response:
        headers = _HEADERS | ({"Retry-After": str(wait_s)} if status in (429, 503) else {})
        shown = {"viewer": None, "here": "/login", "form_token": "", "said": ""}
        template = self._templates.get_template("login.html.j2")
        return HTMLResponse(
            template.render(shown | {"next": _own_path(wanted), "problem": problem, "name": name[:200]}),
            status,
            headers=headers,
        )

    def error_page(self, request: Request, status: int, text: str) -> Response:
        """The page for an address that is none, or that could not be answered."""
        return self._error_page(request, self._viewer(request), status, _PLAIN.get((status, text), text))

    def _viewer(self, request: Request) -> Requester | None:
        return self._source.control.admit_session(request)

    def _proves_session(self, request: Request, form: FormData) -> bool:
        given = form.get("form_token")
        cookie = request.cookies.get(COOKIE, "")
        return isinstance(given, str) and self._source.sessions.is_form_token(cookie, given)

    def _form_token(self, request: Request) -> str:
        return self._source.sessions.form_token(request.cookies.get(COOKIE, ""))

    async def _to_login(self, request: Request) -> Response:
        """The page again for whom a trusted proxy names, logged in now; the login page for others."""
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        try:
            cookie = await self._source.logins.begin_for_proxy(request)
        except StoreError as error:
            log.warning("the store does not answer", path=request.url.path, error=str(error))
            return self._login_page(wanted, f"The store does not answer: {error}", status=503)
        if cookie is not None:
            return self._to_page(wanted, cookie)
        return RedirectResponse(f"/login?{urlencode({'next': wanted})}", 303)

    def _set_cookie(self, answer: Response, name: str, value: str, lasts_s: int) -> None:
        secure = self._source.secure_cookies
        answer.set_cookie(name, value, max_age=lasts_s, secure=secure, httponly=True, samesite="strict")


def _can_nothing(right: Right) -> bool:
    """What somebody may do of whom nobody knows who it is."""
    return False


def _part(template: jinja2.Template, shown: Mapping[str, Any]) -> str:
    """What of a page is drawn anew while it is looked at."""
    return "".join(template.blocks["part"](template.new_context(dict(shown))))


def _own_path(wanted: str) -> str:
    """The path if it is one of ours, else the overview: nobody is sent elsewhere after logging in."""
    parts = urlsplit(wanted)
    ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.netloc
    return wanted if ours else "/"
