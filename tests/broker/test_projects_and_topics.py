"""Projects, topics and registrations, and what goes with them when they go."""

import pytest
from structlog.testing import capture_logs

from broker.clock import ManualClock
from broker.engines.memory import MemoryStore
from broker.engines.memory.trouble import Trouble
from broker.errors import AlreadyExists, InvalidName, NotFound, TopicGone
from broker.names import subscription_cursor
from broker.records import Registration
from broker.topics import topic_key
from broker.users import Profile
from tests.fakes.brokers import a_broker, a_message, a_stage


@pytest.mark.parametrize("name", ["", "a.b", "a b", "ä", "a\n", "a/b"])
async def test_names_are_letters_digits_dash_and_underscore(name):
    broker = await a_broker()
    with pytest.raises(InvalidName):
        await broker.projects.create(name)


async def test_a_deleted_project_takes_topics_subscriptions_messages_and_cursors_along():
    stage = await a_stage()
    await stage.publish("a")
    await stage.broker.projects.delete(stage.project)
    broker = stage.broker
    assert broker.cache.project("P") is None
    assert broker.cache.topic(stage.project.uid, "T") is None
    assert broker.cache.subscription(stage.project.uid, "S") is None
    assert await broker.store.cursors.get(subscription_cursor(stage.subscription.uid)) is None
    with pytest.raises(TopicGone):
        await broker.store.log.append(stage.topic.uid, [a_message()])


async def test_a_renamed_project_keeps_everything():
    stage = await a_stage()
    await stage.broker.projects.update(stage.project, name="Q", description="d")
    project = stage.broker.cache.project("Q")
    assert project.uid == stage.project.uid
    assert stage.broker.cache.project("P") is None
    assert stage.broker.cache.topic(project.uid, "T") is not None


async def test_taken_names_are_told():
    stage = await a_stage()
    with pytest.raises(AlreadyExists):
        await stage.broker.projects.create("P")
    with pytest.raises(AlreadyExists):
        await stage.broker.topics.create(stage.project, "T")
    with pytest.raises(AlreadyExists):
        await stage.broker.subscriptions.create(stage.project, "S", stage.topic)


async def test_a_topic_made_again_does_not_take_a_taken_name():
    stage = await a_stage()
    await stage.broker.topics.delete(stage.topic)
    await stage.broker.topics.create(stage.project, "T")
    with pytest.raises(AlreadyExists):
        await stage.broker.topics.create(stage.project, "T")


async def test_a_topic_made_again_is_made_though_the_store_fails_right_after():
    store = MemoryStore(ManualClock())
    stage = await a_stage(store=store)
    await stage.broker.topics.delete(stage.topic)
    store.gate.add(Trouble("catalog.read", "unavailable"))
    with capture_logs() as lines:
        made = await stage.broker.topics.create(stage.project, "T")
    stored = await store.catalog.read("topic", topic_key(made))
    assert stored is not None
    assert stored.record == made
    assert [line["event"] for line in lines] == ["what was written is seen as soon as the store answers"]


async def test_a_registration_is_accepted_once_and_becomes_a_user():
    broker = await a_broker()
    registration = await broker.registrations.create("new", Profile(email="e", organization="o"))
    user = await broker.registrations.accept(registration, "admin")
    assert (user.name, user.email, user.organization, user.memberships) == ("new", "e", "o", ())
    stored = broker.cache.find_by_uid(Registration, registration.uid)
    assert (stored.status, stored.activation_token, stored.modified_by) == ("accepted", "", "admin")
    with pytest.raises(NotFound):
        await broker.registrations.accept(registration, "admin")


async def test_two_registrations_may_bear_one_name_but_only_one_is_accepted():
    broker = await a_broker()
    one = await broker.registrations.create("new", Profile())
    two = await broker.registrations.create("new", Profile())
    await broker.registrations.accept(one, "")
    with pytest.raises(AlreadyExists):
        await broker.registrations.accept(two, "")
    with pytest.raises(AlreadyExists):
        await broker.registrations.create("new", Profile())


async def test_a_declined_registration_keeps_the_comment():
    broker = await a_broker()
    registration = await broker.registrations.create("new", Profile())
    await broker.registrations.decline(registration, "no", "admin")
    stored = broker.cache.find_by_uid(Registration, registration.uid)
    assert (stored.status, stored.decline_comment) == ("declined", "no")
    with pytest.raises(NotFound):
        await broker.registrations.decline(registration, "no", "admin")


async def test_a_certificate_subject_is_bound_to_one_user_at_a_time():
    broker = await a_broker()
    one, two = await broker.users.create("one"), await broker.users.create("two")
    await broker.certificates.bind("CN=x", one)
    await broker.certificates.bind("CN=x", two)
    assert broker.certificates.user_of("CN=x") == two
    await broker.users.delete(two)
    assert broker.certificates.user_of("CN=x") is None
    await broker.certificates.unbind("CN=x")
    with pytest.raises(NotFound):
        await broker.certificates.unbind("CN=x")
