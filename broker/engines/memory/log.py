"""The Log in memory."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from broker.clock import Moment
from broker.engines.memory.trouble import Gate
from broker.engines.texts import stored_bytes, text_bytes
from broker.engines.wakeups import EdgeSignals
from broker.errors import TopicGone
from broker.model import Appended, Bounds, Message, NewMessage
from broker.steady import SteadyTime


@dataclass(slots=True)
class _TopicLog:
    """One topic's messages, with their sizes and true times beside them."""

    bounds: Bounds = Bounds(0, 0)  # noqa: RUF009 - a frozen value
    messages: list[Message] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    steady_us: list[int] = field(default_factory=list)
    """When each was published in steady time: what age and seeking go by."""

    def index_of(self, offset: int) -> int:
        """Where the first message at or after ``offset`` lies in the list."""
        return bisect.bisect_left(self.messages, offset, key=lambda message: message.offset)


class MemoryLog:
    """See broker.store.Log."""

    def __init__(self, steady: SteadyTime, gate: Gate, bells: EdgeSignals) -> None:
        self._steady = steady
        self._gate = gate
        self._bells = bells
        self._logs: dict[str, _TopicLog] = {}
        self._gone: set[str] = set()
        self._known: dict[tuple[str, str], tuple[int, Appended]] = {}

    async def append(self, topic_uid: str, messages: Sequence[NewMessage], producer_key: str | None = None) -> Appended:
        """See Log."""
        async with self._gate("log.append"):
            log = self._writable(topic_uid)
            if producer_key is not None and (topic_uid, producer_key) in self._known:
                return replace(self._known[topic_uid, producer_key][1], repeated=True)
            reading = self._steady.read()
            now_us = max(reading.wall_us, log.bounds.last_publish_us)
            appended = Appended(log.bounds.end, len(messages), now_us)
            if messages:
                self._store(log, messages, now_us, reading.steady_us)
                self._logs[topic_uid] = log
                self._bells.ring(topic_uid)
                if producer_key is not None:
                    self._known[topic_uid, producer_key] = reading.steady_us, appended
            return appended

    @staticmethod
    def _store(log: _TopicLog, messages: Sequence[NewMessage], now_us: int, steady_us: int) -> None:
        bounds = log.bounds
        for offset, new in enumerate(messages, bounds.end):
            log.messages.append(Message(offset, now_us, new.data, dict(new.attributes)))
            log.sizes.append(stored_bytes(new))
            log.steady_us.append(max(steady_us, log.steady_us[-1]) if log.steady_us else steady_us)
        log.bounds = Bounds(
            first=bounds.first,
            end=bounds.end + len(messages),
            bytes_total=bounds.bytes_total + sum(text_bytes(new.data) for new in messages),
            stored_bytes=sum(log.sizes[-len(messages) :], bounds.stored_bytes),
            last_publish_us=now_us,
            previous_publish_us=bounds.last_publish_us,
            last_batch=len(messages),
        )

    async def read(self, topic_uid: str, offset: int, max_messages: int, max_bytes: int) -> Sequence[Message]:
        """See Log."""
        async with self._gate("log.read"):
            log = self._logs.get(topic_uid, _TopicLog())
            messages: list[Message] = []
            size_bytes = 0
            for message in log.messages[log.index_of(offset) :]:
                size_bytes += text_bytes(message.data)
                if len(messages) >= max_messages or (messages and size_bytes > max_bytes):
                    break
                messages.append(message)
            return messages

    async def bounds(self, topic_uid: str) -> Bounds:
        """See Log."""
        async with self._gate("log.bounds"):
            return self._logs.get(topic_uid, _TopicLog()).bounds

    async def offset_at(self, topic_uid: str, time_us: int, told_at: Moment | None = None) -> int | None:
        """See Log."""
        async with self._gate("log.offset_at"):
            log = self._logs.get(topic_uid, _TopicLog())
            index = bisect.bisect_left(log.steady_us, time_us - self._steady.read().as_told_at(told_at).offset_us)
            return log.messages[index].offset if index < len(log.messages) else None

    async def offset_for_size(self, topic_uid: str, keep_bytes: int) -> int:
        """See Log."""
        async with self._gate("log.offset_for_size"):
            log = self._logs.get(topic_uid, _TopicLog())
            kept = 0
            for message, size in zip(reversed(log.messages), reversed(log.sizes), strict=True):
                kept += size
                if kept > keep_bytes:
                    return message.offset + 1
            return log.bounds.first

    async def trim(self, topic_uid: str, before: int) -> int:
        """See Log."""
        async with self._gate("log.trim"):
            log = self._logs.get(topic_uid)
            if log is None or before <= log.bounds.first:
                return 0
            before = min(before, log.bounds.end)
            count = log.index_of(before)
            freed = sum(log.sizes[:count])
            del log.messages[:count], log.sizes[:count], log.steady_us[:count]
            log.bounds = replace(log.bounds, first=before, stored_bytes=log.bounds.stored_bytes - freed)
            return count

    async def drop(self, topic_uid: str) -> None:
        """See Log."""
        async with self._gate("log.drop"):
            self._logs.pop(topic_uid, None)
            self._gone.add(topic_uid)
            self._bells.ring(topic_uid)

    async def topics(self) -> Sequence[str]:
        """See Log."""
        async with self._gate("log.topics"):
            return sorted(self._logs)

    async def wait_for(self, topic_uid: str, offset: int) -> None:
        """See Log."""
        with self._bells.listen(topic_uid) as rung:
            async with self._gate("log.wait_for"):
                if self._logs.get(topic_uid, _TopicLog()).bounds.end > offset:
                    return
            await rung

    async def reserve(self, topic_uid: str, offset: int) -> None:
        """See Log."""
        async with self._gate("log.reserve"):
            log = self._writable(topic_uid)
            end = max(offset, log.bounds.end)
            log.bounds = replace(log.bounds, first=log.bounds.first if log.messages else end, end=end)
            self._logs[topic_uid] = log
            self._bells.ring(topic_uid)

    def _writable(self, topic_uid: str) -> _TopicLog:
        if topic_uid in self._gone:
            raise TopicGone(topic_uid)
        return self._logs.get(topic_uid) or _TopicLog()

    def sweep_keys(self, before_us: int, limit: int) -> int:
        """Forget up to ``limit`` producer keys older than ``before_us`` and say how many."""
        old = [key for key, (at_us, _) in self._known.items() if at_us < before_us][:limit]
        for key in old:
            del self._known[key]
        return len(old)
