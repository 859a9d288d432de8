"""``/api/tail``: messages as they come, with what was decided about them, as server-sent events.

A stream begins at the topics' ends and stops when the client goes or the daemon stops. A slow client holds back only
its own stream: what it has not read waits in the log, not in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from bridge.operate.control_context import ControlSource
from bridge.operate.http_answers import OperatorRequest, Refusal
from bridge.operate.operator_times import rfc3339
from bridge.operate.operator_views import DecisionView, decision_view
from bridge.operate.topic_names import topic_names, topic_uid_or_none
from bridge.routing.routers import full_names
from broker.errors import StoreError
from broker.model import Message
from broker.names import router_cursor
from rules.events.decode import AUTO, DecodeSpec, decode

_MOST_STREAMS: Final = 32
_QUEUED: Final = 64
_BATCH_MESSAGES: Final = 50
_BATCH_BYTES: Final = 1024 * 1024
_SHOWN_RUNES: Final = 8_000
_HEARTBEAT_S: Final = 15.0
_AGAIN_S: Final = 1.0
_LOOK_EVERY_S: Final = 0.05
_LONGEST_WAIT_S: Final = 5.0


class SeenMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message with its decisions; ``data`` is its text, cut when ``cut``.

    ``fate`` is matched, unmatched, undecided (its router is behind) or unrouted (no rule hears its topic).
    """

    topic: str
    offset: int
    published: str
    attributes: Mapping[str, str]
    data: str
    cut: bool
    fate: str
    decisions: list[DecisionView]


async def tail(asked: OperatorRequest) -> Response:
    """GET /api/tail."""
    streams = asked.source.streams
    if len(streams) >= _MOST_STREAMS:
        raise Refusal(429, f"{_MOST_STREAMS} streams are open already")
    only = topic_uid_or_none(asked, asked.query("topic"))
    wanted = [uid for uid in topic_names(asked) if only in (None, uid)]
    starts = {uid: (await asked.source.store.log.bounds(uid)).end for uid in wanted}
    following = _Following(asked.source, starts, grows=only is None, matched=asked.asks_for("matched"))
    streams.add(following)

    async def end() -> None:
        streams.discard(following)
        await following.end()

    return _EventStream(following.events(), end)


class _EventStream(StreamingResponse):
    """A stream whose end is noticed however it ends."""

    def __init__(self, events: AsyncIterator[bytes], end: Callable[[], Awaitable[None]]) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, headers=headers, media_type="text/event-stream")
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._end()


class _Following:
    """One stream: a follower per topic, all writing to one bounded queue. None in the queue ends it."""

    def __init__(self, source: ControlSource, starts: Mapping[str, int], *, grows: bool, matched: bool) -> None:
        self._source = source
        self._starts = starts
        self._grows = grows
        self._matched = matched
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUED)
        self._followers: dict[str, asyncio.Task[None]] = {}

    async def events(self) -> AsyncIterator[bytes]:
        """The events, as they go out."""
        self._begin("beat", self._beat())
        self._begin("stop", self._wait_stop())
        self._begin("topics", self._topics())
        yield b": following\n\n"
        while (event := await self._queue.get()) is not None:
            yield event

    async def end(self) -> None:
        """Let all followers go."""
        for follower in self._followers.values():
            follower.cancel()
        await asyncio.gather(*self._followers.values(), return_exceptions=True)

    def _begin(self, name: str, work: Any) -> None:
        self._followers[name] = asyncio.create_task(work, name=f"tail:{name}")

    async def _beat(self) -> None:
        while True:
            await self._source.clock.sleep(_HEARTBEAT_S)
            await self._queue.put(b": still here\n\n")

    async def _wait_stop(self) -> None:
        await self._source.stopping.wait()
        await self._queue.put(None)

    async def _topics(self) -> None:
        """Begin a follower for each topic, and for those that come later from their first message on."""
        seen = 0
        while True:
            for uid, (name, _) in full_names(self._source.broker).items():
                if uid not in self._followers and (self._grows or uid in self._starts):
                    self._begin(uid, self._topic(uid, name, self._starts.get(uid, 0)))
            seen = await self._source.broker.cache.wait_change(seen)

    async def _topic(self, uid: str, name: str, position: int) -> None:
        log = self._source.store.log
        while True:
            try:
                messages = await log.read(uid, position, _BATCH_MESSAGES, _BATCH_BYTES)
                if not messages:
                    await log.wait_for(uid, position)
                    continue
                decided_to = await self._decided_to(uid, name, messages[-1].offset + 1)
                for message in messages:
                    await self._show(uid, name, message, decided_to)
                    position = message.offset + 1
            except StoreError:
                await self._source.clock.sleep(_AGAIN_S)

    async def _show(self, uid: str, name: str, message: Message, decided_to: int | None) -> None:
        found = await self._source.store.decisions.of(uid, message.offset) if decided_to is not None else ()
        if self._matched and not found:
            return
        spec = self._source.in_force.rule_set.decode.get(name, AUTO)
        fate = fate_of(message.offset, found, decided_to)
        seen = seen_message(name, message, spec, fate, [decision_view(record) for record in found])
        await self._queue.put(b"data: " + msgspec.json.encode(seen) + b"\n\n")

    async def _decided_to(self, uid: str, name: str, wanted: int) -> int | None:
        """Where the topic's router stands, once it has decided up to ``wanted`` or after a while; None without one."""
        if not self._source.in_force.rule_set.topics_heard([name]):
            return None
        clock, cursors = self._source.clock, self._source.store.cursors
        ends = clock.monotonic() + _LONGEST_WAIT_S
        while True:
            cursor = await cursors.get(router_cursor(uid))
            offset = cursor.offset if cursor is not None else 0
            if offset >= wanted or clock.monotonic() >= ends:
                return offset
            await clock.sleep(_LOOK_EVERY_S)


def fate_of(offset: int, decisions: Sequence[object], decided_to: int | None) -> str:
    """A message's fate; ``decided_to`` is where its router stands, None when no rule hears its topic."""
    if decisions:
        return "matched"
    if decided_to is None:
        return "unrouted"
    return "undecided" if offset >= decided_to else "unmatched"


def seen_message(
    topic: str, message: Message, spec: DecodeSpec, fate: str, decisions: list[DecisionView]
) -> SeenMessage:
    """A message as people read it."""
    text = decode(message.data, spec).text
    return SeenMessage(
        topic=topic,
        offset=message.offset,
        published=rfc3339(message.publish_time_us),
        attributes=message.attributes,
        data=text[:_SHOWN_RUNES],
        cut=len(text) > _SHOWN_RUNES,
        fate=fate,
        decisions=decisions,
    )
