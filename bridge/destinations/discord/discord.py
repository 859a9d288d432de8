"""A Discord webhook: later news of an incident change the message it already has (destinations.md 2.10).

With ``?wait=true`` the hook answers with the message, whose id is the receipt; a plain webhook may change its own
messages. There is no idempotency key. A hook that was deleted is left alone at once: Discord bans addresses that go on
asking for it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx
import msgspec
from pydantic import Field

from bridge.core.quantities import Pacing
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Preview, Refused
from bridge.destinations.config import CHAT_RATE, WHOLE_TRY_MARGIN_S, HttpDestinationConfig, SecretUrl
from bridge.destinations.discord.embed import DECIDED_TEXT_RUNES, draw, remarks_of, sizes_of
from bridge.destinations.kit.http_call import HttpAnswer, ask, not_expected, outcome_of, pace_of
from bridge.destinations.kit.receipt import Receipt, course_of, find_open_post, pack_receipt, receipt_of, update_receipt
from bridge.destinations.kit.redact import Redactor, shown_url
from broker.clock import Clock
from rules.model import DestinationFacts

_HEADERS: Final = {"Content-Type": "application/json"}
_OVERRIDES: Final = frozenset({"username", "thread", "silent"})
_SUPPRESS_NOTIFICATIONS: Final = 1 << 12
_UNKNOWN_CHANNEL, _UNKNOWN_WEBHOOK = 10003, 10015
_INVALID_TOKEN: Final = 50027
_EMPTY_FORM, _INVALID_FORM, _ARCHIVED_THREAD = 50006, 50035, 50083
_KEPT_OUT_S: Final = 600.0
_LONGEST_ASKED_S: Final = 86_400.0
_IN_BETWEEN: Final = re.compile(r"(?i)\A\s*(?:<!doctype html|<html|error code: 1\d{3})")

DiscordForm: TypeAlias = Literal["", "plain", "without-thread"]
"""The full form, and the plainer ones: short text alone; in the channel in place of its thread."""


class DiscordConfig(HttpDestinationConfig):
    """Settings of a Discord webhook."""

    type: Literal["discord"] = "discord"
    rate: Pacing | None = Field(CHAT_RATE, description="Messages per time at most; null: as fast as it goes")
    url: SecretUrl = Field(
        description="The webhook's URL, https://discord.com/api/webhooks/ID/TOKEN; all of it is secret"
    )
    username: str = Field("", description="Shown as the sender")
    avatar_url: str = Field("", description="Picture of the sender")
    edit: bool = Field(True, description="Later news of an incident change its message; false: each is one of its own")

    @property
    def edits(self) -> bool:
        """See DestinationConfig."""
        return self.edit


class Discord:
    """Posts to a Discord webhook and changes what it posted."""

    def __init__(self, name: str, config: DiscordConfig, http: httpx.AsyncClient, clock: Clock) -> None:
        self._config = config
        self._http = http
        self._clock = clock
        self._redact = Redactor([config.url])
        self.facts = DestinationFacts(
            name=name, kind="discord", max_text_runes=DECIDED_TEXT_RUNES, long_text="split", overrides=_OVERRIDES
        )

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        try:
            async with self._clock.timeout(self._config.timeout + WHOLE_TRY_MARGIN_S):
                earlier = self._to_edit(parcel)
                return await (self._post(parcel, None) if earlier is None else self._edit(parcel, earlier))
        except TimeoutError:
            return Later(f"no answer within {self._config.timeout:g} s", unclear=True)

    async def probe(self) -> Outcome:
        """Ask for the webhook itself, which changes nothing."""
        answer = await ask(self._http, self._redact, "GET", self._config.url.reveal())
        if isinstance(answer, Later):
            return answer
        if _id_in(answer) is not None:
            return Delivered()
        failure = self._failure(answer, None)
        return replace(failure, unclear=False) if isinstance(failure, Later) else failure

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination."""
        earlier = self._to_edit(parcel)
        body = _post_body(parcel, self._config, earlier) if earlier is None else _edit_body(parcel, earlier)
        return Preview(shown_url(self._config.url.reveal()), _HEADERS, body, tuple(remarks_of(parcel)), sizes_of(body))

    async def close(self) -> None:
        """See Destination."""
        await self._http.aclose()

    def _to_edit(self, parcel: Parcel) -> Receipt | None:
        """The message to change; of a text in parts, only the last one changes it."""
        return find_open_post(parcel) if self._config.edit and _is_last(parcel) else None

    async def _post(self, parcel: Parcel, follows: Receipt | None) -> Outcome:
        thread = _thread(parcel)
        answer = await self._call("POST", "", thread, _post_body(parcel, self._config, follows), wait="true")
        if isinstance(answer, Later):
            return answer
        message = _id_in(answer)
        if message is None:
            # It stands there, and nobody told us where: a later end is a message of its own.
            made = answer.status == httpx.codes.CREATED
            return Delivered(pace=pace_of(answer.headers)) if made else self._failure(answer, parcel)
        receipt = receipt_of(parcel, message, channel=thread, follows=follows)
        return Delivered(pack_receipt(receipt, parcel) if _is_last(parcel) else None, pace_of(answer.headers))

    async def _edit(self, parcel: Parcel, earlier: Receipt) -> Outcome:
        path = f"/messages/{earlier.post}"
        answer = await self._call("PATCH", path, earlier.channel, _edit_body(parcel, earlier))
        if isinstance(answer, Later):
            return answer
        if _id_in(answer) is not None:
            return Delivered(pack_receipt(update_receipt(earlier, parcel), parcel), pace_of(answer.headers))
        failure = self._failure(answer, parcel)
        if isinstance(failure, Later) or failure.destination_gone or _is_about_body(answer):
            return failure
        # Deleted, its thread archived or gone: whatever keeps this message as it is, another one may pass.
        return await self._post(parcel, earlier)

    async def _call(
        self, method: str, path: str, thread: str, body: dict[str, Any], **options: str
    ) -> HttpAnswer | Later:
        url = urlsplit(self._config.url.reveal())
        query = urlencode(dict(parse_qsl(url.query)) | options | ({"thread_id": thread} if thread else {}))
        target = urlunsplit(url._replace(path=url.path.rstrip("/") + path, query=query))
        content = msgspec.json.encode(body)
        return await ask(self._http, self._redact, method, target, content=content, headers=_HEADERS)

    def _failure(self, answer: HttpAnswer, parcel: Parcel | None) -> Later | Refused:
        """What an answer means that did not bring the message."""
        outcome = outcome_of(answer, self._clock.wall_us(), self._redact)
        if isinstance(outcome, Delivered):
            return not_expected(answer, "Discord's", self._redact)
        if isinstance(outcome, Later):
            after_s = _wait_s(answer) if outcome.throttled else None
            return outcome if after_s is None else replace(outcome, after_s=after_s)
        code = _code_in(answer)
        if not code and answer.status == httpx.codes.FORBIDDEN and _IN_BETWEEN.search(answer.text):
            # Cloudflare keeps our address out for a while: nothing is wrong with the message.
            return Later("kept out before Discord: " + outcome.reason, after_s=_KEPT_OUT_S)
        if code in (_UNKNOWN_WEBHOOK, _INVALID_TOKEN):
            return Refused("the webhook was deleted or its URL is wrong: " + outcome.reason, destination_gone=True)
        plainer: DiscordForm | None = None
        if _is_about_body(answer):
            plainer = "plain"
        elif code in (_UNKNOWN_CHANNEL, _ARCHIVED_THREAD):
            plainer = "without-thread"
        if parcel is None or parcel.form:
            plainer = None
        return Refused(outcome.reason, plainer=plainer, destination_gone=outcome.destination_gone)


