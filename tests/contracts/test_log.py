"""The Log: order, density, durability of what was acknowledged, and waiting."""

from __future__ import annotations

import asyncio

import pytest

from broker.errors import TopicGone
from broker.model import Appended, Bounds, NewMessage
from tests.contracts.builders import OTHER_TOPIC, TOPIC, a_message, in_time, messages
from tests.contracts.engines import Engine


async def test_the_first_batch_of_a_topic_begins_at_offset_0(engine: Engine) -> None:
    async with engine.open() as store:
        appended = await store.log.append(TOPIC, messages(3))
        assert appended == Appended(0, 3, engine.clock.wall_us())


async def test_a_message_is_read_as_it_was_written(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.append(TOPIC, [NewMessage("żółć 🔥\x00 aGk=", {"kind": "ü", "empty": ""})])
        (message,) = await store.log.read(TOPIC, 0, 10, 1_000)
        assert (message.offset, message.data) == (0, "żółć 🔥\x00 aGk=")
        assert message.attributes == {"kind": "ü", "empty": ""}


async def test_offsets_are_dense_under_concurrent_publishers(engine: Engine) -> None:
    async with engine.open() as store:
        batches = [[a_message(f"{publisher}.{number}") for number in range(3)] for publisher in range(40)]
        answers = await asyncio.gather(*(store.log.append(TOPIC, batch) for batch in batches))
        assert sorted(answer.first for answer in answers) == list(range(0, 120, 3))
        found = await store.log.read(TOPIC, 0, 1_000, 10**9)
        assert [message.offset for message in found] == list(range(120))


async def test_a_batch_stays_whole_and_in_its_own_order(engine: Engine) -> None:
    async with engine.open() as store:
        batches = [[a_message(f"{publisher}.{number}") for number in range(5)] for publisher in range(20)]
        answers = await asyncio.gather(*(store.log.append(TOPIC, batch) for batch in batches))
        found = await store.log.read(TOPIC, 0, 1_000, 10**9)
        for batch, answer in zip(batches, answers, strict=True):
            stored = [message.data for message in found[answer.first : answer.first + answer.count]]
            assert stored == [message.data for message in batch]


async def test_topics_number_their_messages_apart(engine: Engine) -> None:
    async with engine.open() as store:
        await asyncio.gather(*(store.log.append(uid, messages(2)) for uid in (TOPIC, OTHER_TOPIC) * 5))
        assert (await store.log.bounds(TOPIC)).end == 10
        assert (await store.log.bounds(OTHER_TOPIC)).end == 10
        assert await store.log.topics() == [TOPIC, OTHER_TOPIC]


async def test_an_empty_batch_appends_nothing(engine: Engine) -> None:
    async with engine.open() as store:
        assert (await store.log.append(TOPIC, [])).count == 0
        assert await store.log.topics() == []


async def test_the_publish_time_never_goes_back(engine: Engine) -> None:
    async with engine.open() as store:
        first = await store.log.append(TOPIC, messages(1))
        engine.clock._start_us -= 3_600_000_000  # the machine's clock is set back an hour
        second = await store.log.append(TOPIC, messages(1))
        assert second.publish_time_us == first.publish_time_us


async def test_a_producer_key_seen_before_gives_the_first_answer_and_appends_nothing(engine: Engine) -> None:
    async with engine.open() as store:
        first = await store.log.append(TOPIC, messages(2), "key")
        await engine.clock.advance(5)
        second = await store.log.append(TOPIC, messages(2), "key")
        assert second == Appended(first.first, first.count, first.publish_time_us, repeated=True)
        assert (await store.log.bounds(TOPIC)).end == 2


async def test_the_same_producer_key_at_the_same_time_is_stored_once(engine: Engine) -> None:
    async with engine.open() as store:
        answers = await asyncio.gather(*(store.log.append(TOPIC, messages(2), "key") for _ in range(10)))
        assert {answer.first for answer in answers} == {0}
        assert sum(answer.repeated for answer in answers) == 9
        assert (await store.log.bounds(TOPIC)).end == 2


async def test_a_producer_key_belongs_to_its_topic(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.append(TOPIC, messages(1), "key")
        assert not (await store.log.append(OTHER_TOPIC, messages(1), "key")).repeated


async def test_reading_begins_at_the_offset_and_stops_at_the_count(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.append(TOPIC, messages(10))
        assert [message.offset for message in await store.log.read(TOPIC, 4, 3, 10**9)] == [4, 5, 6]


async def test_reading_stops_before_the_bytes_are_passed(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.append(TOPIC, [a_message("x" * 40) for _ in range(5)])
        assert len(await store.log.read(TOPIC, 0, 10, 119)) == 2
        assert len(await store.log.read(TOPIC, 0, 10, 120)) == 3


async def test_reading_gives_at_least_one_message_however_large(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.append(TOPIC, [a_message("x" * 5_000_000)])
        assert len(await store.log.read(TOPIC, 0, 10, 1)) == 1


async def test_reading_at_the_end_and_of_no_log_gives_nothing(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.append(TOPIC, messages(2))
        assert await store.log.read(TOPIC, 2, 10, 1_000) == []
        assert await store.log.read(OTHER_TOPIC, 0, 10, 1_000) == []


async def test_the_bounds_of_no_log_are_zeros(engine: Engine) -> None:
    async with engine.open() as store:
        assert await store.log.bounds(TOPIC) == Bounds(0, 0)


async def test_the_bounds_tell_sizes_and_times(engine: Engine) -> None:
    async with engine.open() as store:
        first = await store.log.append(TOPIC, [a_message("12345"), a_message("é", kind="a")])
        await engine.clock.advance(2)
        second = await store.log.append(TOPIC, [a_message("123")])
        bounds = await store.log.bounds(TOPIC)
        assert bounds == Bounds(
            first=0,
            end=3,
            bytes_total=5 + 2 + 3,
            stored_bytes=5 + 2 + len('{"kind":"a"}') + 3,
            last_publish_us=second.publish_time_us,
            previous_publish_us=first.publish_time_us,
            last_batch=1,
        )


async def test_trimming_raises_the_first_offset_and_keeps_the_end(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.append(TOPIC, [a_message("12345") for _ in range(10)])
        assert await store.log.trim(TOPIC, 4) == 4
        bounds = await store.log.bounds(TOPIC)
        assert (bounds.first, bounds.end, bounds.stored_bytes, bounds.bytes_total) == (4, 10, 30, 50)


async def test_a_reader_below_the_trimmed_head_goes_on_after_it(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.append(TOPIC, messages(10))
        await store.log.trim(TOPIC, 4)
        assert [message.offset for message in await store.log.read(TOPIC, 0, 2, 10**9)] == [4, 5]


async def test_trimming_beyond_the_end_empties_the_log_and_new_messages_go_on_from_there(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.append(TOPIC, messages(10))
        assert await store.log.trim(TOPIC, 99) == 10
        assert (await store.log.append(TOPIC, messages(1))).first == 10
        bounds = await store.log.bounds(TOPIC)
        assert (bounds.first, bounds.end) == (10, 11)


async def test_trimming_twice_or_below_the_first_removes_nothing(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.append(TOPIC, messages(5))
        await store.log.trim(TOPIC, 3)
        assert await store.log.trim(TOPIC, 3) == 0
        assert await store.log.trim(TOPIC, 1) == 0
        assert await store.log.trim(OTHER_TOPIC, 1) == 0


async def test_a_long_log_is_trimmed_whole_while_others_write(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.append(TOPIC, messages(1_300))
        removed, *_ = await asyncio.gather(
            store.log.trim(TOPIC, 1_250), *(store.log.append(TOPIC, messages(1)) for _ in range(20))
        )
        assert removed == 1_250
        found = await store.log.read(TOPIC, 0, 10_000, 10**9)
        assert [message.offset for message in found] == list(range(1_250, 1_320))


async def test_the_offset_at_a_time_is_the_first_message_then_or_later(engine: Engine) -> None:
    async with engine.open() as store:
        times_us = []
        for _ in range(7):
            times_us.append((await store.log.append(TOPIC, messages(3))).publish_time_us)
            await engine.clock.advance(10)
        await store.log.trim(TOPIC, 4)
        assert await store.log.offset_at(TOPIC, 0) == 4
        assert await store.log.offset_at(TOPIC, times_us[3]) == 9
        assert await store.log.offset_at(TOPIC, times_us[3] + 1) == 12
        assert await store.log.offset_at(TOPIC, times_us[6] + 1) is None
        assert await store.log.offset_at(OTHER_TOPIC, 0) is None


async def test_the_offset_for_a_size_keeps_as_much_as_fits(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.append(TOPIC, [a_message("x" * 100) for _ in range(10)])
        await store.log.trim(TOPIC, 2)
        assert await store.log.offset_for_size(TOPIC, 800) == 2
        assert await store.log.offset_for_size(TOPIC, 799) == 3
        assert await store.log.offset_for_size(TOPIC, 250) == 8
        assert await store.log.offset_for_size(TOPIC, 0) == 10
        assert await store.log.offset_for_size(OTHER_TOPIC, 0) == 0


async def test_a_dropped_log_is_gone_for_ever(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.append(TOPIC, messages(3), "key")
        await store.log.drop(TOPIC)
        await store.log.drop(TOPIC)
        assert await store.log.bounds(TOPIC) == Bounds(0, 0)
        assert await store.log.read(TOPIC, 0, 10, 1_000) == []
        assert await store.log.topics() == []
        for key in (None, "key"):
            with pytest.raises(TopicGone):
                await store.log.append(TOPIC, messages(1), key)
        with pytest.raises(TopicGone):
            await store.log.reserve(TOPIC, 10)


async def test_a_log_that_never_was_can_be_dropped(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.drop(TOPIC)
        with pytest.raises(TopicGone):
            await store.log.append(TOPIC, messages(1))


async def test_one_append_that_is_refused_leaves_the_others_of_its_group_alone(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.drop(OTHER_TOPIC)
        answers = await asyncio.gather(
            *(store.log.append(uid, messages(1)) for uid in (TOPIC, OTHER_TOPIC, TOPIC)), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [Appended, TopicGone, Appended]
        assert (await store.log.bounds(TOPIC)).end == 2


async def test_a_reserve_makes_offsets_jump_and_readers_follow(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.append(TOPIC, messages(2))
        await store.log.reserve(TOPIC, 100)
        await store.log.reserve(TOPIC, 50)
        assert (await store.log.append(TOPIC, messages(1))).first == 100
        assert [message.offset for message in await store.log.read(TOPIC, 0, 10, 1_000)] == [0, 1, 100]
        assert [message.offset for message in await store.log.read(TOPIC, 2, 10, 1_000)] == [100]


async def test_a_reserve_on_an_empty_log_moves_both_bounds(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.reserve(TOPIC, 100)
        bounds = await store.log.bounds(TOPIC)
        assert (bounds.first, bounds.end) == (100, 100)


async def test_times_and_sizes_are_found_across_a_jump(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.append(TOPIC, [a_message("x" * 10) for _ in range(3)])
        await store.log.reserve(TOPIC, 1_000)
        await engine.clock.advance(10)
        late = await store.log.append(TOPIC, [a_message("x" * 10) for _ in range(3)])
        assert await store.log.offset_at(TOPIC, late.publish_time_us) == 1_000
        assert await store.log.offset_for_size(TOPIC, 40) == 2
        assert await store.log.offset_for_size(TOPIC, 30) == 3
        assert await store.log.offset_for_size(TOPIC, 20) == 1_001


async def test_who_waits_for_an_offset_that_is_there_returns_at_once(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.append(TOPIC, messages(3))
        await in_time(store.log.wait_for(TOPIC, 2))


async def test_who_waits_for_the_next_message_is_woken_by_it(engine: Engine) -> None:
    async with engine.open() as store:
        waiters = [asyncio.ensure_future(store.log.wait_for(TOPIC, 0)) for _ in range(5)]
        while not all(waiter.done() for waiter in waiters):
            await store.log.append(TOPIC, messages(1))
        await in_time(asyncio.gather(*waiters))


async def test_who_waits_is_not_woken_by_another_topic(engine: Engine) -> None:
    async with engine.open() as store:
        waiter = asyncio.ensure_future(store.log.wait_for(TOPIC, 0))
        for _ in range(20):
            await store.log.append(OTHER_TOPIC, messages(1))
        assert not waiter.done()
        waiter.cancel()


async def test_a_message_wakes_those_who_wait_even_when_its_publisher_went_away(engine: Engine) -> None:
    async with engine.open() as store:
        waiter = asyncio.ensure_future(store.log.wait_for(TOPIC, 0))
        await store.log.bounds(TOPIC)
        publisher = asyncio.ensure_future(store.log.append(TOPIC, messages(1)))
        while not publisher.done() and (await store.log.bounds(TOPIC)).end == 0:
            publisher.cancel()
            await engine.clock.sleep(0)
        if (await store.log.bounds(TOPIC)).end:
            await in_time(waiter)
        waiter.cancel()
