"""The newest messages in memory: the same as in the file, bounded, and forgotten when they may no longer be true."""

from __future__ import annotations

from pathlib import Path

from broker.clock import ManualClock
from broker.engines import open_store
from broker.engines.sqlite.tail import Tail
from broker.model import Commit, Message, NewMessage
from tests.contracts.builders import LATER_US, NOW_US, OTHER_TOPIC, TOPIC, a_row


def some(first: int, count: int, size: int = 10) -> list[Message]:
    return [Message(first + n, NOW_US, "x" * size, {}) for n in range(count)]


def test_what_was_put_is_read_from_any_offset_within() -> None:
    tail = Tail()
    tail.put("a", 5, some(5, 3))
    tail.put("a", 8, some(8, 2))
    assert [message.offset for message in tail.read("a", 6, 100, 1_000)] == [6, 7, 8, 9]
    assert [message.offset for message in tail.read("a", 6, 2, 1_000)] == [6, 7]
    assert [message.offset for message in tail.read("a", 6, 100, 25)] == [6, 7]
    assert [message.offset for message in tail.read("a", 6, 100, 1)] == [6]
    assert tail.end_of("a") == 10


def test_what_it_does_not_reach_back_to_is_for_the_file() -> None:
    tail = Tail()
    tail.put("a", 5, some(5, 3))
    assert tail.read("a", 4, 100, 1_000) == []
    assert tail.read("a", 8, 100, 1_000) == []
    assert tail.read("b", 0, 100, 1_000) == []
    assert tail.end_of("b") is None


def test_messages_that_do_not_join_replace_those_before() -> None:
    tail = Tail()
    tail.put("a", 5, some(5, 3))
    tail.put("a", 9, some(9, 1))
    assert tail.read("a", 5, 100, 1_000) == []
    assert [message.offset for message in tail.read("a", 9, 100, 1_000)] == [9]


def test_it_is_bounded_and_the_log_that_rested_longest_gives_way() -> None:
    tail = Tail()
    tail.put("old", 0, some(0, 900))
    tail.put("new", 0, some(0, 400))
    assert tail.read("old", 299, 1, 1) == []
    assert [message.offset for message in tail.read("old", 300, 1_000, 10_000)] == list(range(300, 900))
    tail.put("large", 0, some(0, 3, size=500_000))
    assert tail.read("old", 899, 1, 1) == tail.read("new", 399, 1, 1) == tail.read("large", 0, 1, 1) == []
    assert [message.offset for message in tail.read("large", 1, 9, 10_000_000)] == [1, 2]
    assert tail.end_of("old") == 900


async def test_a_store_reads_the_same_from_memory_as_from_the_file(tmp_path: Path) -> None:
    url, clock = f"sqlite://{tmp_path / 'store.db'}", ManualClock()
    store = await open_store(url, clock)
    odd = [NewMessage("eA==", {"b": "ö", "a": ""}), NewMessage("", {}), NewMessage("y" * 5_000, {})]
    await store.log.append(TOPIC, odd, producer_key="once")
    await store.log.append(TOPIC, odd, producer_key="once")
    await clock.advance(1)
    await store.log.append(TOPIC, odd[:1])
    from_memory = [list(await store.log.read(TOPIC, at, 10, 10_000)) for at in range(5)]
    await store.close()
    store = await open_store(url, clock)
    try:
        assert from_memory == [list(await store.log.read(TOPIC, at, 10, 10_000)) for at in range(5)]
        assert [len(found) for found in from_memory] == [4, 3, 2, 1, 0]
    finally:
        await store.close()


async def test_what_is_trimmed_or_dropped_is_not_read_from_memory(tmp_path: Path) -> None:
    store = await open_store(f"sqlite://{tmp_path / 'store.db'}", ManualClock())
    try:
        for topic in (TOPIC, OTHER_TOPIC):
            await store.log.append(topic, [NewMessage(f"{n}", {}) for n in range(5)])
        await store.log.trim(TOPIC, 3)
        await store.log.drop(OTHER_TOPIC)
        assert [message.offset for message in await store.log.read(TOPIC, 0, 10, 1_000)] == [3, 4]
        assert list(await store.log.read(OTHER_TOPIC, 0, 10, 1_000)) == []
        await store.log.reserve(TOPIC, 9)
        await store.log.append(TOPIC, [NewMessage("after", {})])
        assert [message.offset for message in await store.log.read(TOPIC, 4, 10, 1_000)] == [4, 9]
    finally:
        await store.close()


async def test_what_is_known_of_timers_ends_with_each_change_of_one(tmp_path: Path) -> None:
    clock = ManualClock()
    store = await open_store(f"sqlite://{tmp_path / 'store.db'}", clock)
    try:
        assert await store.state.next_due_us(TOPIC) is None
        for due_us in (LATER_US - 1, NOW_US + 5_000_000):
            await store.commit(Commit(state=[a_row(f"k{due_us}", due_us=due_us)]))
            assert await store.state.next_due_us(TOPIC) == due_us
            assert await store.state.next_due_us(TOPIC) == due_us
        assert list(await store.state.due(TOPIC, clock.wall_us(), 10)) == []
        await clock.advance(5)
        assert [row.due_us for row in await store.state.due(TOPIC, clock.wall_us(), 10)] == [NOW_US + 5_000_000]
        clock.step(3_600)
        assert [row.due_us for row in await store.state.due(TOPIC, clock.wall_us(), 10)] == [NOW_US + 3_605_000_000]
        assert await store.state.next_due_us(TOPIC) == NOW_US + 3_605_000_000
    finally:
        await store.close()
