"""AMS's cursor, step by step (ams-api.md section 7)."""

import pytest

from broker.engines.memory.trouble import Trouble
from broker.errors import AckRefused, OffsetOutOfBounds, OutcomeUnknown, TopicMissing
from broker.names import subscription_cursor
from broker.seek import Offsets
from tests.fakes.brokers import a_message, a_stage


async def refused(stage, offset):
    with pytest.raises(AckRefused) as refusal:
        await stage.broker.acknowledge(stage.subscription, offset)
    return refusal.value.reason


async def test_a_pull_gives_the_same_messages_until_they_are_acknowledged():
    stage = await a_stage()
    await stage.publish("a", "b")
    assert await stage.pull() == [0]
    assert await stage.pull() == [0]
    await stage.broker.acknowledge(stage.subscription, 0)
    assert await stage.pull() == [1]


async def test_a_subscription_does_not_see_what_was_published_before_it():
    stage = await a_stage()
    await stage.publish("a", "b")
    late = await stage.broker.subscriptions.create(stage.project, "late", stage.topic)
    await stage.publish("c")
    assert [m.data for m in await stage.broker.pull(late, 10)] == ["c"]


async def test_an_acknowledgement_covers_everything_below_it():
    stage = await a_stage()
    await stage.publish(*"abcdefghij")
    assert await stage.pull(10) == list(range(10))
    await stage.broker.acknowledge(stage.subscription, 3)
    assert await stage.pull(10) == list(range(4, 10))


async def test_a_pull_allows_exactly_one_acknowledgement():
    stage = await a_stage()
    await stage.publish("a", "b")
    await stage.pull(2)
    await stage.broker.acknowledge(stage.subscription, 0)
    assert await refused(stage, 1) == "no ack pending"


async def test_nothing_is_pending_before_the_first_pull():
    stage = await a_stage()
    await stage.publish("a")
    assert await refused(stage, 0) == "no ack pending"


async def test_an_acknowledgement_beyond_the_pull_is_wrong():
    stage = await a_stage()
    await stage.publish("a", "b")
    await stage.pull(1)
    assert await refused(stage, 1) == "wrong ack"


async def test_an_acknowledgement_below_the_cursor_is_wrong():
    stage = await a_stage()
    await stage.publish("a", "b")
    await stage.pull(1)
    await stage.broker.acknowledge(stage.subscription, 0)
    await stage.pull(1)
    assert await refused(stage, 0) == "wrong ack"


async def test_an_empty_pull_makes_older_ids_wrong():
    stage = await a_stage()
    await stage.publish("a")
    await stage.pull(1)
    await stage.broker.acknowledge(stage.subscription, 0)
    assert await stage.pull(1) == []
    assert await refused(stage, 0) == "wrong ack"


async def test_an_empty_pull_at_offset_0_leaves_nothing_pending():
    stage = await a_stage()
    assert await stage.pull(1) == []
    assert await refused(stage, 0) == "no ack pending"


async def test_an_idle_poller_writes_nothing_after_its_first_empty_pull():
    stage = await a_stage()
    await stage.publish("a")
    await stage.pull(1)
    await stage.broker.acknowledge(stage.subscription, 0)
    await stage.pull(1)
    before = await stage.broker.store.cursors.get(subscription_cursor(stage.subscription.uid))
    await stage.clock.advance(1)
    await stage.pull(1)
    assert await stage.broker.store.cursors.get(subscription_cursor(stage.subscription.uid)) == before
    consumed = await stage.broker.pulls.measure_consumption(stage.subscription)
    assert (consumed.last_us, consumed.rate) == (stage.clock.wall_us(), 0.0)


@pytest.mark.parametrize(("waited_s", "accepted"), [(10, True), (10.9, True), (11, False)])
async def test_an_acknowledgement_is_late_one_second_after_the_deadline(waited_s, accepted):
    stage = await a_stage()
    await stage.publish("a")
    await stage.pull(1)
    await stage.clock.advance(waited_s)
    if accepted:
        await stage.broker.acknowledge(stage.subscription, 0)
    else:
        assert await refused(stage, 0) == "ack timeout"


