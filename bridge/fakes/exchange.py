"""What came in and what went out: one request, its reply, and the log of every attempt, for assertions."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
Ending: TypeAlias = Literal["open", "answered", "closed", "client gone", "failed"]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it arrived. ``number`` counts from 1; ``at_us`` is the fake's clock."""

    number: int
    method: str
    path: str
    query: str
    raw_headers: Headers
    body: bytes
    client: str
    at_us: int

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        wanted = name.lower().encode("latin-1")
        for key, value in self.raw_headers:
            if key == wanted:
                return value.decode("latin-1")
        return None

    @property
    def headers(self) -> dict[str, str]:
        """All headers with lower-case names; of repeated ones the last."""
        return {key.decode("latin-1"): value.decode("latin-1") for key, value in self.raw_headers}

    @property
    def text(self) -> str:
        """The body as UTF-8; what is not is shown as U+FFFD."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as strict JSON. Raises ValueError."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer; the content length is added when it is sent."""

    status: int
    body: bytes = b""
    headers: Headers = ()

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and how it ended.

    ``open`` while it is held or being answered; ``closed`` when the fake cut the connection, ``client gone`` when
    the other side did so while it was held; ``failed`` when the fake itself broke, which is a bug of the fake.
    """

    request: Request
    ending: Ending = "open"
    reply: Reply | None = None
    trouble: object | None = None

    @property
    def status(self) -> int | None:
        """The status answered, or None when there was no answer."""
        return self.reply.status if self.reply else None


class AttemptLog:
    """Every attempt in order of arrival. Safe to read from any thread.

    Keeps the last ``keep_last`` attempts, so that a fake may run for weeks; ``total`` counts all.
    """

    def __init__(self, keep_last: int) -> None:
        self._keep_last = keep_last
        self._kept: dict[int, Attempt] = {}
        self._begun = 0
        self._ended = 0
        self._moved = threading.Condition()

    def begin(self) -> int:
        """Take the number of the next request."""
        with self._moved:
            self._begun += 1
            return self._begun

    def keep(self, attempt: Attempt) -> None:
        """Keep an attempt as it stands now; called again when it ended."""
        with self._moved:
            self._kept[attempt.request.number] = attempt
            if len(self._kept) > self._keep_last:
                del self._kept[next(iter(self._kept))]
            if attempt.ending != "open":
                self._ended += 1
                self._moved.notify_all()

    def end(self, number: int, ending: Ending, reply: Reply | None = None, trouble: object | None = None) -> None:
        """Write down how an attempt ended."""
        with self._moved:
            attempt = self._kept.get(number)
        if attempt is not None:
            self.keep(replace(attempt, ending=ending, reply=reply, trouble=trouble))

    @property
    def total(self) -> int:
        """How many requests came, those included that are no longer kept."""
        with self._moved:
            return self._begun

    def all(self) -> list[Attempt]:
        """The attempts that are kept, in order of arrival."""
        with self._moved:
            return [self._kept[number] for number in sorted(self._kept)]

    def wait_for(self, count: int, timeout_s: float) -> list[Attempt]:
        """Return once ``count`` attempts have ended. Raises TimeoutError."""
        with self._moved:
            if self._moved.wait_for(lambda: self._ended >= count, timeout_s):
                return [self._kept[number] for number in sorted(self._kept)]
            raise TimeoutError(f"{self._ended} of {count} requests ended within {timeout_s:g} s ({self._begun} came)")

    def clear(self) -> None:
        """Forget what came so far; numbers go on, counts start again at 0 for ``wait_for``."""
        with self._moved:
            self._kept.clear()
            self._ended = 0
