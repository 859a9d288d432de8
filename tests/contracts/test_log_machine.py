"""The Log against a list: appends, repeats, trims and jumps in any order."""

from __future__ import annotations

import asyncio

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from broker.model import Appended, Message, NewMessage, SweepPolicy
from tests.contracts.builders import TOPIC
from tests.contracts.machine import SETTINGS, EngineMachine

_TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
_BATCHES = st.lists(st.builds(NewMessage, _TEXTS, st.dictionaries(_TEXTS, _TEXTS, max_size=1)), max_size=4)
_OFFSETS = st.integers(-1, 60)


class LogMachine(EngineMachine):
    """What is read is what was appended and not trimmed."""

    kind = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Message] = []
        self.first = self.end = self.bytes_total = 0
        self.known: dict[str, Appended] = {}

    def _stored(self, answer: Appended, batch: list[NewMessage], key: str | None) -> None:
        if key in self.known:
            assert answer == Appended(
                self.known[key].first, self.known[key].count, answer.publish_time_us, repeated=True
            )
            return
        assert (answer.first, answer.count, answer.repeated) == (self.end, len(batch), False)
        for offset, new in enumerate(batch, self.end):
            self.messages.append(Message(offset, answer.publish_time_us, new.data, new.attributes))
            self.bytes_total += len(new.data.encode())
        self.end += len(batch)
        if key is not None and batch:
            self.known[key] = answer

    @rule(batch=_BATCHES, key=st.sampled_from([None, None, "a", "b"]))
    def append(self, batch: list[NewMessage], key: str | None) -> None:
        self._stored(self.run(self.store.log.append(TOPIC, batch, key)), batch, key)

    @rule(batches=st.lists(_BATCHES, min_size=2, max_size=5))
    def append_at_once(self, batches: list[list[NewMessage]]) -> None:
        async def call() -> list[Appended]:
            return await asyncio.gather(*(self.store.log.append(TOPIC, batch) for batch in batches))

        answers = zip(self.run(call()), batches, strict=True)
        for answer, batch in sorted(answers, key=lambda pair: (pair[0].first, len(pair[1]))):
            self._stored(answer, batch, None)

    @rule(seconds=st.floats(0.001, 10))
    def wait(self, seconds: float) -> None:
        self.run(self.clock.advance(seconds, turns=1))

    @rule(before=_OFFSETS)
    def trim(self, before: int) -> None:
        gone = [message for message in self.messages if message.offset < before]
        assert self.run(self.store.log.trim(TOPIC, before)) == len(gone)
        self.messages = self.messages[len(gone) :]
        self.first = max(self.first, min(before, self.end))

    @rule(minutes=st.sampled_from([0, 2, 20]))
    def keep_house(self, minutes: int) -> None:
        """An engine that stores messages in pieces begins another one, and may let go of those that are past."""
        self.run(self.clock.advance(minutes * 60.0, turns=1))
        self.run(self.store.sweep(SweepPolicy(self.clock.wall_us(), 0, 0, messages_keep_us=600_000_000)))

    @rule(further=st.integers(0, 5))
    def reserve(self, further: int) -> None:
        self.run(self.store.log.reserve(TOPIC, self.end + further))
        self.end += further
        self.first = self.first if self.messages else self.end

    @rule(offset=_OFFSETS, count=st.integers(0, 9), size_bytes=st.integers(0, 40))
    def read(self, offset: int, count: int, size_bytes: int) -> None:
        wanted: list[Message] = []
        for message in [message for message in self.messages if message.offset >= offset][:count]:
            if wanted and sum(len(one.data.encode()) for one in [*wanted, message]) > size_bytes:
                break
            wanted.append(message)
        assert list(self.run(self.store.log.read(TOPIC, offset, count, size_bytes))) == wanted

    @rule(ago_us=st.integers(0, 30_000_000))
    def find_a_time(self, ago_us: int) -> None:
        time_us = self.clock.wall_us() - ago_us
        wanted = next((one.offset for one in self.messages if one.publish_time_us >= time_us), None)
        assert self.run(self.store.log.offset_at(TOPIC, time_us)) == wanted

    @rule(keep_bytes=st.integers(0, 100))
    def find_a_size(self, keep_bytes: int) -> None:
        offset = self.run(self.store.log.offset_for_size(TOPIC, keep_bytes))
        kept = self.run(self.store.log.bounds(TOPIC)).stored_bytes
        self.trim(offset)
        assert self.run(self.store.log.bounds(TOPIC)).stored_bytes <= keep_bytes
        assert offset == self.first or kept > keep_bytes

    @invariant()
    def the_bounds_tell_what_is_there(self) -> None:
        bounds = self.run(self.store.log.bounds(TOPIC))
        assert (bounds.first, bounds.end, bounds.bytes_total) == (self.first, self.end, self.bytes_total)
        assert (bounds.stored_bytes == 0) >= (not self.messages)
        times_us = [message.publish_time_us for message in self.messages]
        assert times_us == sorted(times_us)


class SqliteLogMachine(LogMachine):
    kind = "sqlite"


class PostgresLogMachine(LogMachine):
    kind = "postgres"


class TestMemory(LogMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = SETTINGS


class TestSqlite(SqliteLogMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = SETTINGS


class TestPostgres(PostgresLogMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = SETTINGS
