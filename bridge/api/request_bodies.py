"""Bodies of requests with what AMS says when they cannot be read; large ones are read beside the event loop."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, TypeVar

from bridge.api.api_errors import bad_request, invalid_argument, too_large, unknown_coding
from bridge.api.call import Call
from bridge.api.decoding import BadBody, decode_shape
from bridge.core.packed_bodies import BodyTooLarge, DamagedBody, UnknownCoding, decompress
from broker.beside import Beside

S = TypeVar("S")


async def read_shape(call: Call, shape: type[S], text: str = "", *, first_value_only: bool = False) -> S:
    """The body as a ``shape``. Raises ApiError: invalid argument with ``text``, or a bad request when that is empty."""
    try:
        return await call.read(partial(decode_shape, call.body, shape, first_value_only=first_value_only))
    except BadBody as wrong:
        raise (invalid_argument(text) if text else bad_request()) from wrong


def coding_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """What a request says its body is packed as; nearly all say nothing."""
    text = ""
    for name, value in headers:
        if name == b"content-encoding":
            text = f"{text},{value.decode('latin-1')}" if text else value.decode("latin-1")
    return text


async def unpack_body(body: bytes, coding: str, longest_bytes: int, beside: Beside) -> bytes:
    """A body that came packed, as it was before. Raises ApiError."""
    try:
        return await beside.run(partial(decompress, body, coding, longest_bytes), large=True)
    except UnknownCoding as unknown:
        raise unknown_coding(str(unknown)) from unknown
    except DamagedBody as damaged:
        raise invalid_argument(str(damaged)) from damaged
    except BodyTooLarge as large:
        raise too_large() from large


async def read_texts(call: Call) -> dict[str, str]:
    """A body that may be empty, else an object of texts; one of blanks is neither. Raises ApiError."""
    if not call.body:
        return {}
    shape: Any = dict[str, str]
    texts: dict[str, str] = await read_shape(call, shape)
    return texts
