"""Subscriptions: made, shown, listed, opened to users and removed (ams-api.md section 6)."""

from __future__ import annotations

from typing import Final

from bridge.api.api_errors import already_exists, invalid_argument
from bridge.api.api_times import zulu
from bridge.api.call import Call
from bridge.api.own_and_acl import acl_answer, filter_visible, members_asked_for
from bridge.api.paging import page_of
from bridge.api.push_config import asks_for_pull, new_push_config, push_config_answer
from bridge.api.push_texts import UNAVAILABLE, describe_active
from bridge.api.push_worker import acl_keeping_worker, acl_with_worker, check_push_possible, let_worker_in
from bridge.api.request_bodies import read_shape
from bridge.api.resource_references import subscription_name, topic_name, topic_of
from bridge.api.wire import (
    AckDeadlineRequest,
    AclAnswer,
    Deactivated,
    SubscriptionAnswer,
    SubscriptionPage,
    SubscriptionRequest,
)
from broker.access import CONSUMER
from broker.names import child_key
from broker.records import PushConfig, Subscription

_DEFAULT_DEADLINE_S = 10
LONGEST_DEADLINE_S: Final = 600
_DEADLINE_TEXT = "Invalid ackDeadlineSeconds(needs value between 0 and 600) Arguments"


def subscription_answer(call: Call, subscription: Subscription, push_status: str = "") -> SubscriptionAnswer:
    """A subscription as AMS shows it."""
    project = call.project.name
    return SubscriptionAnswer(
        name=subscription_name(project, subscription.name),
        topic=topic_name(project, subscription.topic_name),
        push_config=push_config_answer(subscription.push),
        ack_deadline_seconds=subscription.ack_deadline_s,
        push_status=push_status,
        created_on=zulu(subscription.created_us),
        filter=subscription.filter,
    )


async def show(call: Call) -> SubscriptionAnswer:
    """One subscription, with how its pushes fare."""
    subscription = call.subscription()
    pushes = subscription.push.type and subscription.push.verified and call.api.settings.push_mode != "off"
    return subscription_answer(call, subscription, _push_status(call, subscription) if pushes else "")


def _push_status(call: Call, subscription: Subscription) -> str:
    """How its pushes fare; of an outside worker's we know only whether it pulls."""
    if call.api.settings.push_mode != "external":
        return call.api.outside.push_status(subscription)
    serves = call.api.worker_pulls.serves_subscription(subscription.uid, call.broker.clock.monotonic())
    name = f"projects/{call.project.name}/subscriptions/{subscription.name}"
    return describe_active(name) if serves else UNAVAILABLE


async def list_page(call: Call) -> SubscriptionPage:
    """The project's subscriptions; a plain consumer sees those that name it."""
    subscriptions = call.broker.cache.list_all(Subscription, child_key(call.project.uid, ""))
    page = page_of(call, filter_visible(call, subscriptions, CONSUMER))
    return SubscriptionPage([subscription_answer(call, record) for record in page.records], page.next_token, page.total)


async def create(call: Call) -> SubscriptionAnswer:
    """A new subscription at the end of its topic, to pull from or to push."""
    request = await read_shape(call, SubscriptionRequest, "Invalid Subscription Arguments")
    topic = topic_of(call, request.topic)
    push = PushConfig()
    if not asks_for_pull(request.push_config):
        check_push_possible(call.api)
        push = new_push_config(request.push_config, call.broker.entropy)
    if call.broker.cache.subscription(call.project.uid, call.names["subscription"]) is not None:
        raise already_exists("Subscription already exists")
    if request.ack_deadline_seconds < 0:
        raise invalid_argument(_DEADLINE_TEXT)
    subscription = await call.broker.subscriptions.create(
        call.project,
        call.names["subscription"],
        topic,
        ack_deadline_s=request.ack_deadline_seconds or _DEFAULT_DEADLINE_S,
        push=push,
        acl=acl_with_worker(call.api, push, ()),
        filter_text=request.filter,
        created_by=call.caller.uid,
    )
    await let_worker_in(call.api, call.project, push)
    return subscription_answer(call, subscription)


async def delete(call: Call) -> Deactivated:
    """Remove the subscription; one that was pushing says that it stopped."""
    subscription = call.subscription()
    await call.broker.subscriptions.delete(subscription)
    if subscription.push.type and subscription.push.verified:
        name = subscription_name(call.project.name, subscription.name)
        return Deactivated(f"Subscription {name} deactivated")
    return Deactivated()


async def show_acl(call: Call) -> AclAnswer:
    """Show who may pull from a subscription."""
    return acl_answer(call, call.subscription().acl)


async def modify_acl(call: Call) -> None:
    """Replace the list of who may pull; an outside push worker stays on it."""
    uids = await members_asked_for(call, "Invalid Subscription ACL Arguments")
    subscription = call.subscription()
    await call.broker.subscriptions.set_acl(subscription, acl_keeping_worker(call.api, subscription.push, uids))


async def modify_ack_deadline(call: Call) -> None:
    """Give consumers this long to acknowledge."""
    request = await read_shape(call, AckDeadlineRequest, _DEADLINE_TEXT)
    if not 0 <= request.ack_deadline_seconds <= LONGEST_DEADLINE_S:
        raise invalid_argument(_DEADLINE_TEXT)
    await call.broker.subscriptions.set_ack_deadline(call.subscription(), request.ack_deadline_seconds)
