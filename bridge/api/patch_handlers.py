"""Changing single fields of a subscription or a topic with ``PATCH`` and a mask, as Google's clients of Pub/Sub do.

What the mask does not name stays, whatever the body says. All that it names is judged before anything is changed, and
changed at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from bridge.api.api_errors import invalid_argument
from bridge.api.call import Call
from bridge.api.push_config import asks_for_pull, change_push_config
from bridge.api.push_worker import acl_with_worker, check_push_possible, let_worker_in
from bridge.api.request_bodies import read_shape
from bridge.api.resource_references import schema_of
from bridge.api.subscription_handlers import LONGEST_DEADLINE_S, subscription_answer
from bridge.api.topic_handlers import topic_answer
from bridge.api.wire import SubscriptionAnswer, TopicAnswer
from bridge.api.wire_patches import SubscriptionChange, SubscriptionPatch, TopicPatch
from broker.records import PushConfig, Subscription

_UNDERSCORE: Final = re.compile(r"_([a-z])")
_DEADLINE: Final = "ackDeadlineSeconds"
_PUSH: Final = "pushConfig"
_SCHEMA: Final = "schema"
_SCHEMA_SETTINGS: Final = ("schemaSettings", "schemaSettings.schema")


async def patch_subscription(call: Call) -> SubscriptionAnswer:
    """Change the deadline, the push configuration, or both, of a subscription."""
    request = await read_shape(call, SubscriptionPatch, "Invalid Subscription Arguments")
    mask = _mask_of(request.update_mask, (_DEADLINE, _PUSH))
    change, subscription = request.subscription, call.subscription()
    _check_name(call, change.name, "subscriptions", subscription.name)
    if _DEADLINE in mask and not 0 <= change.ack_deadline_seconds <= LONGEST_DEADLINE_S:
        raise invalid_argument(f"{_DEADLINE} needs a value between 0 and {LONGEST_DEADLINE_S}")
    if _PUSH in mask and not asks_for_pull(change.push_config):
        check_push_possible(call.api)

    changed = await call.broker.subscriptions.change(
        subscription, lambda current: _apply_mask(call, current, change, mask)
    )
    if _PUSH in mask:
        await let_worker_in(call.api, call.project, changed.push)
    return subscription_answer(call, changed)


def _apply_mask(call: Call, current: Subscription, change: SubscriptionChange, mask: Sequence[str]) -> Subscription:
    """The record with what the mask names. Raises ApiError for a push configuration that cannot be."""
    if _DEADLINE in mask:
        current = msgspec.structs.replace(current, ack_deadline_s=change.ack_deadline_seconds)
    if _PUSH in mask:
        push = PushConfig()
        if not asks_for_pull(change.push_config):
            push = change_push_config(change.push_config, current.push, call.broker.entropy)
        current = msgspec.structs.replace(current, push=push, acl=acl_with_worker(call.api, push, current.acl))
    return current


async def patch_topic(call: Call) -> TopicAnswer:
    """Change the schema of a topic; an empty one means that nothing is checked any more."""
    request = await read_shape(call, TopicPatch, "Invalid Topic Arguments")
    mask = _mask_of(request.update_mask, (_SCHEMA, *_SCHEMA_SETTINGS))
    topic = call.topic()
    _check_name(call, request.topic.name, "topics", topic.name)
    reference = request.topic.schema if _SCHEMA in mask else request.topic.schema_settings.schema
    schema_uid = schema_of(call, reference).uid if reference else ""
    return topic_answer(call, await call.broker.topics.set_schema(topic, schema_uid))


def _mask_of(text: str, known: Sequence[str]) -> list[str]:
    """The fields a mask names, in camel case. Raises ApiError when it names none, or one that cannot be changed."""
    mask = [_UNDERSCORE.sub(lambda match: match[1].upper(), name.strip()) for name in text.split(",") if name.strip()]
    if not mask:
        raise invalid_argument(f"updateMask names no field to change; it may name: {', '.join(known)}")
    strange = [name for name in mask if name not in known]
    if strange:
        raise invalid_argument(f"{strange[0]} cannot be changed; updateMask may name: {', '.join(known)}")
    return mask


def _check_name(call: Call, given: str, collection: str, name: str) -> None:
    """Raises ApiError when the body is about another record than the path."""
    if given and given.removeprefix("/") != f"projects/{call.names['project']}/{collection}/{name}":
        raise invalid_argument(f"the name in the body is not the one in the path: {given}")
