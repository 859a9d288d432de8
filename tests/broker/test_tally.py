"""Messages by day, exactly once."""

import asyncio
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.engines.memory.trouble import Trouble
from broker.errors import OutcomeUnknown
from tests.fakes.brokers import a_stage

FIRST = date(2026, 1, 1)
DAY_S = 86_400


async def test_messages_are_counted_on_the_day_they_were_published():
    stage = await a_stage()
    await stage.publish("a", "b")
    await stage.clock.advance(DAY_S)
    await stage.publish("c")
    await stage.clock.advance(2 * DAY_S)
    await stage.publish("d")
    days = await stage.broker.metrics.topic_days(stage.topic)
    assert days == {FIRST: 2, FIRST + timedelta(1): 1, FIRST + timedelta(3): 1}


async def test_counting_again_adds_nothing():
    stage = await a_stage()
    await stage.publish("a")
    await asyncio.gather(*(stage.broker.tally.count_all() for _ in range(5)))
    assert await stage.broker.metrics.topic_days(stage.topic) == {FIRST: 1}


async def test_a_count_whose_outcome_is_unknown_is_made_once():
    stage = await a_stage()
    await stage.publish("a")
    stage.broker.store.gate.add(Trouble("commit", "stored"))
    with pytest.raises(OutcomeUnknown):
        await stage.broker.tally.count(stage.topic)
    assert await stage.broker.metrics.topic_days(stage.topic) == {FIRST: 1}


async def test_counts_outlive_the_topic_and_go_on_when_it_is_made_again():
    stage = await a_stage()
    await stage.publish("a", "b")
    await stage.broker.topics.delete(stage.topic)
    assert await stage.broker.metrics.project_days(stage.project) == {FIRST: 2}
    stage.topic = await stage.broker.topics.create(stage.project, "T")
    await stage.publish("c")
    assert await stage.broker.metrics.topic_days(stage.topic) == {FIRST: 3}


async def test_a_project_made_again_starts_from_nothing():
    stage = await a_stage()
    await stage.publish("a")
    await stage.broker.projects.delete(stage.project)
    project = await stage.broker.projects.create("P")
    assert await stage.broker.metrics.project_days(project) == {}


async def test_messages_trimmed_before_they_were_counted_are_counted():
    stage = await a_stage()
    await stage.publish("a", "b", "c")
    await stage.broker.store.log.trim(stage.topic.uid, 3)
    assert await stage.broker.metrics.topic_days(stage.topic) == {FIRST: 3}


async def test_topic_numbers_come_from_the_log():
    stage = await a_stage()
    await stage.publish("aaaa")
    numbers = await stage.broker.metrics.topic(stage.topic)
    assert (numbers.messages, numbers.bytes, numbers.publish_rate) == (1, 4, 1.0)
    await stage.clock.advance(2)
    await stage.publish("b", "c", "d")
    numbers = await stage.broker.metrics.topic(stage.topic)
    assert (numbers.messages, numbers.publish_rate) == (4, 1.5)
    assert numbers.last_publish_us == stage.clock.wall_us()


async def test_usage_counts_messages_and_what_was_created_in_the_days():
    stage = await a_stage()
    await stage.publish(*"abc")
    quiet = await stage.broker.projects.create("Q")
    (usage,) = await stage.broker.metrics.usage([stage.project, quiet], FIRST, FIRST + timedelta(1))
    assert (usage.messages, usage.average_daily_messages) == (3, 1.5)
    assert (usage.topics, usage.subscriptions, usage.users) == (1, 1, 0)


async def test_the_daily_average_is_rounded_up_to_two_decimals():
    stage = await a_stage()
    await stage.publish("a")
    (usage,) = await stage.broker.metrics.usage([stage.project], FIRST, FIRST + timedelta(2))
    assert usage.average_daily_messages == 0.34


@given(st.lists(st.tuples(st.integers(0, 3 * DAY_S), st.integers(1, 4), st.booleans()), max_size=12))
@settings(max_examples=40, deadline=None)
def test_every_message_is_counted_on_one_day(steps):
    async def line() -> None:
        stage = await a_stage()
        expected: dict[date, int] = {}
        for wait_s, n, count in steps:
            await stage.clock.advance(wait_s, turns=1)
            await stage.publish(*["x"] * n)
            day = FIRST + timedelta(seconds=stage.clock.monotonic())
            expected[day] = expected.get(day, 0) + n
            if count:
                await stage.broker.tally.count_all()
        assert await stage.broker.metrics.topic_days(stage.topic) == expected

    asyncio.run(line())
