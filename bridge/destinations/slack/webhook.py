"""A Slack incoming webhook. One delivery is one message (destinations.md 2.8).

The hook answers 200 with the body ``ok``, or a status with one word that says what is wrong. It tells no message id, so
a message cannot be changed later: ``slack_bot`` does that.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import httpx
import msgspec
from pydantic import Field

from bridge.core.quantities import Pacing
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Preview, Refused
from bridge.destinations.config import CHAT_RATE, HttpDestinationConfig, SecretUrl
from bridge.destinations.kit.http_call import HttpAnswer, ask, not_expected, outcome_of
from bridge.destinations.kit.redact import Redactor, shown_url
from bridge.destinations.slack.blocks import DECIDED_TEXT_RUNES, draw, remarks_of, sizes_of
from broker.clock import Clock
from rules.model import DestinationFacts

_HEADERS: Final = {"Content-Type": "application/json; charset=utf-8"}
_OVERRIDES: Final = frozenset({"thread"})
_HOOK_GONE: Final = frozenset(
    {"no_service", "no_active_hooks", "no_team", "invalid_token", "channel_not_found", "channel_is_archived"}
)
_TOO_MUCH: Final = frozenset(
    {"invalid_payload", "invalid_blocks", "invalid_attachments", "msg_blocks_too_long", "msg_too_long"}
)
_NOTHING_SAID: Final = frozenset({"no_text", "missing_text_or_fallback_or_attachments", "invalid_payload"})

SlackWebhookForm: TypeAlias = Literal["", "plain"]
"""The full form, and short text alone."""


class SlackConfig(HttpDestinationConfig):
    """Settings of a Slack incoming webhook."""

    type: Literal["slack"] = "slack"
    rate: Pacing | None = Field(CHAT_RATE, description="Messages per time at most; null: as fast as it goes")
    url: SecretUrl = Field(description="The hook's URL, https://hooks.slack.com/services/...; all of it is secret")


class Slack:
    """Posts to a Slack incoming webhook."""

    def __init__(self, name: str, config: SlackConfig, http: httpx.AsyncClient, clock: Clock) -> None:
        self._config = config
        self._http = http
        self._clock = clock
        self._redact = Redactor([config.url])
        self.facts = DestinationFacts(
            name=name, kind="slack", max_text_runes=DECIDED_TEXT_RUNES, long_text="split", overrides=_OVERRIDES
        )

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        answer = await self._post(_body(parcel))
        return answer if isinstance(answer, Later) else self._read(answer, parcel)

    async def probe(self) -> Outcome:
        """Post an empty object: a live hook says that there is no text, a dead one that it is dead."""
        answer = await self._post({})
        if isinstance(answer, Later):
            return answer
        if answer.status == httpx.codes.BAD_REQUEST and answer.text.strip() in _NOTHING_SAID:
            return Delivered()
        outcome = self._read(answer, None)
        if isinstance(outcome, Delivered):
            return Later("the server accepted an empty message: is this a Slack hook?")
        return outcome

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination."""
        body = _body(parcel)
        return Preview(
            target=shown_url(self._config.url.reveal()),
            headers=_HEADERS,
            body=body,
            remarks=tuple(remarks_of(parcel.post)),
            sizes=sizes_of(body),
        )

    async def close(self) -> None:
        """See Destination."""
        await self._http.aclose()

    async def _post(self, body: dict[str, Any]) -> HttpAnswer | Later:
        content = msgspec.json.encode(body)
        return await ask(self._http, self._redact, "POST", self._config.url.reveal(), content=content, headers=_HEADERS)

    def _read(self, answer: HttpAnswer, parcel: Parcel | None) -> Outcome:
        text = answer.text.strip()
        if answer.status == httpx.codes.OK and text != "ok":
            return not_expected(answer, "Slack's", self._redact)
        outcome = outcome_of(answer, self._clock.wall_us(), self._redact)
        if not isinstance(outcome, Refused):
            return outcome
        if text in _HOOK_GONE:
            return Refused("the hook or its channel is gone: " + outcome.reason, destination_gone=True)
        too_much = text in _TOO_MUCH or answer.status == httpx.codes.REQUEST_ENTITY_TOO_LARGE
        plainer: SlackWebhookForm | None = "plain" if too_much and parcel is not None and not parcel.form else None
        return Refused(outcome.reason, plainer=plainer, destination_gone=outcome.destination_gone)


def _body(parcel: Parcel) -> dict[str, Any]:
    """The hook's JSON body. Pure."""
    thread = parcel.post.overrides.get("thread")
    return {
        **draw(parcel),
        **({"thread_ts": str(thread)} if thread else {}),
        "unfurl_links": False,
        "unfurl_media": False,
    }
