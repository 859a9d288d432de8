"""Reads the body of a publish: at once as nearly every client sends it, leniently as AMS does, and in parts when large.

Reading JSON in one call lets no other thread in until it ends, a second for 60 MB of small messages. So a large body is
only divided into its messages at first, ten times as fast, and these are read one by one.
"""

from __future__ import annotations

from typing import Final

import msgspec

from bridge.api.api_errors import invalid_argument
from bridge.api.decoding import BadBody, decode_shape
from bridge.api.wire import PublishedMessage, PublishRequest
from broker.beside import LARGE_BYTES
from broker.model import NewMessage


class _ExactMessage(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A message as nearly every client sends it: read in one go, without looking at each key."""

    data: str = ""
    attributes: dict[str, str] = {}


class _ExactPublish(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The same for the whole body."""

    messages: list[_ExactMessage] = []


class _Whole(msgspec.Struct, forbid_unknown_fields=True):
    """A body whose messages are not looked at."""

    messages: msgspec.Raw = msgspec.Raw(b"[]")


_EXACT: Final = msgspec.json.Decoder(_ExactPublish)
_EXACT_MESSAGE: Final = msgspec.json.Decoder(_ExactMessage)
_WHOLE: Final = msgspec.json.Decoder(_Whole)
_DIVIDED: Final = msgspec.json.Decoder(list[msgspec.Raw])
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def messages_of(body: bytes) -> list[NewMessage]:
    """The messages of a publish. Raises ApiError."""
    try:
        if len(body) > LARGE_BYTES:
            parts = _divide(body)
            if parts is not None:
                return [_message(part) for part in parts]
            request: _ExactPublish | PublishRequest = decode_shape(body, PublishRequest)
        else:
            request = _read(body)
    except BadBody as wrong:
        raise invalid_argument("Invalid Message Arguments") from wrong
    return [NewMessage(message.data, message.attributes) for message in request.messages]


def _read(body: bytes) -> _ExactPublish | PublishRequest:
    """The exact form first; anything else goes through AMS's own reading of JSON. Raises BadBody."""
    try:
        return _EXACT.decode(body)
    except _UNREADABLE:
        return decode_shape(body, PublishRequest)


def _divide(body: bytes) -> list[msgspec.Raw] | None:
    """The messages of a body, each as it was sent; None when what is around them is not in the exact form.

    What is around them is read as well, so that keys given twice mean what they mean in a small body.
    """
    try:
        messages = bytes(_WHOLE.decode(body).messages)
        before, _, after = body.partition(messages)
        _EXACT.decode(before + b"[]" + after)
        return _DIVIDED.decode(messages)
    except _UNREADABLE:
        return None


def _message(part: msgspec.Raw) -> NewMessage:
    """One message, read as those of a small body are. Raises BadBody."""
    message: _ExactMessage | PublishedMessage
    try:
        message = _EXACT_MESSAGE.decode(part)
    except _UNREADABLE:
        message = decode_shape(bytes(part), PublishedMessage)
    return NewMessage(message.data, message.attributes)
