"""A Rocket.Chat user that posts over the REST API. The message's id is the receipt."""

from __future__ import annotations

from typing import Any, Final, Literal

import httpx
import msgspec
from pydantic import Field

from ams_bridge_rocketchat.answers import Posted, outcome_of_answer, read_answer
from ams_bridge_rocketchat.message import MAX_TEXT_RUNES, channel_of, draw
from bridge.plugin import (
    CHAT_RATE,
    Clock,
    Delivered,
    DestinationFacts,
    DestinationPlugin,
    HeaderSecret,
    HttpAnswer,
    HttpDestinationConfig,
    Later,
    Outcome,
    Pacing,
    Parcel,
    Preview,
    Redactor,
    Tools,
    WebUrl,
    ask,
    http_client_of,
    reason_of,
)


class RocketChatBotConfig(HttpDestinationConfig):
    """Settings of a user of Rocket.Chat that posts."""

    type: Literal["rocketchat_bot"] = "rocketchat_bot"
    rate: Pacing | None = Field(CHAT_RATE, description="Messages per time at most; null: as fast as it goes")
    url: WebUrl = Field(description="The server, https://chat.example.org")
    user_id: str = Field(min_length=1, description="The user's id, as the personal access token's page shows it")
    token: HeaderSecret = Field(description="A personal access token of that user")
    channel: str = Field(min_length=1, description="Where to post: #name, @person or a room's id")


class RocketChatBot:
    """Posts as a user."""

    def __init__(self, name: str, config: RocketChatBotConfig, http: httpx.AsyncClient, clock: Clock) -> None:
        self._config = config
        self._http = http
        self._clock = clock
        self._redact = Redactor([config.token])
        self._api = f"{config.url.rstrip('/')}/api/v1/"
        self._known = {"Content-Type": "application/json", "X-User-Id": config.user_id}
        self.facts = DestinationFacts(
            name=name, kind="rocketchat_bot", max_text_runes=MAX_TEXT_RUNES, overrides=frozenset({"channel", "thread"})
        )

    async def deliver(self, parcel: Parcel) -> Outcome:
        """Post one message. See Destination."""
        answer = await self._ask("POST", "chat.postMessage", self._body(parcel))
        if isinstance(answer, Later):
            return answer
        outcome = self._outcome_of(answer, parcel.form)
        if not isinstance(outcome, Delivered):
            return outcome
        read = read_answer(answer)
        posted = read.message if read is not None else None
        return Delivered(posted.id or None if isinstance(posted, Posted) else None, outcome.pace)

    async def probe(self) -> Outcome:
        """Ask who the token belongs to, which posts nothing."""
        answer = await self._ask("GET", "me")
        if isinstance(answer, Later):
            return answer
        outcome = self._outcome_of(answer, "plain")
        return Delivered() if isinstance(outcome, Delivered) else outcome

    def preview(self, parcel: Parcel) -> Preview:
        """Show what ``deliver`` would send. See Destination."""
        return Preview(f"{self._api}chat.postMessage", {**self._known, "X-Auth-Token": "***"}, self._body(parcel))

    async def close(self) -> None:
        """Let go of connections. See Destination."""
        await self._http.aclose()

    def _body(self, parcel: Parcel) -> dict[str, Any]:
        overrides = parcel.post.overrides
        thread = overrides.get("thread")
        body = {"channel": channel_of(overrides) or self._config.channel, **draw(parcel)}
        return body | ({"tmid": thread} if thread and isinstance(thread, str) else {})

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> HttpAnswer | Later:
        headers = {**self._known, "X-Auth-Token": self._config.token.reveal()}
        content = msgspec.json.encode(body) if body is not None else None
        return await ask(self._http, self._redact, method, self._api + path, content=content, headers=headers)

    def _outcome_of(self, answer: HttpAnswer, form: str) -> Outcome:
        if answer.status == 401:
            return Later(f"the token is not accepted: {reason_of(answer, self._redact)}", misconfigured=True)
        return outcome_of_answer(answer, form, self._clock.wall_us(), self._redact)


def _make(name: str, config: RocketChatBotConfig, tools: Tools) -> RocketChatBot:
    return RocketChatBot(name, config, http_client_of(config, tools), tools.clock)


PLUGIN: Final = DestinationPlugin(promise=1, config=RocketChatBotConfig, make=_make)
