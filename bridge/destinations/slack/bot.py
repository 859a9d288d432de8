"""A Slack app's bot: later news of an incident change the message it already has (destinations.md 2.8).

Slack's Web API answers 200 even when it refuses: ``ok`` in the body decides, and ``error`` says why in one word. The
channel and the time stamp of a message are its receipt. There is no idempotency key: after a try that may have
arrived, ``when_unclear`` decides whether to try again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias

import httpx
import msgspec
from pydantic import Field

from bridge.core.quantities import Pacing
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Preview, Refused
from bridge.destinations.config import CHAT_RATE, WHOLE_TRY_MARGIN_S, HeaderSecret, HttpDestinationConfig, WebUrl
from bridge.destinations.kit.http_call import HttpAnswer, ask, not_expected, outcome_of, pace_of
from bridge.destinations.kit.receipt import Receipt, course_of, find_open_post, pack_receipt, receipt_of, update_receipt
from bridge.destinations.kit.redact import Redactor
from bridge.destinations.slack.blocks import DECIDED_TEXT_RUNES, draw, remarks_of, sizes_of
from broker.clock import Clock
from rules.model import DestinationFacts

_OVERRIDES: Final = frozenset({"channel", "thread", "username", "icon_emoji", "icon_url"})
_TOKEN_BAD: Final = frozenset(
    {"not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "org_login_required"}
)
_NOT_NOW: Final = frozenset(
    {"ratelimited", "rate_limited", "service_unavailable", "request_timeout", "team_added_to_org"}
)
_HALF_DONE: Final = frozenset({"internal_error", "fatal_error"})
_CHANNEL_CLOSED: Final = frozenset({"channel_not_found", "not_in_channel", "is_archived", "restricted_action"})
_TOO_MUCH: Final = frozenset(
    {"msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format", "invalid_attachments"}
)
_THREAD_GONE: Final = frozenset({"thread_not_found", "invalid_thread_ts", "cannot_reply_to_message"})

SlackBotForm: TypeAlias = Literal["", "plain", "other-channel", "without-thread", "without-history"]
"""The full form, and the plainer ones: short text alone; in the other channel; no reply; no second telling."""


class SlackBotConfig(HttpDestinationConfig):
    """Settings of a Slack bot."""

    type: Literal["slack_bot"] = "slack_bot"
    rate: Pacing | None = Field(CHAT_RATE, description="Messages per time at most; null: as fast as it goes")
    token: HeaderSecret = Field(description="The bot's token, xoxb-...; it needs chat:write")
    channel: str = Field(description="Channel name or id, or a person's id")
    fallback_channel: str = Field(
        "", description="Where a message goes when its channel is closed to the bot; empty: it becomes a dead letter"
    )
    username: str = Field("", description="Shown as the sender; needs chat:write.customize")
    icon_emoji: str = Field("", description="Emoji shown as the sender's picture; needs chat:write.customize")
    edit: bool = Field(True, description="Later news of an incident change its message; false: each is one of its own")
    history: Literal["none", "thread"] = Field(
        "none", description="thread: what changes a message is also said in its thread, where it notifies"
    )
    url: WebUrl = Field("https://slack.com/api", description="Address of the Web API")

    @property
    def edits(self) -> bool:
        """See DestinationConfig."""
        return self.edit


class SlackBot:
    """Posts and updates as a bot."""

    def __init__(self, name: str, config: SlackBotConfig, http: httpx.AsyncClient, clock: Clock) -> None:
        self._config = config
        self._http = http
        self._clock = clock
        self._redact = Redactor([config.token])
        self.facts = DestinationFacts(
            name=name, kind="slack_bot", max_text_runes=DECIDED_TEXT_RUNES, long_text="split", overrides=_OVERRIDES
        )

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        try:
            async with self._clock.timeout(self._config.timeout + WHOLE_TRY_MARGIN_S):
                return await self._tell(parcel)
        except TimeoutError:
            return Later(f"no answer within {self._config.timeout:g} s", unclear=True)

    async def probe(self) -> Outcome:
        """Ask who the token belongs to, and whether it may write."""
        answer = await self._call("auth.test", {})
        if isinstance(answer, Later):
            return replace(answer, unclear=False)
        reply = _read_answer(answer)
        if reply is None or not reply.ok:
            failure = self._failure(answer, reply, None)
            return replace(failure, unclear=False) if isinstance(failure, Later) else failure
        scopes = answer.headers.get("x-oauth-scopes", "")
        if scopes and "chat:write" not in scopes.replace(" ", "").split(","):
            return Refused(f"the token lacks the scope chat:write; it has {scopes}")
        return Delivered()

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination."""
        earlier = self._to_update(parcel)
        remarks = remarks_of(parcel.post)
        if earlier is not None and _is_last(parcel):
            method, body = "chat.update", update_body(parcel, earlier)
            if self._config.history == "thread":
                remarks.append("the same is said in the message's thread")
        else:
            thread = (earlier.root or earlier.post) if earlier is not None else ""
            method, body = "chat.postMessage", post_body(parcel, self._config, thread)
        headers = self._headers() | {"Authorization": "Bearer ***"}
        return Preview(f"{self._config.url.rstrip('/')}/{method}", headers, body, tuple(remarks), sizes_of(body))

    async def close(self) -> None:
        """See Destination."""
        await self._http.aclose()

    async def _tell(self, parcel: Parcel) -> Outcome:
        earlier = self._to_update(parcel)
        if earlier is None:
            return await self._post(parcel, None)
        if not _is_last(parcel):
            return await self._post(parcel, earlier, thread=earlier.root or earlier.post)
        return await self._update(parcel, earlier)

    def _to_update(self, parcel: Parcel) -> Receipt | None:
        return find_open_post(parcel) if self._config.edit else None

    async def _post(self, parcel: Parcel, follows: Receipt | None, *, thread: str = "") -> Outcome:
        body = post_body(parcel, self._config, thread)
        answer = await self._call("chat.postMessage", body)
        if isinstance(answer, Later):
            return answer
        reply = _read_answer(answer)
        if reply is None and answer.status == httpx.codes.CREATED:
            return Delivered(pace=pace_of(answer.headers))
        if reply is None or not reply.ok:
            return self._failure(answer, reply, parcel)
        if not _is_last(parcel):
            return Delivered(pace=pace_of(answer.headers))
        root = str(body.get("thread_ts", ""))
        receipt = receipt_of(parcel, reply.ts, channel=reply.channel, root=root, follows=follows)
        return Delivered(pack_receipt(receipt, parcel), pace_of(answer.headers))

    async def _update(self, parcel: Parcel, earlier: Receipt) -> Outcome:
        answer = await self._call("chat.update", update_body(parcel, earlier))
        if isinstance(answer, Later):
            return answer
        reply = _read_answer(answer)
        if reply is None or not reply.ok:
            failure = self._failure(answer, reply, parcel)
            if isinstance(failure, Later) or failure.destination_gone or _is_about_body(answer, reply):
                return failure
            # Deleted, its channel archived or left, too old: whatever keeps this message as it is, another may pass.
            is_too_old = reply is not None and reply.error == "edit_window_closed"
            return await self._post(parcel, earlier, thread=(earlier.root or earlier.post) if is_too_old else "")
        delivered = Delivered(pack_receipt(update_receipt(earlier, parcel), parcel), pace_of(answer.headers))
        if self._config.history != "thread" or parcel.form == "without-history":
            return delivered
        return await self._add_history(parcel, earlier, delivered)

    async def _add_history(self, parcel: Parcel, earlier: Receipt, delivered: Delivered) -> Outcome:
        reply = post_body(parcel, self._config, earlier.root or earlier.post) | {"channel": earlier.channel}
        answer = await self._call("chat.postMessage", reply)
        if isinstance(answer, Later):
            return answer
        history_reply = _read_answer(answer)
        if history_reply is not None and history_reply.ok:
            return delivered
        failure = self._failure(answer, history_reply, parcel)
        if isinstance(failure, Refused) and not parcel.form and not failure.destination_gone:
            return replace(failure, plainer="without-history")
        return failure

    async def _call(self, method: str, body: Mapping[str, Any]) -> HttpAnswer | Later:
        url, content = f"{self._config.url.rstrip('/')}/{method}", msgspec.json.encode(body)
        return await ask(self._http, self._redact, "POST", url, content=content, headers=self._headers())

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._config.token.reveal()}",
            "Content-Type": "application/json; charset=utf-8",
        }

    def _failure(self, answer: HttpAnswer, reply: _Said | None, parcel: Parcel | None) -> Later | Refused:
        """What an answer means that is not ``ok``."""
        outcome = outcome_of(answer, self._clock.wall_us(), self._redact)
        if isinstance(outcome, Later):
            return outcome
        if reply is None:
            return self._not_slacks(answer, outcome, parcel)
        error = reply.error
        reason = self._redact(f"Slack says {error}" + (f" (needs {reply.needed})" if reply.needed else ""))
        if error in _NOT_NOW:
            return Later(reason, throttled="rate" in error)
        if error in _HALF_DONE:
            # Slack: "it's possible some aspect of the operation succeeded before the error was raised".
            return Later(reason, unclear=True)
        if error in _TOKEN_BAD:
            return Later(f"the token is not accepted: {reason}", misconfigured=True)
        return Refused(reason, plainer=self._plainer(error, parcel))

    def _not_slacks(self, answer: HttpAnswer, outcome: Delivered | Refused, parcel: Parcel | None) -> Later | Refused:
        """An answer that is no JSON comes from something in between."""
        if isinstance(outcome, Delivered):
            return not_expected(answer, "Slack's", self._redact)
        too_large = answer.status == httpx.codes.REQUEST_ENTITY_TOO_LARGE
        return replace(outcome, plainer="plain") if too_large and parcel is not None and not parcel.form else outcome

    def _plainer(self, error: str, parcel: Parcel | None) -> SlackBotForm | None:
        if parcel is None or parcel.form:
            return None
        if error in _TOO_MUCH:
            return "plain"
        if error in _THREAD_GONE:
            return "without-thread"
        return "other-channel" if error in _CHANNEL_CLOSED and self._config.fallback_channel else None