async def test_whole_seconds_are_compared():
    stage = await a_stage()
    await stage.publish("a")
    await stage.clock.advance(0.9)
    await stage.pull(1)
    await stage.clock.advance(10.1)
    assert await refused(stage, 0) == "ack timeout"


async def test_a_deadline_of_0_means_the_same_second():
    stage = await a_stage()
    stage.subscription = await stage.broker.subscriptions.set_ack_deadline(stage.subscription, 0)
    await stage.publish("a")
    await stage.pull(1)
    await stage.clock.advance(0.9)
    await stage.broker.acknowledge(stage.subscription, 0)


async def test_a_late_acknowledgement_changes_nothing_until_the_next_pull():
    stage = await a_stage()
    await stage.publish("a")
    await stage.pull(1)
    await stage.clock.advance(60)
    assert await refused(stage, 0) == "ack timeout"
    assert await refused(stage, 0) == "ack timeout"
    assert await stage.pull(1) == [0]
    await stage.broker.acknowledge(stage.subscription, 0)


async def test_a_pull_below_the_first_retained_message_moves_the_cursor_up():
    stage = await a_stage()
    await stage.publish("a", "b", "c")
    await stage.broker.store.log.trim(stage.topic.uid, 2)
    assert await stage.pull(5) == [2]
    await stage.broker.acknowledge(stage.subscription, 2)


async def test_offsets_say_min_max_and_current():
    stage = await a_stage()
    await stage.publish("a", "b", "c")
    await stage.pull(2)
    await stage.broker.acknowledge(stage.subscription, 1)
    assert await stage.broker.offsets(stage.subscription) == Offsets(max=3, min=0, current=2)


async def test_offsets_raise_a_cursor_below_min_and_close_the_pull():
    stage = await a_stage()
    await stage.publish("a", "b", "c")
    await stage.pull(1)
    await stage.broker.store.log.trim(stage.topic.uid, 2)
    assert await stage.broker.offsets(stage.subscription) == Offsets(max=3, min=2, current=2)
    assert await refused(stage, 0) == "no ack pending"


async def test_a_topic_without_messages_has_offsets_of_0():
    stage = await a_stage()
    assert await stage.broker.offsets(stage.subscription) == Offsets(max=0, min=0, current=0)


async def test_moving_the_offset_closes_an_open_pull():
    stage = await a_stage()
    await stage.publish("a", "b", "c")
    await stage.pull(3)
    await stage.broker.modify_offset(stage.subscription, 3)
    assert await refused(stage, 0) == "no ack pending"
    assert await stage.pull() == []
    await stage.broker.modify_offset(stage.subscription, 0)
    assert await stage.pull() == [0]


@pytest.mark.parametrize("offset", [-1, 0, 1, 4])
async def test_an_offset_out_of_bounds_moves_nothing(offset):
    stage = await a_stage()
    await stage.publish("a", "b", "c")
    await stage.broker.store.log.trim(stage.topic.uid, 2)
    await stage.broker.modify_offset(stage.subscription, 3)
    with pytest.raises(OffsetOutOfBounds):
        await stage.broker.modify_offset(stage.subscription, offset)
    assert (await stage.broker.offsets(stage.subscription)).current == 3


async def test_a_time_is_turned_into_the_first_offset_at_or_after_it():
    stage = await a_stage()
    await stage.publish("a")
    await stage.clock.advance(10)
    await stage.publish("b")
    now_us = stage.clock.wall_us()
    assert await stage.broker.offset_at(stage.subscription, now_us - 1) == 1
    assert await stage.broker.offset_at(stage.subscription, now_us) == 1
    assert await stage.broker.offset_at(stage.subscription, now_us + 1) is None


