"""A Rocket.Chat incoming integration. One delivery is one message; it tells no id, so none is changed later."""

from __future__ import annotations

from typing import Any, Final, Literal

import httpx
import msgspec
from pydantic import Field

from ams_bridge_rocketchat.answers import outcome_of_answer, read_answer
from ams_bridge_rocketchat.message import MAX_TEXT_RUNES, channel_of, draw
from bridge.plugin import (
    CHAT_RATE,
    Clock,
    Delivered,
    DestinationFacts,
    DestinationPlugin,
    HttpAnswer,
    HttpDestinationConfig,
    Later,
    Outcome,
    Pacing,
    Parcel,
    Preview,
    Redactor,
    SecretUrl,
    Tools,
    ask,
    http_client_of,
    not_expected,
    shown_url,
)

_HEADERS: Final = {"Content-Type": "application/json"}


class RocketChatConfig(HttpDestinationConfig):
    """Settings of an incoming integration of Rocket.Chat."""

    type: Literal["rocketchat"] = "rocketchat"
    rate: Pacing | None = Field(CHAT_RATE, description="Messages per time at most; null: as fast as it goes")
    url: SecretUrl = Field(description="The integration's URL, https://CHAT/hooks/ID/TOKEN; all of it is secret")
    alias: str = Field("", description="The name that the messages show; empty: that of the integration")


class RocketChat:
    """Posts through an incoming integration."""

    def __init__(self, name: str, config: RocketChatConfig, http: httpx.AsyncClient, clock: Clock) -> None:
        self._config = config
        self._http = http
        self._clock = clock
        self._redact = Redactor([config.url])
        self.facts = DestinationFacts(
            name=name, kind="rocketchat", max_text_runes=MAX_TEXT_RUNES, overrides=frozenset({"channel", "alias"})
        )

    async def deliver(self, parcel: Parcel) -> Outcome:
        """Post one message. See Destination."""
        answer = await self._ask("POST", self._config.url.reveal(), self._body(parcel))
        if isinstance(answer, Later):
            return answer
        return outcome_of_answer(answer, parcel.form, self._clock.wall_us(), self._redact)

    async def probe(self) -> Outcome:
        """Ask for the integration's information, which posts nothing."""
        url = self._config.url.reveal()
        answer = await self._ask("GET", url.replace("/hooks/", "/hooks/info/", 1))
        if isinstance(answer, Later):
            return answer
        read = read_answer(answer)
        if answer.status == 200 and not (read and read.success):
            return not_expected(answer, "Rocket.Chat's", self._redact)
        outcome = outcome_of_answer(answer, "plain", self._clock.wall_us(), self._redact)
        return Delivered() if isinstance(outcome, Delivered) else outcome

    def preview(self, parcel: Parcel) -> Preview:
        """Show what ``deliver`` would send. See Destination."""
        return Preview(shown_url(self._config.url.reveal()), _HEADERS, self._body(parcel))

    async def close(self) -> None:
        """Let go of connections. See Destination."""
        await self._http.aclose()

    def _body(self, parcel: Parcel) -> dict[str, Any]:
        overrides = parcel.post.overrides
        alias = overrides.get("alias") or self._config.alias
        body = draw(parcel)
        if channel := channel_of(overrides):
            body["channel"] = channel
        return body | ({"alias": alias} if alias and isinstance(alias, str) else {})

    async def _ask(self, method: str, url: str, body: dict[str, Any] | None = None) -> HttpAnswer | Later:
        content = msgspec.json.encode(body) if body is not None else None
        return await ask(self._http, self._redact, method, url, content=content, headers=_HEADERS)


def _make(name: str, config: RocketChatConfig, tools: Tools) -> RocketChat:
    return RocketChat(name, config, http_client_of(config, tools), tools.clock)


PLUGIN: Final = DestinationPlugin(promise=1, config=RocketChatConfig, make=_make)
