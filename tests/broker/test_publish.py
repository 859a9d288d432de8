"""What a publish promises."""

import asyncio
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.beside import LARGE_ITEMS
from broker.engines.memory.trouble import Trouble
from broker.errors import NotFound, OutcomeUnknown, StoreUnavailable, TooLarge
from broker.model import NewMessage
from broker.publish import MESSAGE_LIMIT_BYTES, check_size, message_bytes
from tests.fakes.brokers import a_message, a_stage
from tests.fakes.noting import NotingPairs


async def test_offsets_begin_at_0_and_are_consecutive_within_a_call():
    stage = await a_stage()
    assert await stage.publish("a", "b") == [0, 1]
    assert await stage.publish("c") == [2]


async def test_concurrent_publishers_get_offsets_of_their_own():
    stage = await a_stage()
    given_out = await asyncio.gather(*(stage.publish("a", "b", "c") for _ in range(50)))
    assert sorted(offset for offsets in given_out for offset in offsets) == list(range(150))
    assert all(offsets == list(range(offsets[0], offsets[0] + 3)) for offsets in given_out)


async def test_a_batch_with_one_message_too_large_stores_nothing():
    stage = await a_stage()
    with pytest.raises(TooLarge):
        await stage.publish("a", "x" * 1_500_000)
    assert await stage.publish("b") == [0]


async def test_an_empty_batch_stores_nothing():
    stage = await a_stage()
    assert await stage.publish() == []


async def test_one_mebibyte_of_raw_data_passes():
    stage = await a_stage()
    assert await stage.publish("A" * (1024 * 1024 * 4 // 3)) == [0]


def test_the_limit_is_exact():
    room = MESSAGE_LIMIT_BYTES - message_bytes(a_message("", {}))
    check_size(a_message("x" * room, {}))
    with pytest.raises(TooLarge):
        check_size(a_message("x" * (room + 1), {}))


@given(st.text(), st.integers(1, 400_000))
@settings(max_examples=50, deadline=None)
def test_the_quick_check_never_lets_a_large_message_through(text, times):
    message = a_message(text * times if len(text) < 10 else text, {"k": text})
    if message_bytes(message) > MESSAGE_LIMIT_BYTES:
        with pytest.raises(TooLarge):
            check_size(message)
    else:
        check_size(message)


async def test_a_topic_deleted_meanwhile_is_not_found():
    stage = await a_stage()
    await stage.broker.topics.delete(stage.topic)
    with pytest.raises(NotFound):
        await stage.publish("a")


async def test_a_store_that_is_away_says_so_and_keeps_nothing():
    stage = await a_stage()
    stage.broker.store.gate.add(Trouble("log.append", "unavailable"))
    with pytest.raises(StoreUnavailable):
        await stage.publish("a")
    assert await stage.publish("b") == [0]


async def test_an_unknown_outcome_is_told():
    stage = await a_stage()
    stage.broker.store.gate.add(Trouble("log.append", "stored"))
    with pytest.raises(OutcomeUnknown):
        await stage.publish("a")
    assert await stage.publish("b") == [1]


async def test_attributes_and_text_come_back_as_they_were_sent():
    stage = await a_stage()
    message = a_message("msg 1", {"quote": '"', "back": "\\", "line": "a\nb", "": ""})
    await stage.broker.publish(stage.topic, [message])
    (pulled,) = await stage.broker.pull(stage.subscription, 1)
    assert (pulled.data, dict(pulled.attributes)) == (message.data, dict(message.attributes))


async def test_the_sizes_of_a_large_batch_are_checked_on_a_thread():
    stage = await a_stage()
    small, large = NotingPairs(), NotingPairs()
    await stage.broker.publish(stage.topic, [NewMessage("x", small)])
    await stage.broker.publish(stage.topic, [NewMessage("x", large)] * (LARGE_ITEMS + 1))
    assert small.threads == {threading.get_ident()}
    assert large.threads - small.threads


async def test_a_large_batch_with_one_message_too_large_stores_nothing():
    stage = await a_stage()
    with pytest.raises(TooLarge):
        await stage.publish(*["a"] * LARGE_ITEMS, "x" * 1_500_000)
    assert await stage.publish("b") == [0]
