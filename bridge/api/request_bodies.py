"""Bodies of requests with what AMS says when they cannot be read; large ones are read beside the event loop."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeVar

from bridge.api.api_errors import bad_request, invalid_argument
from bridge.api.call import Call
from bridge.api.decoding import BadBody, decode

S = TypeVar("S")


async def read(call: Call, shape: type[S], said: str = "", *, first_value_only: bool = False) -> S:
    """The body as a ``shape``. Raises ApiError: invalid argument with ``said``, or a bad request when that is empty."""
    try:
        return await call.read(partial(decode, call.body, shape, first_value_only=first_value_only))
    except BadBody as wrong:
        raise (invalid_argument(said) if said else bad_request()) from wrong


async def read_texts(call: Call) -> dict[str, str]:
    """A body that may be empty, else an object of texts; one of blanks is neither. Raises ApiError."""
    if not call.body:
        return {}
    shape: Any = dict[str, str]
    found: dict[str, str] = await read(call, shape)
    return found