class _Message(msgspec.Struct, frozen=True):
    """A message or a webhook, as far as we look at it."""

    id: str


class _Error(msgspec.Struct, frozen=True):
    """An error's number (the same status has many), and how long a 429 asks to wait."""

    code: int = 0
    retry_after: float | None = None


def _post_body(parcel: Parcel, config: DiscordConfig, follows: Receipt | None) -> dict[str, Any]:
    body = draw(parcel, course="" if follows is None else course_of(parcel, follows))
    username = parcel.post.overrides.get("username") or config.username
    if username:
        body["username"] = str(username)
    if config.avatar_url:
        body["avatar_url"] = config.avatar_url
    silent = parcel.post.overrides.get("silent")
    if silent is True or str(silent).lower() in ("true", "yes", "1"):
        body["flags"] = _SUPPRESS_NOTIFICATIONS
    return body


def _edit_body(parcel: Parcel, earlier: Receipt) -> dict[str, Any]:
    """Both content and embeds, for what is left out stays as it was."""
    return draw(parcel, course=course_of(parcel, earlier))


def _thread(parcel: Parcel) -> str:
    return "" if parcel.form == "without-thread" else str(parcel.post.overrides.get("thread") or "")


def _is_last(parcel: Parcel) -> bool:
    return parcel.part >= parcel.parts - 1


def _id_in(answer: HttpAnswer) -> str | None:
    try:
        return msgspec.json.decode(answer.text, type=_Message).id if 200 <= answer.status < 300 else None
    except (msgspec.DecodeError, RecursionError):
        return None


def _is_about_body(answer: HttpAnswer) -> bool:
    """Whether a refusal is of what was said, not of where."""
    return answer.status == httpx.codes.REQUEST_ENTITY_TOO_LARGE or _code_in(answer) in (_EMPTY_FORM, _INVALID_FORM)


def _wait_s(answer: HttpAnswer) -> float | None:
    """How long a 429 asks to wait: in the body to the millisecond, in the header rounded up."""
    try:
        asked_s = msgspec.json.decode(answer.text, type=_Error).retry_after
    except (msgspec.DecodeError, RecursionError):
        return None
    return asked_s if asked_s is not None and 0 <= asked_s <= _LONGEST_ASKED_S else None


def _code_in(answer: HttpAnswer) -> int:
    try:
        return msgspec.json.decode(answer.text, type=_Error).code
    except (msgspec.DecodeError, RecursionError):
        return 0
