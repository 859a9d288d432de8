"""Reads the body of a request up to a limit, for every HTTP surface: what lies beyond it is not read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any


class BodyOverLimit(Exception):
    """The body is larger than ``limit_bytes``."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the body is larger than {limit_bytes} bytes")
        self.limit_bytes = limit_bytes


class BodyCutOff(Exception):
    """The client went away before its body was whole."""

    def __init__(self) -> None:
        super().__init__("the body did not arrive")


async def read_body(receive: Callable[[], Awaitable[MutableMapping[str, Any]]], most_bytes: int) -> bytes:
    """The whole body, from an ASGI ``receive``. Raises BodyOverLimit, BodyCutOff."""
    parts: list[bytes] = []
    size = 0
    while size <= most_bytes:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise BodyCutOff
        parts.append(event.get("body", b""))
        size += len(parts[-1])
        if not event.get("more_body"):
            break
    if size > most_bytes:
        raise BodyOverLimit(most_bytes)
    return parts[0] if len(parts) == 1 else b"".join(parts)
