"""A Mattermost incoming webhook. One delivery is one post (destinations.md 2.1-2.4).

The hook answers 200 with the body ``ok`` and nothing else: any other 200 is some proxy's page. It tells no post id, so
there is no receipt, and a post cannot be changed later: ``mattermost_bot`` does that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias

import httpx
import msgspec
from pydantic import Field

from bridge.core.quantities import Pacing
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Preview, Refused
from bridge.destinations.buttons import Buttons, PostState, Redrawn, buttons_for, strip_tokens
from bridge.destinations.canary_settings import CanarySettings
from bridge.destinations.config import CHAT_RATE, HttpDestinationConfig, SecretUrl
from bridge.destinations.kit.http_call import HttpAnswer, ask, not_expected, outcome_of
from bridge.destinations.kit.redact import Redactor, shown_url
from bridge.destinations.mattermost.attachment import (
    CUT_TEXT_RUNES,
    DECIDED_TEXT_RUNES,
    MAX_FIELDS,
    MAX_REQUEST_BYTES,
    MAX_TEXT_RUNES,
    MAX_TITLE_RUNES,
    Shape,
    append_remarks,
    channel_name,
    draw_attachment,
    fits,
    is_wanted,
    post_priority,
    post_text,
    shapes_of,
    shorten_to,
    sizes_of,
    strip_nul,
)
from broker.clock import Clock
from rules.model import DestinationFacts

_HEADERS: Final = {"Content-Type": "application/json"}
_OVERRIDES: Final = frozenset(
    {"channel", "username", "icon_url", "icon_emoji", "priority", "thread", "silent", "card", "root_id"}
)

WebhookForm: TypeAlias = Literal["", "without-priority", "other-channel", "small", "cut"]
"""The full form, and the plainer ones: no priority; not in the asked channel; small enough for servers 5; text only."""


class MattermostConfig(HttpDestinationConfig):
    """Settings of a Mattermost incoming webhook."""

    type: Literal["mattermost"] = "mattermost"
    rate: Pacing | None = Field(CHAT_RATE, description="Posts per time at most; null: as fast as it goes")
    url: SecretUrl = Field(description="The hook's URL; its id is the whole secret")
    channel: str = Field("", description="Channel name, or @user; empty: the hook's own channel")
    username: str = Field("", description="Shown as the poster where the server allows overrides")
    icon_emoji: str = Field("", description="Emoji shown as the poster's picture")
    icon_url: str = Field("", description="Picture of the poster; icon_emoji wins")
    fallback_channel: str = Field(
        "hook",
        description="Where a post goes when its channel is gone or closed to the hook: a channel name, "
        '"hook" for the hook\'s own channel, or "none" to make it a dead letter',
    )
    buttons: bool = Field(False, description="Take, Silence and Why? below posts; needs server.public_url")
    feedback: bool = Field(False, description="With buttons: Useful and Noise too, which the noise report counts")
    canary: CanarySettings | None = None


class Mattermost:
    """Posts to a Mattermost incoming webhook."""

    def __init__(
        self,
        name: str,
        config: MattermostConfig,
        http: httpx.AsyncClient,
        clock: Clock,
        buttons: Buttons | None = None,
    ) -> None:
        self._config = config
        self._buttons = buttons if config.buttons else None
        self._http = http
        self._clock = clock
        self._redact = Redactor([config.url])
        self.facts = DestinationFacts(
            name=name,
            kind="mattermost",
            max_text_runes=DECIDED_TEXT_RUNES,
            long_text="split",
            overrides=_OVERRIDES,
        )

    def _draw_buttons(self, parcel: Parcel, state: PostState | None = None) -> list[dict[str, Any]]:
        return buttons_for(parcel, self._buttons, state, feedback=self._config.feedback)

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        body = draw(parcel, self._config, self._draw_buttons(parcel))
        answer = await self._post(body)
        if isinstance(answer, Later):
            return answer
        return self._read(answer, body, parcel)

    async def probe(self) -> Outcome:
        """Ask for a post of a kind that is the server's own, in the channel and in the fallback one.

        It is refused, but only once hook, channel, lock and membership were found to be in order. Newer servers say
        400 for that as for a hook that is gone; a channel that nobody has, which is 404 for a live hook, tells.
        """
        channel = channel_name(self._config.channel)
        outcome = await self._ask(channel)
        other = self._config.fallback_channel
        if not isinstance(outcome, Delivered) or not channel or other == "none":
            return outcome
        outcome = await self._ask("" if other == "hook" else channel_name(other))
        return replace(outcome, reason=f"the fallback: {outcome.reason}") if isinstance(outcome, Refused) else outcome

    async def _ask(self, channel: str) -> Outcome:
        """Whether a post into a channel, "" for the hook's own, would be made."""
        body = _PROBE | ({"channel": channel} if channel else {})
        answer = await self._post(body)
        if isinstance(answer, Later):
            return replace(answer, unclear=False)
        error_id = _error_id(answer)
        if answer.status == httpx.codes.BAD_REQUEST and error_id == _INVALID_TYPE:
            return Delivered()
        if answer.status == httpx.codes.BAD_REQUEST and error_id == _WRAPPED:
            answer = await self._post(_PROBE | {"channel": _NO_CHANNEL})
            if isinstance(answer, Later):
                return replace(answer, unclear=False)
            if answer.status == httpx.codes.NOT_FOUND and _error_id(answer) == _WRAPPED:
                return Delivered()
            body = {"text": body["text"]}
        outcome = self._read(answer, body, None)
        if isinstance(outcome, Delivered):
            return Later("the server accepted a post of a kind that no server accepts: is this a Mattermost hook?")
        return outcome

    async def _post(self, body: Mapping[str, Any]) -> HttpAnswer | Later:
        url, content = self._config.url.reveal(), msgspec.json.encode(body)
        return await ask(self._http, self._redact, "POST", url, content=content, headers=_HEADERS)

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination."""
        body = draw(parcel, self._config, strip_tokens(self._draw_buttons(parcel)))
        remarks = []
        if (
            parcel.form != "cut"
            and "attachments" not in body
            and draw_attachment(parcel.post, parcel.phase)[1] is not None
        ):
            remarks.append(f"over {MAX_REQUEST_BYTES} bytes, which no server takes: cut to its text alone")
        if len(parcel.post.fields) > MAX_FIELDS:
            remarks.append(f"{len(parcel.post.fields)} fields: the first {MAX_FIELDS} are sent")
        if body["text"].endswith("…") and not parcel.post.text.endswith("…"):
            remarks.append(f"the text is cut to {len(body['text'])} characters")
        return Preview(
            target=shown_url(self._config.url.reveal()),
            headers=_HEADERS,
            body=body,
            remarks=tuple(remarks),
            sizes=sizes_of(body["text"], body),
        )

    def redraw(self, parcel: Parcel, state: PostState) -> Redrawn:
        """See Redrawable."""
        body = draw(parcel, self._config, self._draw_buttons(parcel, state), state.remarks)
        return Redrawn(body["text"], body.get("props", {}) | {"attachments": body.get("attachments", [])})

    async def close(self) -> None:
        """See Destination."""
        await self._http.aclose()

    def _read(self, answer: HttpAnswer, body: Mapping[str, Any], parcel: Parcel | None) -> Outcome:
        if answer.status == httpx.codes.OK and answer.text.strip() != "ok":
            return not_expected(answer, "Mattermost's", self._redact)
        outcome = outcome_of(answer, self._clock.wall_us(), self._redact)
        if not isinstance(outcome, Refused):
            return outcome
        if _is_invalid(answer, body):
            return Refused("the hook was deleted or its id is wrong: " + outcome.reason, destination_gone=True)
        if _is_shut(answer, body):
            reason = f"the hook's own channel is gone or closed to it, or who made the hook is gone: {outcome.reason}"
            return Refused(reason, destination_gone=True)
        plainer = None if parcel is None or parcel.form else self._plainer(answer, body)
        return Refused(outcome.reason, plainer=plainer, destination_gone=outcome.destination_gone)

    def _plainer(self, answer: HttpAnswer, body: Mapping[str, Any]) -> WebhookForm | None:
        """The one plainer form worth a try after a refusal, judged by status and, on older servers, the error's id."""
        error_id = _error_id(answer)
        if error_id.endswith(".split_props_length.app_error"):
            return "small"
        if answer.status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            return "cut"
        if answer.status in (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND):
            return "other-channel" if "channel" in body and self._config.fallback_channel != "none" else None
        if answer.status != httpx.codes.BAD_REQUEST or error_id.endswith((".text.app_error", ".parse.app_error")):
            return None
        if "priority" in body:
            return "without-priority"
        return "cut" if "attachments" in body and error_id in ("", _WRAPPED) else None


