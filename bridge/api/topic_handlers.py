"""Topics (ams-api.md section 5)."""

from __future__ import annotations

from bridge.api.api_times import zulu
from bridge.api.call import Call
from bridge.api.own_and_acl import acl_answer, filter_visible, members_asked_for
from bridge.api.paging import page_of
from bridge.api.request_bodies import read_texts
from bridge.api.resource_references import full_schema_name, schema_of, subscription_name, topic_name
from bridge.api.wire import AclAnswer, SubscriptionNames, TopicAnswer, TopicPage
from broker.access import PUBLISHER
from broker.names import child_key
from broker.records import Schema, Topic


def topic_answer(call: Call, topic: Topic) -> TopicAnswer:
    """A topic as AMS shows it."""
    project = call.project.name
    schema = call.broker.cache.find_by_uid(Schema, topic.schema_uid) if topic.schema_uid else None
    return TopicAnswer(
        name=topic_name(project, topic.name),
        schema="" if schema is None else full_schema_name(project, schema.name),
        created_on=zulu(topic.created_us),
    )


async def show(call: Call) -> TopicAnswer:
    """One topic."""
    return topic_answer(call, call.topic())


async def list_page(call: Call) -> TopicPage:
    """The project's topics; a plain publisher sees those that name it."""
    topics = call.broker.cache.list_all(Topic, child_key(call.project.uid, ""))
    page = page_of(call, filter_visible(call, topics, PUBLISHER))
    return TopicPage([topic_answer(call, topic) for topic in page.records], page.next_token, page.total)


async def create(call: Call) -> TopicAnswer:
    """A new topic, with a schema or without."""
    reference = (await read_texts(call)).get("schema", "")
    schema_uid = schema_of(call, reference).uid if reference else ""
    topic = await call.broker.topics.create(
        call.project, call.names["topic"], schema_uid=schema_uid, created_by=call.caller.uid
    )
    return topic_answer(call, topic)


async def delete(call: Call) -> None:
    """Remove the topic and its messages."""
    await call.broker.topics.delete(call.topic())


async def show_acl(call: Call) -> AclAnswer:
    """Show who may publish to a topic."""
    return acl_answer(call, call.topic().acl)


async def modify_acl(call: Call) -> None:
    """Replace the list of who may publish."""
    uids = await members_asked_for(call, "Invalid Topic ACL Arguments")
    await call.broker.topics.set_acl(call.topic(), uids)


async def attach_schema(call: Call) -> None:
    """Check messages against a schema from now on; without one in the body, no more."""
    topic = call.topic()
    reference = (await read_texts(call)).get("schema", "")
    await call.broker.topics.set_schema(topic, schema_of(call, reference).uid if reference else "")


async def detach_schema(call: Call) -> None:
    """Check messages against no schema any more."""
    await call.broker.topics.set_schema(call.topic(), "")


async def list_subscriptions(call: Call) -> SubscriptionNames:
    """The topic's subscriptions, the oldest first (D21)."""
    subscriptions = call.broker.topics.subscriptions(call.topic())
    return SubscriptionNames(
        [subscription_name(call.project.name, subscription.name) for subscription in subscriptions]
    )
