"""Follows topics: messages as they come, each with what was decided about it.

A stream begins at the topics' ends and stops when the client goes or the daemon stops. A slow client holds back only
its own stream: what it has not read waits in the log, not in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_errors import LimitReached
from bridge.operate.operator_views import SeenMessage, decision_view, fate_of, message_view
from bridge.operate.topic_names import topic_names, topic_uid_or_none
from bridge.routing.routers import full_names
from broker.errors import StoreError
from broker.model import Message
from broker.names import router_cursor
from rules.events.decode import AUTO

_MOST_STREAMS: Final = 32
_QUEUED: Final = 64
_BATCH_MESSAGES: Final = 50
_BATCH_BYTES: Final = 1024 * 1024
_HEARTBEAT_S: Final = 15.0
_AGAIN_S: Final = 1.0
_LOOK_EVERY_S: Final = 0.05
_LONGEST_WAIT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class StreamRemark:
    """A sign of life between messages."""

    text: str


StreamPart: TypeAlias = SeenMessage | StreamRemark


async def follow_messages(context: OperatorContext, topic: str = "", *, matched: bool = False) -> MessageStream:
    """A stream of a topic, or of all and those that come later; with ``matched`` only what a rule acted on.

    Whoever took it ends it. Raises LimitReached, NoSuchThing, StoreUnavailable.
    """
    if len(context.streams) >= _MOST_STREAMS:
        raise LimitReached("streams", _MOST_STREAMS)
    only = topic_uid_or_none(context.broker, topic)
    stream = MessageStream(context, grows=only is None, matched=matched)
    context.streams.add(stream)  # before anything is waited for: others who ask meanwhile count it
    try:
        await stream.note_ends([uid for uid in topic_names(context.broker) if only in (None, uid)])
    except BaseException:
        context.streams.discard(stream)
        raise
    return stream


class MessageStream:
    """One stream: a follower per topic, all writing to one bounded queue. None in the queue ends it."""

    def __init__(self, context: OperatorContext, *, grows: bool, matched: bool) -> None:
        self._context = context
        self._starts: dict[str, int] = {}
        self._grows = grows
        self._matched = matched
        self._queue: asyncio.Queue[StreamPart | None] = asyncio.Queue(_QUEUED)
        self._followers: dict[str, asyncio.Task[None]] = {}

    async def note_ends(self, topics: Sequence[str]) -> None:
        """Note where these topics (uids) end: what comes from there on is shown. Raises StoreUnavailable."""
        for uid in topics:
            self._starts[uid] = (await self._context.store.log.bounds(uid)).end

    async def parts(self) -> AsyncIterator[StreamPart]:
        """Messages and signs of life, in the order in which they go out."""
        self._begin("beat", self._beat())
        self._begin("stop", self._wait_stop())
        self._begin("topics", self._follow_topics())
        yield StreamRemark("following")
        while (part := await self._queue.get()) is not None:
            yield part

    async def end(self) -> None:
        """Let all followers go."""
        self._context.streams.discard(self)
        for follower in self._followers.values():
            follower.cancel()
        await asyncio.gather(*self._followers.values(), return_exceptions=True)

    def _begin(self, name: str, work: Any) -> None:
        self._followers[name] = asyncio.create_task(work, name=f"tail:{name}")

    async def _beat(self) -> None:
        while True:
            await self._context.clock.sleep(_HEARTBEAT_S)
            await self._queue.put(StreamRemark("still here"))

    async def _wait_stop(self) -> None:
        await self._context.stopping.wait()
        await self._queue.put(None)

    async def _follow_topics(self) -> None:
        """Begin a follower for each topic, and for those that come later from their first message on."""
        seen = 0
        while True:
            for uid, (name, _) in full_names(self._context.broker).items():
                if uid not in self._followers and (self._grows or uid in self._starts):
                    self._begin(uid, self._follow_topic(uid, name, self._starts.get(uid, 0)))
            seen = await self._context.broker.cache.wait_change(seen)

    async def _follow_topic(self, uid: str, name: str, position: int) -> None:
        log = self._context.store.log
        while True:
            try:
                messages = await log.read(uid, position, _BATCH_MESSAGES, _BATCH_BYTES)
                if not messages:
                    await log.wait_for(uid, position)
                    continue
                decided_to = await self._wait_decided(uid, name, messages[-1].offset + 1)
                for message in messages:
                    await self._show(uid, name, message, decided_to)
                    position = message.offset + 1
            except StoreError:
                await self._context.clock.sleep(_AGAIN_S)

    async def _show(self, uid: str, name: str, message: Message, decided_to: int | None) -> None:
        decisions = (
            await self._context.store.decisions.list_for_message(uid, message.offset) if decided_to is not None else ()
        )
        if self._matched and not decisions:
            return
        spec = self._context.in_force.rule_set.decode.get(name, AUTO)
        fate = fate_of(message.offset, decisions, decided_to)
        seen = message_view(name, message, spec, fate, [decision_view(record) for record in decisions])
        await self._queue.put(seen)

    async def _wait_decided(self, uid: str, name: str, wanted: int) -> int | None:
        """Where the topic's router stands, once it has decided up to ``wanted`` or after a while; None without one."""
        if not self._context.in_force.rule_set.list_heard_topics([name]):
            return None
        clock, cursors = self._context.clock, self._context.store.cursors
        ends = clock.monotonic() + _LONGEST_WAIT_S
        while True:
            cursor = await cursors.get(router_cursor(uid))
            offset = cursor.offset if cursor is not None else 0
            if offset >= wanted or clock.monotonic() >= ends:
                return offset
            await clock.sleep(_LOOK_EVERY_S)
