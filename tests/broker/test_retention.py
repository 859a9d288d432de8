"""Old messages go, but not under the feet of routers and pushers."""

from broker.broker import Broker
from broker.model import Cursor
from broker.names import router_cursor
from broker.records import PushConfig
from broker.retention import EXPIRED, PUSH_EXPIRED, Retention, RetentionPolicy, Trimmed
from tests.fakes.brokers import a_message, a_stage


def keeping(broker: Broker, keep_s=None, keep_bytes=None) -> Retention:
    return Retention(broker.store, broker.cache, broker.clock, RetentionPolicy(keep_s, keep_bytes))


async def first_offset(stage):
    return (await stage.broker.store.log.bounds(stage.topic.uid)).first


async def test_messages_older_than_the_limit_go():
    stage = await a_stage()
    await stage.publish("a", "b")
    await stage.clock.advance(100)
    await stage.publish("c")
    assert await keeping(stage.broker, keep_s=50).step() == Trimmed(2)
    assert await first_offset(stage) == 2


async def test_all_messages_go_when_all_are_old():
    stage = await a_stage()
    await stage.publish("a", "b")
    await stage.clock.advance(100)
    assert await keeping(stage.broker, keep_s=50).step() == Trimmed(2)
    assert await stage.publish("c") == [2]


async def test_a_router_holds_back_what_it_has_not_read():
    stage = await a_stage()
    await stage.publish(*"abcd")
    await stage.broker.store.cursors.put(Cursor(router_cursor(stage.topic.uid), offset=1))
    await stage.clock.advance(100)
    assert await keeping(stage.broker, keep_s=50).step() == Trimmed(1)


async def test_a_pusher_holds_back_what_it_has_not_pushed_and_a_pull_subscription_does_not():
    stage = await a_stage()
    push = PushConfig(type="http_endpoint", endpoint="https://x", verified=True)
    await stage.broker.subscriptions.create(stage.project, "pushed", stage.topic, push=push)
    await stage.publish(*"abcd")
    await stage.clock.advance(100)
    assert await keeping(stage.broker, keep_s=50).step() == Trimmed(0)


async def test_the_size_limit_cuts_every_topic_to_its_share():
    stage = await a_stage()
    other = await stage.broker.topics.create(stage.project, "T2")
    await stage.publish(*["x" * 1000] * 30)
    await stage.broker.publish(other, [a_message("x" * 1000)] * 10)
    await keeping(stage.broker, keep_bytes=20_000).step()
    log = stage.broker.store.log
    kept = [await log.bounds(topic.uid) for topic in (stage.topic, other)]
    assert sum(bounds.stored_bytes for bounds in kept) <= 20_000
    assert [bounds.end - bounds.first for bounds in kept] == [15, 5]


async def test_the_size_limit_passes_a_router_only_by_force_and_counts_what_it_lost():
    stage = await a_stage()
    await stage.publish(*["x" * 1000] * 30)
    await stage.broker.store.cursors.put(Cursor(router_cursor(stage.topic.uid), offset=5))
    push = PushConfig(type="mattermost")
    pushed = await stage.broker.subscriptions.create(stage.project, "pushed", stage.topic, push=push)
    await stage.broker.modify_offset(pushed, 10)
    trimmed = await keeping(stage.broker, keep_bytes=15_000).step()
    first = await first_offset(stage)
    assert trimmed == Trimmed(first, (first - 5) + (first - 10))
    counters = await stage.broker.store.counters(stage.topic.uid)
    assert counters == {(stage.topic.uid, EXPIRED): first - 5, (stage.topic.uid, PUSH_EXPIRED): first - 10}
    assert (await stage.broker.store.cursors.get(router_cursor(stage.topic.uid))).offset == first


async def test_nothing_goes_while_everything_fits():
    stage = await a_stage()
    await stage.publish("a")
    assert await keeping(stage.broker, keep_s=50, keep_bytes=10_000).step() == Trimmed()


async def test_a_log_without_its_topic_is_dropped():
    stage = await a_stage()
    await stage.publish("a")
    await stage.broker.cache.remove(stage.topic)
    assert await keeping(stage.broker).sweep_orphans() == 1
    assert await stage.broker.store.log.topics() == []
