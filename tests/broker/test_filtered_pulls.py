"""A subscription with a filter hands out what it admits, and leaves the rest behind."""

import pytest

from broker.errors import InvalidFilter
from tests.fakes.brokers import a_message, a_stage

ALARMS = 'attributes.kind = "alarm"'


async def a_filtered(stage, text=ALARMS):
    return await stage.broker.subscriptions.create(stage.project, "alarms", stage.topic, filter_text=text)


async def publish(stage, *kinds):
    await stage.broker.publish(stage.topic, [a_message(kind, {"kind": kind}) for kind in kinds])


async def pulled(stage, subscription, n=10):
    return [message.offset for message in await stage.broker.pull(subscription, n)]


async def test_only_what_is_admitted_is_pulled_and_acknowledged():
    stage = await a_stage()
    alarms = await a_filtered(stage)
    await publish(stage, "metric", "alarm", "metric", "alarm", "metric")
    assert await pulled(stage, alarms) == [1, 3]
    assert await pulled(stage, stage.subscription) == [0, 1, 2, 3, 4]
    await stage.broker.acknowledge(alarms, 1)
    assert await pulled(stage, alarms, 1) == [3]
    await stage.broker.acknowledge(alarms, 3)
    assert await pulled(stage, alarms) == []


async def test_what_is_not_admitted_is_left_behind_by_an_empty_pull():
    stage = await a_stage()
    alarms = await a_filtered(stage)
    await publish(stage, *["metric"] * 30)
    assert (await stage.broker.offsets(alarms)).current == 0
    assert await pulled(stage, alarms) == []
    assert (await stage.broker.offsets(alarms)).current == 30


async def test_a_pull_looks_at_ten_thousand_messages_and_the_next_one_goes_on():
    stage = await a_stage()
    alarms = await a_filtered(stage)
    await publish(stage, *["metric"] * 10_500, "alarm")
    assert await pulled(stage, alarms) == []
    assert await pulled(stage, alarms) == [10_500]


async def test_a_pull_stops_before_it_is_too_large():
    stage = await a_stage()
    alarms = await a_filtered(stage)
    large = "x" * 1_000_000
    messages = [a_message(large, {"kind": "alarm"}) for _ in range(70)]
    await stage.broker.publish(stage.topic, messages)
    found = await pulled(stage, alarms, 100)
    assert found == list(range(67))


async def test_a_changed_filter_holds_from_the_next_pull_on():
    stage = await a_stage()
    alarms = await a_filtered(stage)
    await publish(stage, "metric", "alarm")
    changed = await stage.broker.subscriptions.set_filter(alarms, "")
    assert await pulled(stage, changed) == [0, 1]


async def test_a_filter_that_cannot_be_read_makes_no_subscription():
    stage = await a_stage()
    with pytest.raises(InvalidFilter):
        await a_filtered(stage, "kind = alarm")
    assert stage.broker.cache.subscription(stage.project.uid, "alarms") is None
    with pytest.raises(InvalidFilter):
        await stage.broker.subscriptions.set_filter(stage.subscription, "kind = alarm")
