"""The stand-in webhook of ``ams-bridge fake`` in a process of its own, noting when each post arrived."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

import uvloop

from benchmarks.aside import Aside, aside
from bridge.fakes.listening import serve
from bridge.fakes.webhook import FakeWebhook
from broker.clock import SystemClock

ID_HEADER: Final = b"idempotency-key"
_LOOKS_EVERY_S: Final = 0.05
_CLOCK: Final = SystemClock()


@dataclass(frozen=True, slots=True)
class Seen:
    """What arrived so far: posts, how many of them for the first time, and when the first and the last one came.

    The times are of ``time.perf_counter``, which all processes of a machine share.
    """

    posts: int
    distinct: int
    first_at: float
    last_at: float


class _Noting:
    """The fake, with a note of each arrival."""

    def __init__(self) -> None:
        self.base_url = ""
        self.fake = FakeWebhook(keep_last=100)
        self.arrivals: list[tuple[float, bytes, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        post_id = next((value for name, value in scope["headers"] if name == ID_HEADER), b"")

        async def noted() -> Any:
            event = await receive()
            self.arrivals.append((time.perf_counter(), post_id, event.get("body", b"")))
            return event

        await self.fake(scope, noted, send)

    def let_go(self) -> None:
        """See Fake."""
        self.fake.let_go()

    def answer(self, question: str) -> object:
        """``seen``, ``all`` (times and bodies) or ``clear``."""
        if question == "all":
            return [(at, body) for at, _, body in self.arrivals]
        if question == "clear":
            self.arrivals.clear()
            return None
        if not self.arrivals:
            return Seen(0, 0, 0.0, 0.0)
        distinct = len({post_id for _, post_id, _ in self.arrivals}) if question == "distinct" else 0
        return Seen(len(self.arrivals), distinct, self.arrivals[0][0], self.arrivals[-1][0])


def _receive(pipe: Connection) -> None:
    uvloop.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    noting = _Noting()
    answering = asyncio.create_task(_answer(noting, pipe))
    await serve(noting, "127.0.0.1", 0, started=pipe.send)
    answering.cancel()


async def _answer(noting: _Noting, pipe: Connection) -> None:
    while True:
        question = await asyncio.to_thread(pipe.recv)
        await asyncio.to_thread(pipe.send, noting.answer(question))


class Receiver:
    """The receiver as seen from here."""

    def __init__(self, told: Aside) -> None:
        self._told = told
        self.url: str = told.hear()

    def clear(self) -> None:
        """Forget what arrived."""
        self._told.ask("clear")

    def bodies(self) -> list[tuple[float, bytes]]:
        """Every arrival: when, and what."""
        arrived: list[tuple[float, bytes]] = self._told.ask("all")
        return arrived

    async def wait_for(self, posts: int, within_s: float) -> Seen:
        """What arrived once it is so many posts. Raises TimeoutError."""
        async with _CLOCK.timeout(within_s):
            while self._told.ask("seen").posts < posts:
                await _CLOCK.sleep(_LOOKS_EVERY_S)
        seen: Seen = self._told.ask("distinct")
        return seen


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver until the block ends."""
    with aside(_receive) as told:
        yield Receiver(told)
