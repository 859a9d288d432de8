"""Calls of the AMS API from within the daemon: for the pages, with the rights that whoever is logged in has over HTTP.

The same routes, roles and handlers answer, and the same entries go on the audit trail: what a page can do is never more
than what the API lets the same user do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from bridge.api import message_handlers
from bridge.api.api_errors import not_found
from bridge.api.audited import audited_facts, entry_of, is_audited
from bridge.api.call import NOBODY, Api, Call, Caller
from bridge.api.more_routes import ALL_ROUTES
from bridge.api.request_pipeline import admit_caller, check_names
from bridge.api.route import ApiRoute
from bridge.api.wire import PullRequest, WirePull
from bridge.core.token_gate import Note
from broker.access import CONSUMER, PROJECT_ADMIN, SERVICE_ADMIN, roles_in
from broker.records import Project, User

PEEK: Final = "subscriptions:peek"
"""Like a pull, and nobody notices: it opens no window for an acknowledgement, and counts as no consumption."""
_ROUTES: Final[Mapping[str, ApiRoute]] = {route.name: route for route in ALL_ROUTES} | {
    PEEK: ApiRoute(
        name=PEEK,
        method="GET",
        path="/projects/{project}/subscriptions/{subscription}:peek",
        roles=frozenset({SERVICE_ADMIN, PROJECT_ADMIN, CONSUMER}),
        handler=message_handlers.peek,
        body=PullRequest,
        answer=WirePull,
        summary="What a pull would hand out",
    )
}


@dataclass(frozen=True, slots=True)
class InsideCaller:
    """Who asks: the name and the address for the audit trail, and the AMS user, "" for an admin who is none."""

    who: str
    address: str
    user_uid: str = ""
    is_admin: bool = False


class InsideCalls:
    """Answers calls by the name of their route."""

    def __init__(self, api: Api, note: Note) -> None:
        self._api = api
        self._note = note

    async def ask(
        self,
        caller: InsideCaller,
        route_name: str,
        names: Mapping[str, str],
        body: Any = None,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """The answer as plain values. Raises ApiError, and broker errors as the handlers do."""
        route = _ROUTES[route_name]
        check_names(names)
        self._api.broker.cache.check_fresh()
        project, admitted = self._admit(caller, route, names)
        call = Call(
            self._api,
            names,
            admitted,
            project,
            urlencode(query or {}).encode(),
            body=b"" if body is None else msgspec.json.encode(body),
        )
        answer = await (self._ask_audited(call, route, caller) if is_audited(route) else route.handler(call))
        if isinstance(answer, bytes):
            return msgspec.json.decode(answer)
        return {} if answer is None else msgspec.to_builtins(answer)

    def _admit(self, caller: InsideCaller, route: ApiRoute, names: Mapping[str, str]) -> tuple[Project | None, Caller]:
        if route.is_open:  # such routes judge tokens themselves, and here there is none
            raise not_found("Route not found")
        return admit_caller(self._api, route, names.get("project"), lambda project: self._caller(caller, project))

    def _caller(self, caller: InsideCaller, project: Project | None) -> Caller:
        user = self._api.broker.cache.find_by_uid(User, caller.user_uid) if caller.user_uid else None
        if caller.is_admin:
            return Caller((SERVICE_ADMIN,), user)
        return NOBODY if user is None else Caller(roles_in(user, None if project is None else project.uid), user)

    async def _ask_audited(self, call: Call, route: ApiRoute, caller: InsideCaller) -> object:
        before = audited_facts(call)
        answer = await route.handler(call)
        entry = entry_of(call, route, caller.address, before, audited_facts(call))
        await self._note(msgspec.structs.replace(entry, who=caller.who))
        return answer
