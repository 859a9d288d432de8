"""The part of Mattermost's REST API that a bot needs (destinations.md 2.5): calls, errors, and names looked up once."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from bridge.core.secret import Secret
from bridge.destinations.base import Later, Refused
from bridge.destinations.kit.http_call import HttpAnswer, ask, not_expected, outcome_of, reason_of
from bridge.destinations.kit.redact import Redactor
from broker.clock import Clock

_ID: Final = re.compile(r"[a-z0-9]{26}")
_LONGEST_ANSWER_BYTES: Final = 8 * 1024 * 1024  # a page of posts
PAGE: Final = 200
"""How many posts of a channel are asked for at once: the most that the server gives."""
MOST_PAGES: Final = 25
"""How far back a channel is read, in such pages."""
T = TypeVar("T")


class Made(msgspec.Struct, frozen=True):
    """A record of the server, or an error, as far as we look at it."""

    id: str


Lookup: TypeAlias = str | Later | Refused
"""An id, or why there is none."""


class Rest:
    """Calls one server as one bot."""

    def __init__(self, http: httpx.AsyncClient, url: str, token: Secret, clock: Clock, redact: Redactor) -> None:
        self._http = http
        self._base = url.rstrip("/") + "/api/v4"
        self._token = token
        self._clock = clock
        self._redact = redact

    async def call(self, method: str, path: str, body: Any = None) -> HttpAnswer | Later:
        """Ask the server once. ``path`` begins behind ``/api/v4``."""
        headers = {"Authorization": f"Bearer {self._token.reveal()}", "Content-Type": "application/json"}
        content = None if body is None else msgspec.json.encode(body)
        url, most = self._base + path, _LONGEST_ANSWER_BYTES
        return await ask(self._http, self._redact, method, url, content=content, headers=headers, longest_bytes=most)

    def classify_failure(self, answer: HttpAnswer) -> Later | Refused:
        """What an answer means that did not bring what was asked for."""
        reason = reason_of(answer, self._redact)
        if answer.status == httpx.codes.UNAUTHORIZED:
            return Later(f"the token is not accepted: {reason}", misconfigured=True)
        outcome = outcome_of(answer, self._clock.wall_us(), self._redact)
        return outcome if isinstance(outcome, Later | Refused) else not_expected(answer, "Mattermost's", self._redact)

    def classify_unanswered(self, answer: HttpAnswer) -> Later | Refused:
        """The outcome of a question that was not answered, as ``classify_failure`` reads it: nothing was changed."""
        failure = self.classify_failure(answer)
        return replace(failure, unclear=False) if isinstance(failure, Later) else failure


class Directory:
    """Looks up the ids of channels and people by name, each once. Asked once each, until they are forgotten."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._known: dict[tuple[str, str], str] = {}
        self._asked: dict[str, str] = {}

    def recall_channel_id(self, team: str, channel: str) -> str | None:
        """The channel's id if no question is needed."""
        return channel if _ID.fullmatch(channel) else self._known.get((team, channel))

    def forget(self, team: str, channel: str) -> bool:
        """Forget what was looked up, also for team and bot; False when there was nothing to forget."""
        self._asked.clear()
        return self._known.pop((team, channel), None) is not None

    async def find_channel_id(self, team: str, channel: str) -> Lookup:
        """The id of a channel by name; of the direct channel with a person by ``@name``; an id is itself."""
        known = self.recall_channel_id(team, channel)
        if known is not None:
            return known
        was_asked = bool(self._asked)
        channel_id = await self._look_up(team, channel)
        if was_asked and isinstance(channel_id, Refused):  # the bot may be in another team by now
            self._asked.clear()
            channel_id = await self._look_up(team, channel)
        if isinstance(channel_id, str):
            self._known[team, channel] = channel_id
        return channel_id

    async def _look_up(self, team: str, channel: str) -> Lookup:
        return await (self._direct(channel[1:]) if channel.startswith("@") else self._in_team(team, channel))

    async def find_user_id(self, name: str) -> Lookup:
        """The id of an account by name, in whatever case: servers take small letters only."""
        missing = f"there is nobody called @{name}"
        return await self._id_at(f"/users/username/{quote(name.lower(), safe='')}", missing)

    async def _direct(self, name: str) -> Lookup:
        me = self._asked.get("me") or await self._id_at("/users/me", "the bot has no account")
        if not isinstance(me, str):
            return me
        self._asked["me"] = me
        other = await self.find_user_id(name)
        if not isinstance(other, str):
            return other
        answer = await self._rest.call("POST", "/channels/direct", [me, other])
        return self._id_in(answer, f"the bot may not write to @{name}")

    async def _in_team(self, team: str, channel: str) -> Lookup:
        if not team:
            team_name = self._asked.get("team") or await self._only_team()
            if not isinstance(team_name, str):
                return team_name
            self._asked["team"] = team_name
            path = f"/teams/{team_name}"
        else:
            path = f"/teams/name/{quote(team, safe='')}"
        where = f' in team "{team}"' if team else ""
        missing = f'there is no channel "{channel}"{where}, or the bot is no member of it'
        return await self._id_at(f"{path}/channels/name/{quote(channel, safe='')}", missing)

    async def _only_team(self) -> Lookup:
        answer = await self._rest.call("GET", "/users/me/teams")
        if isinstance(answer, Later):
            return replace(answer, unclear=False)
        teams = decode_answer(answer, list[Made])
        if teams is None:
            return self._rest.classify_unanswered(answer)
        if len(teams) != 1:
            return Refused(f"the bot is in {len(teams)} teams: say which one (team:)")
        return teams[0].id

    async def _id_at(self, path: str, missing: str) -> Lookup:
        return self._id_in(await self._rest.call("GET", path), missing)

    def _id_in(self, answer: HttpAnswer | Later, missing: str) -> Lookup:
        if isinstance(answer, Later):
            return replace(answer, unclear=False)  # a question without an answer changed nothing
        made = decode_answer(answer, Made)
        if made is not None:
            return made.id
        failure = self._rest.classify_unanswered(answer)
        if isinstance(failure, Refused) and not failure.destination_gone:
            return Refused(f"{missing}: {failure.reason}")
        return failure


def page_path(channel_id: str, number: int) -> str:
    """The path of a page of a channel's posts, the newest first; the first page is 0."""
    return f"/channels/{channel_id}/posts?page={number}&per_page={PAGE}"


def decode_answer(answer: HttpAnswer, kind: type[T]) -> T | None:
    """What a 2xx answer brought; None when it is none, or no JSON of that kind."""
    if not 200 <= answer.status < 300:
        return None
    try:
        return msgspec.json.decode(answer.text, type=kind)
    except (msgspec.DecodeError, RecursionError):
        return None


def error_id(answer: HttpAnswer) -> str:
    """The ``id`` of Mattermost's JSON error body, or "" when it has none."""
    try:
        return msgspec.json.decode(answer.text, type=Made).id
    except (msgspec.DecodeError, RecursionError):
        return ""