class _Said(msgspec.Struct, frozen=True):
    """An answer of the Web API, as far as we look at it."""

    ok: bool
    error: str = ""
    needed: str = ""
    channel: str = ""
    ts: str = ""


def post_body(parcel: Parcel, config: SlackBotConfig, thread: str = "") -> dict[str, Any]:
    """What ``chat.postMessage`` is given; ``thread`` is the message to reply to. Pure."""
    asked = parcel.post.overrides
    target_channel = str(asked.get("channel") or config.channel)
    to_other = parcel.form == "other-channel"
    body = {"channel": config.fallback_channel if to_other else target_channel, **_draw(parcel, target_channel)}
    named: dict[str, Any] = {
        "thread_ts": "" if to_other or parcel.form == "without-thread" else thread or asked.get("thread"),
        "username": asked.get("username") or config.username,
        "icon_emoji": asked.get("icon_emoji") or parcel.post.icon or config.icon_emoji,
        "icon_url": asked.get("icon_url"),
    }
    body.update({name: str(value) for name, value in named.items() if value})
    return body | {"unfurl_links": False, "unfurl_media": False}


def update_body(parcel: Parcel, earlier: Receipt) -> dict[str, Any]:
    """What ``chat.update`` is given. What is left out would stay, so all parts are said. Pure."""
    drawn: dict[str, Any] = {"text": "", "blocks": [], "attachments": []}
    return {"channel": earlier.channel, "ts": earlier.post, **drawn, **draw(parcel, course=course_of(parcel, earlier))}


def _draw(parcel: Parcel, target_channel: str) -> dict[str, Any]:
    if parcel.form != "other-channel":
        return draw(parcel)
    note = f"_(meant for {target_channel})_"
    return draw(replace(parcel, form="", post=replace(parcel.post, text=f"{note}\n{parcel.post.text}")))


def _read_answer(answer: HttpAnswer) -> _Said | None:
    try:
        return msgspec.json.decode(answer.text, type=_Said)
    except (msgspec.DecodeError, RecursionError):
        return None


def _is_about_body(answer: HttpAnswer, reply: _Said | None) -> bool:
    """Whether a refusal is of what was said, not of where."""
    if reply is None:
        return answer.status == httpx.codes.REQUEST_ENTITY_TOO_LARGE
    return reply.error in _TOO_MUCH or reply.error == "no_text"


def _is_last(parcel: Parcel) -> bool:
    return parcel.part >= parcel.parts - 1