_INVALID_HOOK: Final = "web.incoming_webhook.invalid.app_error"
_INVALID_TYPE: Final = "api.context.invalid_param.app_error"
_PROBE: Final = {"text": "probe", "type": "system_probe"}
_NO_CHANNEL: Final = "ams-bridge-probe-of-no-channel"
_WRAPPED: Final = "web.incoming_webhook.general.app_error"
_PLAIN: Final = frozenset({"text", "channel", "username", "icon_emoji", "icon_url", "silent"})
"""What a body may hold that no server refuses with 400."""


def draw(
    parcel: Parcel,
    config: MattermostConfig,
    actions: Sequence[Mapping[str, Any]] = (),
    remarks: Sequence[str] = (),
) -> dict[str, Any]:
    """The hook's JSON body for a delivery, in the form it asks for; one that no server takes is cut. Pure.

    ``actions`` are its buttons; ``remarks`` stand below the text and say what became of it. A plainer form is small
    enough for every server, for there is only one.
    """
    for shape in shapes_of(parcel.form):
        body = _draw(parcel, config, actions if shape.buttons else (), remarks, shape)
        if fits(parcel.form, body, {name: body[name] for name in ("attachments", "props") if name in body}):
            return body
    return _draw(parcel, config, (), remarks, None)


def _draw(
    parcel: Parcel,
    config: MattermostConfig,
    actions: Sequence[Mapping[str, Any]],
    remarks: Sequence[str],
    shape: Shape | None,
) -> dict[str, Any]:
    """The body in one shape; without one it is cut."""
    post, is_cut = parcel.post, shape is None
    text, details = draw_attachment(post, parcel.phase, shape=shape) if shape is not None else (post_text(post), None)
    asked = channel_name(post.overrides.get("channel") or config.channel)
    channel = asked
    if parcel.form == "other-channel":
        text = f"_(meant for {asked})_\n{text}"
        channel = "" if config.fallback_channel == "hook" else channel_name(config.fallback_channel)
    body: dict[str, Any] = {"text": append_remarks(text, remarks, CUT_TEXT_RUNES if is_cut else MAX_TEXT_RUNES)}
    if actions:
        details = (details or {"fallback": shorten_to(post.title or post.text, MAX_TITLE_RUNES)}) | {
            "actions": list(actions)
        }
    named: dict[str, Any] = {
        "channel": channel,
        "username": post.overrides.get("username") or config.username,
        "icon_emoji": post.overrides.get("icon_emoji") or post.icon or config.icon_emoji,
        "icon_url": post.overrides.get("icon_url") or config.icon_url,
        "root_id": post.overrides.get("thread") or post.overrides.get("root_id"),
    }
    body.update({name: str(value) for name, value in named.items() if value})
    if details is not None:
        body["attachments"] = [details]
    if is_wanted(post.overrides.get("silent")):
        body["silent"] = True
    if post.overrides.get("card") and shape is not None:
        body["props"] = {"card": shorten_to(str(post.overrides["card"]), shape.card_runes)}
    priority = post_priority(post)
    if priority and parcel.form != "without-priority" and not parcel.part and "root_id" not in body:
        body["priority"] = priority
    bare: dict[str, Any] = strip_nul(body)
    return bare


def _is_invalid(answer: HttpAnswer, body: Mapping[str, Any]) -> bool:
    """Whether the server knows no such hook, which is gone for good when its channel was archived.

    Newer servers say of every refusal only that there is one; of a plain text, nothing else is refused with 400.
    """
    if _error_id(answer) == _INVALID_HOOK:
        return True
    is_plain = bool(body.get("text")) and _PLAIN.issuperset(body) and not body.get("channel", "").startswith("@")
    return is_plain and answer.status == httpx.codes.BAD_REQUEST and _error_id(answer) == _WRAPPED


def _is_shut(answer: HttpAnswer, body: Mapping[str, Any]) -> bool:
    """Whether the server itself, and no proxy, refuses the channel although none was asked for: nothing can arrive."""
    closed = answer.status in (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND) and "channel" not in body
    return closed and _error_id(answer).startswith(("web.incoming_webhook.", "app.channel.get."))


def _error_id(answer: HttpAnswer) -> str:
    """The ``id`` of Mattermost's JSON error body, or "" when it has none."""
    try:
        error = msgspec.json.decode(answer.text)
    except (msgspec.DecodeError, RecursionError):
        return ""
    return str(error.get("id", "")) if isinstance(error, dict) else ""