async def test_a_deleted_topic_leaves_its_subscription_behind():
    stage = await a_stage()
    await stage.publish("a")
    await stage.pull(1)
    await stage.broker.topics.delete(stage.topic)
    with pytest.raises(TopicMissing):
        await stage.broker.pull(stage.subscription, 1)
    await stage.broker.acknowledge(stage.subscription, 0)
    assert await stage.broker.offsets(stage.subscription) == Offsets(max=-1, min=-1, current=1)
    with pytest.raises(OffsetOutOfBounds):
        await stage.broker.modify_offset(stage.subscription, -1)
    assert await stage.broker.offset_at(stage.subscription, 0) is None


async def test_a_topic_made_again_gives_its_old_subscriptions_everything_from_its_beginning():
    stage = await a_stage()
    await stage.publish("a", "b", "c")
    await stage.pull(3)
    await stage.broker.acknowledge(stage.subscription, 2)
    await stage.broker.topics.delete(stage.topic)
    stage.topic = await stage.broker.topics.create(stage.project, "T")
    assert await stage.publish("d") == [0]
    assert await stage.pull() == [0]


async def test_a_cursor_above_the_end_is_clamped():
    stage = await a_stage()
    await stage.publish("a", "b")
    await stage.broker.modify_offset(stage.subscription, 2)
    cursors = stage.broker.store.cursors
    cursor = await cursors.get(subscription_cursor(stage.subscription.uid))
    await cursors.put(type(cursor)(cursor.id, offset=9, rev=cursor.rev))
    assert await stage.pull() == []
    assert await stage.publish("c") == [2]
    assert await stage.pull() == [2]


async def test_counts_grow_with_every_delivery_repeats_included():
    stage = await a_stage()
    await stage.publish("aaaa", "bb")
    await stage.pull(2)
    await stage.clock.advance(4)
    await stage.pull(2)
    consumed = await stage.broker.pulls.measure_consumption(stage.subscription)
    assert (consumed.messages, consumed.bytes, consumed.rate) == (4, 12, 0.5)


async def test_a_rate_divides_by_at_least_a_millisecond():
    stage = await a_stage()
    await stage.publish("a")
    await stage.pull()
    assert (await stage.broker.pulls.measure_consumption(stage.subscription)).rate == 1.0
    await stage.pull()
    assert (await stage.broker.pulls.measure_consumption(stage.subscription)).rate == 1000.0


async def test_a_pull_stops_at_its_size_bound_but_gives_at_least_one():
    stage = await a_stage()
    stage.broker.pulls._max_bytes = 10
    await stage.broker.publish(stage.topic, [a_message("x" * 50), a_message("y" * 5), a_message("z" * 5), a_message()])
    assert await stage.pull(10) == [0]
    await stage.broker.acknowledge(stage.subscription, 0)
    assert await stage.pull(10) == [1, 2]


async def test_an_acknowledgement_that_was_kept_after_all_is_one():
    stage = await a_stage()
    await stage.publish("a", "b")
    await stage.pull()
    stage.broker.store.gate.add(Trouble("cursors.put", "stored"))
    await stage.broker.acknowledge(stage.subscription, 0)
    assert await stage.pull() == [1]


async def test_an_acknowledgement_that_was_not_kept_is_told_and_can_be_repeated():
    stage = await a_stage()
    await stage.publish("a")
    await stage.pull()
    stage.broker.store.gate.add(Trouble("cursors.put", "not stored"))
    with pytest.raises(OutcomeUnknown):
        await stage.broker.acknowledge(stage.subscription, 0)
    await stage.broker.acknowledge(stage.subscription, 0)


async def test_an_empty_pull_moves_a_cursor_below_everything_retained_up_to_it():
    stage = await a_stage()
    await stage.publish("a", "b")
    await stage.broker.store.log.trim(stage.topic.uid, 2)
    assert await stage.pull() == []
    assert (await stage.broker.offsets(stage.subscription)).current == 2
    assert await refused(stage, 1) == "wrong ack"
