"""What goes out to push endpoints, and the sentences about it, exactly as AMS has them (ams-api.md 8.5, 8.6, D6)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

import msgspec

from bridge.api.api_times import publish_time
from bridge.api.wire import MessageAnswer, WireAnswer
from bridge.core.plain_reason import is_harmless, plain_reason
from broker.days import moment
from broker.model import Message
from broker.payloads import NotBase64, from_base64
from broker.records import PushConfig

HTTP_SUCCESS: Final = frozenset({200, 201, 204, 102})
UNAVAILABLE: Final = "Push server is currently unavailable"
MATTERMOST_SUCCESS: Final = frozenset({200})
_LONGEST_REASON: Final = 500


class PushedMessage(WireAnswer):
    """A message on its way to an endpoint."""

    message: MessageAnswer
    subscription: str


class PushedMessages(WireAnswer):
    """Several pushed messages: the form of every endpoint that takes more than one."""

    messages: list[PushedMessage]


class MattermostPost(WireAnswer):
    """A message as a post."""

    text: str
    username: str = ""
    channel: str = ""


def http_body(push: PushConfig, subscription: str, messages: Sequence[Message]) -> bytes:
    """Compact JSON: one message by itself where the endpoint takes one at a time, else a list.

    ``subscription`` is ``projects/P/subscriptions/S``.
    """
    shown = [PushedMessage(_message(push, message), subscription) for message in messages]
    return msgspec.json.encode(shown[0] if push.max_messages <= 1 else PushedMessages(shown))


def mattermost_body(push: PushConfig, message: Message) -> bytes:
    """One message as a post; empty names are left out."""
    text = _data(push, message)
    return msgspec.json.encode(MattermostPost(text, push.mattermost_username, push.mattermost_channel))


def _message(push: PushConfig, message: Message) -> MessageAnswer:
    return MessageAnswer(
        message_id=str(message.offset),
        attributes=dict(sorted(message.attributes.items())),
        data=_data(push, message),
        publish_time=publish_time(message.publish_time_us),
    )


def _data(push: PushConfig, message: Message) -> str:
    """The text behind base64 where that is asked for; what is not base64 goes as it is."""
    if not push.base64_decode:
        return message.data
    try:
        return from_base64(message.data).decode("utf-8", "replace")
    except NotBase64:
        return message.data


def read_mattermost_reason(body: bytes) -> str:
    """Why Mattermost refused: its message and details, or whatever it said."""
    try:
        value: Any = json.loads(body)
    except ValueError:
        return read_reason(body)
    if not isinstance(value, dict) or not value.get("message"):
        return read_reason(body)
    details = value.get("detailed_error")
    return read_reason(
        (f"{value['message']}.{details}" if details else str(value["message"])).encode("utf-8", "replace")
    )


def read_reason(body: bytes) -> str:
    """An endpoint's answer as a reason; what a terminal or a page would obey is left out."""
    text = body.decode("utf-8", "replace")
    return (text if is_harmless(text) else plain_reason(text))[:_LONGEST_REASON]


def describe_active(subscription: str) -> str:
    """The status of a subscription whose last cycle went well; ``subscription`` without a leading slash."""
    return f"Subscription /{subscription} is currently active"


def describe_inactive(subscription: str) -> str:
    """The status of a subscription that nobody pushes."""
    return f"Error: Subscription /{subscription} is not active"


def describe_failed_cycle(now_us: int, step: str, why: str) -> str:
    """The status after a failed cycle; ``step`` is send, consume or acknowledge."""
    return f"{moment(now_us).astimezone(UTC):%Y-%m-%dT%H:%M:%S} - Could not {step} message, {why}"
