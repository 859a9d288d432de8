"""Scripted trouble: what can go wrong between a sender and a service, on command.

``script.next(...)`` says what happens to the next requests, one each; ``script.always(rule)`` decides each request
that no ``next`` was said for. Nothing sleeps: a request is held until the test lets it go.

A trouble happens at a moment:

- ``before_body``: the request's body was not read. It cannot have arrived.
- ``after_body``: the body was read and then lost. It did not arrive, but the sender cannot know.
- ``after_accepting``: the service did its work (the post stands there), and then the trouble came.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from bridge.fakes.exchange import Reply, Request

Moment: TypeAlias = Literal["before_body", "after_body", "after_accepting"]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A trouble: this answer in place of the service's."""

    status: int
    body: str | bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    at: Moment = "after_body"

    def reply(self) -> Reply:
        """The answer as it goes out."""
        body = self.body.encode() if isinstance(self.body, str) else self.body
        pairs = ((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items())
        return Reply(self.status, body, tuple(pairs))


@dataclass(frozen=True, slots=True)
class Close:
    """A trouble: the connection is closed without an answer; with ``reset`` by a TCP reset, not in order."""

    at: Moment = "after_body"
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Normal:
    """No trouble for this one request, whatever the rules say."""


class Hang:
    """A trouble: requests are held until ``release``; then the service goes on as if nothing had been.

    A request whose sender goes away while it is held ends there: held ``after_body`` it never arrives, held
    ``after_accepting`` it has arrived. One Hang may hold many requests.
    """

    def __init__(self, at: Literal["after_body", "after_accepting"] = "after_body") -> None:
        self.at = at
        self._moved = threading.Condition()
        self._held: set[asyncio.Future[bool]] = set()
        self._held_ever = 0
        self._released = False

    def release(self) -> None:
        """Let go of every request held, and of every later one."""
        with self._moved:
            self._released = True
            for waiting in self._held:
                waiting.get_loop().call_soon_threadsafe(_finish, waiting, True)

    def wait_until_held(self, count: int = 1, timeout_s: float = 10.0) -> None:
        """Return once ``count`` requests have been caught, ever. Raises TimeoutError."""
        with self._moved:
            if not self._moved.wait_for(lambda: self._held_ever >= count, timeout_s):
                raise TimeoutError(f"{self._held_ever} of {count} requests were held within {timeout_s:g} s")

    @property
    def held(self) -> int:
        """How many requests are held now."""
        with self._moved:
            return len(self._held)

    async def hold(self, receive: Receive) -> bool:
        """Wait for the release: True. False when the sender went away first."""
        waiting: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        with self._moved:
            self._held_ever += 1
            self._moved.notify_all()
            if self._released:
                return True
            self._held.add(waiting)
        watch = asyncio.create_task(_finish_when_gone(receive, waiting))
        try:
            return await waiting
        finally:
            with self._moved:
                self._held.discard(waiting)
            watch.cancel()


def _finish(waiting: asyncio.Future[bool], released: bool) -> None:
    if not waiting.done():
        waiting.set_result(released)


async def _finish_when_gone(receive: Receive, waiting: asyncio.Future[bool]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    _finish(waiting, False)


Trouble: TypeAlias = Answer | Close | Hang | Normal
Rule: TypeAlias = Callable[[Request], Trouble | None]


class Script:
    """The troubles that a stand-in is to meet, in order. Safe to write from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[Trouble] = deque()
        self._rules: list[Rule] = []
        self._hangs: set[Hang] = set()

    def next(self, *troubles: Trouble) -> None:
        """One trouble for each of the next requests, after those already said."""
        with self._lock:
            self._queue.extend(troubles)

    def always(self, rule: Rule) -> None:
        """Ask ``rule`` about every request that ``next`` did not decide; the first rule that names a trouble wins.

        Rules see the whole request, so here ``before_body`` is the same as ``after_body``.
        """
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """No more trouble: forget what was said and let go of what is held."""
        with self._lock:
            self._queue.clear()
            self._rules.clear()
        self.let_go()

    def let_go(self) -> None:
        """Release every request that is held."""
        with self._lock:
            hangs = list(self._hangs)
            self._hangs.clear()
        for hang in hangs:
            hang.release()

    @property
    def waiting(self) -> int:
        """How many of the troubles said by ``next`` have not happened yet."""
        with self._lock:
            return len(self._queue)

    def take(self) -> Trouble | None:
        """The trouble said for the next request, if any. Called once for each request, by the fake."""
        if not self._queue:
            return None
        with self._lock:
            return self._remember(self._queue.popleft() if self._queue else None)

    def judge(self, request: Request) -> Trouble | None:
        """What the rules say of this request. Called by the fake."""
        if not self._rules:
            return None
        with self._lock:
            rules = list(self._rules)
        found = next((trouble for rule in rules if (trouble := rule(request)) is not None), None)
        with self._lock:
            return self._remember(found)

    def _remember(self, trouble: Trouble | None) -> Trouble | None:
        if isinstance(trouble, Hang):
            self._hangs.add(trouble)
        return trouble


def fail_at_random(rate: float, troubles: Sequence[Trouble], rng: random.Random) -> Rule:
    """A rule that hits a share ``rate`` (0 to 1) of all requests with one of ``troubles``, drawn evenly."""

    def draw(_: Request) -> Trouble | None:
        return rng.choice(troubles) if rng.random() < rate else None

    return draw


def proxy_page(status: int = 200) -> Answer:
    """A web page where the service's answer should be: what a proxy, a login wall or a redirect ends in."""
    page = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
    return Answer(status, page, {"content-type": "text/html; charset=utf-8"})


def redirect(location: str, status: int = 302) -> Answer:
    """An answer that redirects the sender to another address. A client that follows it turns its POST into a GET."""
    return Answer(status, b"", {"location": location, "content-type": "text/html; charset=utf-8"})


def swallow(status: int = 200, body: str = "ok", **headers: str) -> Answer:
    """The answer of a service that took the post, from one that drops it: nothing stands there, and nobody is told.

    As it is here it is a Mattermost or Slack webhook's.
    """
    return Answer(status, body, {"content-type": "text/plain", **headers}, at="after_body")


def too_many(retry_after: str | None = None) -> Answer:
    """429 in plain text, with ``Retry-After`` (seconds or an HTTP date) if given."""
    headers = {"content-type": "text/plain; charset=utf-8"}
    return Answer(429, "limit exceeded\n", headers | ({"retry-after": retry_after} if retry_after else {}))
