"""Publish: check, then append. All of a batch or nothing of it (ams-api.md D23).

Sizes are those of the stored JSON as AMS kept it (D7): id, attributes, text and time, and 36 bytes on top.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

import msgspec

from broker.beside import LARGE_ITEMS, Beside
from broker.errors import NotFound, TooLarge, TopicGone
from broker.model import Appended, NewMessage
from broker.records import Topic
from broker.schemas import Schemas
from broker.store import Log

MESSAGE_LIMIT_BYTES: Final = 1_500_000
_ENVELOPE_BYTES: Final = 36 + 110  # AMS's overhead; the keys, braces, a message id and a time
_WORST_BYTES_PER_CHARACTER: Final = 6  # \\u0001
_ENCODER: Final = msgspec.json.Encoder()


def message_bytes(message: NewMessage) -> int:
    """How many bytes a message counts against the limit."""
    return _ENVELOPE_BYTES + len(_ENCODER.encode(message.data)) + len(_ENCODER.encode(dict(message.attributes)))


def check_size(message: NewMessage) -> None:
    """Raises TooLarge for a message over the limit."""
    characters = len(message.data)
    for name, value in message.attributes.items():
        characters += len(name) + len(value) + 6
    if characters * _WORST_BYTES_PER_CHARACTER + _ENVELOPE_BYTES <= MESSAGE_LIMIT_BYTES:
        return
    size_bytes = message_bytes(message)
    if size_bytes > MESSAGE_LIMIT_BYTES:
        raise TooLarge(size_bytes, MESSAGE_LIMIT_BYTES)


def _check_sizes(messages: Iterable[NewMessage]) -> None:
    for message in messages:
        check_size(message)


async def publish(
    log: Log,
    schemas: Schemas,
    beside: Beside,
    topic: Topic,
    messages: Sequence[NewMessage],
    producer_key: str | None = None,
) -> Appended:
    """Append the messages to the topic, durable when it returns.

    Raises MessageInvalid or SchemaUnusable (the topic's schema), TooLarge, NotFound (the topic was deleted meanwhile),
    StoreUnavailable, OutcomeUnknown.
    """
    if topic.schema_uid:
        await schemas.check_messages(topic.schema_uid, messages)
    await beside.run(partial(_check_sizes, messages), large=len(messages) > LARGE_ITEMS)
    try:
        return await log.append(topic.uid, messages, producer_key)
    except TopicGone as gone:
        raise NotFound("topic", topic.name) from gone
