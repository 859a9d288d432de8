"""The REST API as a bot uses it: the table of routes, the token, and the lookups."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qs

import msgspec
from starlette.routing import compile_path

from bridge.fakes.exchange import Reply, Request
from bridge.fakes.mattermost.errors import AppError
from bridge.fakes.mattermost.model import Channel, User
from bridge.fakes.mattermost.town import is_member, may_see
from bridge.fakes.mattermost.wire import (
    channel_json,
    client_config,
    hook_json,
    json_reply,
    member_json,
    team_json,
    user_json,
)
from bridge.fakes.mattermost.world import World


@dataclass(frozen=True, slots=True)
class Call:
    """One call by somebody whose token is right. ``params`` are the named parts of the path."""

    world: World
    request: Request
    user: User
    params: dict[str, str]

    def option(self, name: str) -> str:
        """An option of the query, "" when it is not there."""
        return parse_qs(self.request.query).get(name, [""])[0]

    def channel(self) -> Channel:
        """The channel named in the path, if the caller may read it. Raises AppError."""
        channel = self.world.town.channels.get(self.params["channel_id"])
        if channel is None:
            raise AppError("app.channel.get.existing.app_error", 404)
        if not may_see(self.world.town, self.user.id, channel):
            raise AppError("api.context.permissions.app_error", 403)
        return channel

    def own_channel(self, channel_id: str) -> Channel:
        """A channel in which the caller is. One that is not there is refused like one it is not in: 403, not 404."""
        channel = self.world.town.channels.get(channel_id)
        if channel is None or not is_member(self.world.town, self.user.id, channel):
            raise AppError("api.context.permissions.app_error", 403)
        return channel


_ID = re.compile(r"[A-Za-z0-9]{26}")
_OPEN_TO_ALL = frozenset({"/config/client"})
_NOBODY = User("", "")
Route: TypeAlias = Callable[[Call], Reply]


def authenticate(world: World, request: Request) -> User:
    """Whose token this is. Raises AppError."""
    scheme, _, token = (request.header("authorization") or "").partition(" ")
    user_id = world.town.tokens.get(token.strip()) if scheme.lower() in ("bearer", "token") else None
    user = world.town.users.get(user_id or "")
    if user is None:
        raise AppError("api.context.session_expired.app_error", 401)
    return user


def _user_of(world: World, request: Request, path: str) -> User:
    """Whose call this is; a few answer to anybody. Raises AppError."""
    return _NOBODY if path in _OPEN_TO_ALL and not request.header("authorization") else authenticate(world, request)


def _check_ids(params: dict[str, str]) -> None:
    """Servers look at the form of an id before they look for what it names. Raises AppError."""
    for name, text in params.items():
        if name.endswith("_id") and text != "me" and not _ID.fullmatch(text):
            raise AppError("api.context.invalid_url_param.app_error", 400, name=name)


class Routes:
    """Which function answers which method and path below ``/api/v4``."""

    def __init__(self, table: dict[str, Route]) -> None:
        self._routes = []
        for line, route in table.items():
            method, path = line.split()
            pattern, _, _ = compile_path(f"/api/v4{path}")
            self._routes.append((method, path, pattern, route))

    def answer(self, world: World, request: Request) -> Reply:
        """Answer one call. Raises AppError, also for a path that is not there."""
        for method, path, pattern, route in self._routes:
            if request.method == method and (match := pattern.match(request.path)):
                call = Call(world, request, _user_of(world, request, path), match.groupdict())
                if world.settings.is_of_5:
                    _check_ids(call.params)
                return route(call)
        detail = (
            f"There doesn't appear to be an api call for the url='{request.path}'. "
            "Typo? are you missing a team_id or user_id as part of the url?"
        )
        raise AppError("api.context.404.app_error", 404, detail=detail)


def _me(call: Call) -> Reply:
    return json_reply(user_json(call.user, is_self=True))


def _user_by_name(call: Call) -> Reply:
    name = call.params["username"]
    if name != name.lower():
        raise AppError("api.context.invalid_body_param.app_error", 400, name="username")
    user = call.world.town.find_user(name)
    if user is None:
        raise AppError("app.user.get_by_username.app_error", 404)
    return json_reply(user_json(user))


def _user(call: Call) -> Reply:
    user = call.world.town.users.get(call.params["user_id"])
    if user is None:
        raise AppError("app.user.missing_account.const", 404)
    return json_reply(user_json(user))


def _my_teams(call: Call) -> Reply:
    return json_reply([team_json(call.world.town.team)])


def _team_by_name(call: Call) -> Reply:
    team = call.world.town.team
    if call.params["team"] != team.name:
        raise AppError("app.team.get_by_name.missing.app_error", 404)
    return json_reply(team_json(team))


def _channel_by_name(call: Call) -> Reply:
    town = call.world.town
    if call.params["team"] not in (town.team.name, town.team.id):
        raise AppError("app.team.get_by_name.missing.app_error", 404)
    channel = town.find_channel(call.params["channel"].lower())
    if channel is None or not may_see(town, call.user.id, channel):
        raise AppError("app.channel.get_by_name.missing.app_error", 404)
    return json_reply(channel_json(channel))


def _channel(call: Call) -> Reply:
    return json_reply(channel_json(call.channel()))


def _my_place(call: Call) -> Reply:
    channel = call.own_channel(call.params["channel_id"])
    return json_reply(member_json(channel, call.user))


def _direct_channel(call: Call) -> Reply:
    try:
        text, other = msgspec.json.decode(call.request.body, type=tuple[str, str])
    except msgspec.DecodeError:
        raise AppError("api.context.invalid_body_param.app_error", 400, name="user_ids") from None
    if not (_ID.fullmatch(text) and _ID.fullmatch(other)):
        raise AppError("api.context.invalid_body_param.app_error", 400, name="user_id")
    if call.user.id not in (text, other):
        raise AppError("api.context.permissions.app_error", 403)
    if not {text, other} <= set(call.world.town.users):
        raise AppError("api.channel.create_direct_channel.invalid_user.app_error", 400)
    return json_reply(channel_json(call.world.town.open_direct_channel(text, other)), 201)


def _client_config(call: Call) -> Reply:
    return json_reply(client_config(call.world, is_known=call.user is not _NOBODY))


def _hooks(call: Call) -> Reply:
    """The webhooks of whoever made some; nobody else may ask."""
    own = [hook for hook in call.world.town.hooks.values() if hook.user_id == call.user.id]
    if not own:
        raise AppError("api.context.permissions.app_error", 403)
    return json_reply([hook_json(hook) for hook in own])


LOOKUPS: dict[str, Route] = {
    "GET /users/me": _me,
    "GET /users/me/teams": _my_teams,
    "GET /users/username/{username}": _user_by_name,
    "GET /users/{user_id}": _user,
    "GET /teams/name/{team}": _team_by_name,
    "GET /teams/name/{team}/channels/name/{channel}": _channel_by_name,
    "GET /teams/{team}/channels/name/{channel}": _channel_by_name,
    "POST /channels/direct": _direct_channel,
    "GET /channels/{channel_id}": _channel,
    "GET /channels/{channel_id}/members/me": _my_place,
    "GET /config/client": _client_config,
    "GET /hooks/incoming": _hooks,
}
