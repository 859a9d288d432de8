"""Any HTTP POST becomes a message: its body byte for byte, with what is known of it as attributes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Literal

import msgspec

from bridge.sources.config import HookConfig
from broker.model import NewMessage


class BadPayload(ValueError):
    """The body is not what this source takes; the text says why."""


class WebhookSourceConfig(HookConfig):
    """Settings of a receiver of any HTTP POST."""

    type: Literal["webhook"] = "webhook"


def webhook_messages(name: str, headers: Mapping[str, str], body: bytes) -> list[NewMessage]:
    """One message. Raises BadPayload for a body that calls itself JSON and is not."""
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/json" or content_type.endswith("+json"):
        json_of(body)
    attributes = {"source": name}
    if content_type:
        attributes["content_type"] = content_type
    return [message_of(body, attributes)]


def json_of(body: bytes) -> object:
    """The body as JSON. Raises BadPayload."""
    try:
        decoded: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadPayload(f"the body is not JSON: {error}") from error
    return decoded


def message_of(body: bytes, attributes: Mapping[str, str]) -> NewMessage:
    """A message with these bytes; on the wire of a topic they are base64."""
    return NewMessage(base64.b64encode(body).decode(), attributes)
