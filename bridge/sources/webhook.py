"""Any HTTP POST becomes a message: its body, with what is known of it as attributes (call_bodies.py reads it).

A batch of CloudEvents becomes one message for each event.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from bridge.sources.call_bodies import BadPayload as BadPayload
from bridge.sources.call_bodies import content_type_of
from bridge.sources.source_config import HookConfig
from broker.model import NewMessage

_BATCH: Final = "application/cloudevents-batch+json"
_EVENT: Final = "application/cloudevents+json"


class WebhookSourceConfig(HookConfig):
    """Settings of a receiver of any HTTP POST."""

    type: Literal["webhook"] = "webhook"


def webhook_messages(name: str, headers: Mapping[str, str], body: bytes) -> list[NewMessage]:
    """One message, or one for each event of a batch. Raises BadPayload for a body that calls itself JSON and is not."""
    content_type = content_type_of(headers)
    if content_type == _BATCH:
        return [message_of(event, {"source": name, "content_type": _EVENT}) for event in _events(body)]
    if content_type == "application/json" or content_type.endswith("+json"):
        json_of(body)
    attributes = {"source": name}
    if content_type:
        attributes["content_type"] = content_type
    return [message_of(body, attributes)]


def _events(body: bytes) -> list[msgspec.Raw]:
    json_of(body)
    try:
        return msgspec.json.decode(body, type=list[msgspec.Raw])
    except msgspec.DecodeError:
        raise BadPayload("this is no batch of CloudEvents: a JSON list is expected") from None


def json_of(body: bytes) -> object:
    """The body as JSON. Raises BadPayload."""
    try:
        decoded: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadPayload(f"the body is not JSON: {error}") from error
    return decoded


def message_of(body: bytes | msgspec.Raw, attributes: Mapping[str, str]) -> NewMessage:
    """A message with these bytes; on the wire of a topic they are base64."""
    return NewMessage(base64.b64encode(body).decode(), attributes)
