"""A planned catalog: judged like the real one, invisible until written, and written in one piece or not at all."""

import asyncio

import pytest

from broker.engines.memory.trouble import Trouble
from broker.errors import OutcomeUnknown, StoreUnavailable, VersionMoved
from broker.names import subscription_cursor
from broker.planned import plan_catalog
from broker.records import Subscription, Topic
from broker.users import Profile
from tests.fakes.brokers import a_stage


async def test_what_is_made_on_it_stands_nowhere_until_it_is_written():
    stage = await a_stage()
    before = await stage.broker.store.catalog.seq()
    planned = await plan_catalog(stage.broker)
    project = await planned.broker.projects.create("Q")
    topic = await planned.broker.topics.create(project, "NEWS")
    user = await planned.broker.users.create("ann", Profile(), token="a-token")
    await planned.broker.topics.set_acl(topic, [user.uid])
    assert (await stage.broker.store.catalog.seq(), stage.broker.cache.project("Q")) == (before, None)
    await planned.write()
    assert stage.broker.cache.topic(project.uid, "NEWS").acl == (user.uid,)
    assert stage.broker.users.token_of(stage.broker.users.find_by_token("a-token")) == "a-token"
    assert (await plan_catalog(stage.broker)).changes == []


async def test_a_new_subscription_begins_at_the_end_of_its_topic():
    stage = await a_stage()
    await stage.publish("a", "b")
    planned = await plan_catalog(stage.broker)
    subscription = await planned.broker.subscriptions.create(stage.project, "LATE", stage.topic)
    await planned.write()
    assert (await stage.broker.store.cursors.get(subscription_cursor(subscription.uid))).offset == 2


async def test_a_subscription_left_behind_begins_at_the_start_of_the_new_topic():
    stage = await a_stage()
    await stage.publish("a", "b")
    await stage.broker.acknowledge(stage.subscription, (await stage.pull(2))[-1])
    await stage.broker.topics.delete(stage.topic)
    planned = await plan_catalog(stage.broker)
    await planned.broker.topics.create(stage.project, "T")
    await planned.write()
    assert (await stage.broker.store.cursors.get(subscription_cursor(stage.subscription.uid))).offset == 0


async def test_what_others_changed_meanwhile_is_not_overwritten_and_the_rest_is_not_written():
    stage = await a_stage()
    planned = await plan_catalog(stage.broker)
    await planned.broker.topics.set_decode(stage.topic, "text")
    await planned.broker.topics.create(stage.project, "U")
    await stage.broker.topics.set_acl(stage.topic, ["somebody"])
    with pytest.raises(VersionMoved):
        await planned.write()
    assert [(one.name, one.decode, one.acl) for one in stage.broker.cache.list_all(Topic)] == [
        ("T", "auto", ("somebody",))
    ]


async def test_changes_of_other_things_meanwhile_do_no_harm():
    stage = await a_stage()
    planned = await plan_catalog(stage.broker)
    await planned.broker.topics.create(stage.project, "U")
    await stage.broker.topics.set_acl(stage.topic, ["somebody"])
    await planned.write()
    assert [(one.name, one.acl) for one in stage.broker.cache.list_all(Topic)] == [("T", ("somebody",)), ("U", ())]


@pytest.mark.parametrize(("outcome", "raises"), [("unavailable", StoreUnavailable), ("not stored", StoreUnavailable)])
async def test_a_store_that_fails_keeps_nothing_of_it(outcome, raises):
    stage = await a_stage()
    planned = await plan_catalog(stage.broker)
    await planned.broker.subscriptions.create(stage.project, "LATE", stage.topic)
    stage.broker.store.gate.add(Trouble("commit", outcome))
    with pytest.raises(raises):
        await planned.write()
    assert [one.name for one in stage.broker.cache.list_all(Subscription)] == ["S"]


async def test_a_store_that_kept_it_without_a_word_is_read_back():
    stage = await a_stage()
    planned = await plan_catalog(stage.broker)
    await planned.broker.topics.create(stage.project, "U")
    stage.broker.store.gate.add(Trouble("commit", "stored"))
    await planned.write()
    assert stage.broker.cache.topic(stage.project.uid, "U") is not None


async def test_a_store_that_never_answers_again_leaves_it_unknown():
    stage = await a_stage()
    planned = await plan_catalog(stage.broker)
    await planned.broker.topics.create(stage.project, "U")
    stage.broker.store.gate.add(Trouble("commit", "stored"))
    stage.broker.store.gate.add(Trouble("catalog.read", "unavailable", times=None))
    writing = asyncio.create_task(planned.write())
    await stage.clock.advance(60)
    with pytest.raises(OutcomeUnknown):
        await writing
