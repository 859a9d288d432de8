"""Publish, pull, acknowledge: the routes that carry messages, kept thin (ams-api.md sections 5.1, 7.3 and 7.4)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from bridge.api.api_errors import conflict, forbidden, invalid_argument
from bridge.api.api_times import publish_time
from bridge.api.call import Call
from bridge.api.decoding import BadBody, decode
from bridge.api.wire import (
    AckRequest,
    Empty,
    MessageAnswer,
    PublishRequest,
    PullRequest,
    ReceivedMessage,
    WirePull,
)
from broker.access import CONSUMER, PUBLISHER, PUSH_WORKER, acl_admits
from broker.errors import TopicMissing
from broker.model import Message, NewMessage
from broker.records import Subscription
from rules.source.bounds import int64_of

_INT64_MAX: Final = 2**63 - 1


class _ExactMessage(msgspec.Struct, forbid_unknown_fields=True):
    """A message as nearly every client sends it: read in one go, without looking at each key."""

    data: str = ""
    attributes: dict[str, str] = {}


class _ExactPublish(msgspec.Struct, forbid_unknown_fields=True):
    """The same for the whole body."""

    messages: list[_ExactMessage] = []


_EXACT: Final = msgspec.json.Decoder(_ExactPublish)


async def publish(call: Call) -> bytes:
    """Append the messages to the topic; all of them or none."""
    topic = call.topic()
    caller = call.caller
    if call.api.settings.per_resource_auth and not acl_admits(caller.roles, PUBLISHER, caller.uid, topic.acl):
        raise forbidden()
    appended = await call.broker.publish(topic, _messages(call.body))
    ids = '","'.join(map(str, range(appended.first, appended.first + appended.count)))
    return f'{{"messageIds":["{ids}"]}}'.encode() if ids else b'{"messageIds":[]}'


def _messages(body: bytes) -> list[NewMessage]:
    """The exact form first; anything else goes through AMS's own reading of JSON."""
    request: _ExactPublish | PublishRequest
    try:
        request = _EXACT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            request = decode(body, PublishRequest)
        except BadBody as wrong:
            raise invalid_argument("Invalid Message Arguments") from wrong
    return [NewMessage(message.data, message.attributes) for message in request.messages]


async def pull(call: Call) -> WirePull:
    """Hand out what stands at the subscription's cursor; never waits (D2)."""
    subscription = call.subscription()
    _check_may_pull(call, subscription)
    if subscription.push.type and PUSH_WORKER in call.caller.roles:
        call.api.worker_pulls.note(subscription.uid, call.broker.clock.monotonic())
    if call.broker.subscriptions.topic_of(subscription) is None:
        raise TopicMissing(subscription.topic_name)
    found = await call.broker.pull(subscription, _max_messages(call.body))
    prefix = f"{_name(call)}:"
    return WirePull([ReceivedMessage(f"{prefix}{message.offset}", message_answer(message)) for message in found])


def message_answer(message: Message) -> MessageAnswer:
    """A message as consumers see it."""
    return MessageAnswer(
        message_id=str(message.offset),
        attributes=dict(message.attributes),
        data=message.data,
        publish_time=publish_time(message.publish_time_us),
    )


def _check_may_pull(call: Call, subscription: Subscription) -> None:
    caller = call.caller
    if subscription.push.type:
        if call.api.settings.push_mode == "off" and PUSH_WORKER in caller.roles:
            raise conflict("Push functionality is currently disabled")
        if PUSH_WORKER not in caller.roles and not caller.is_service_admin:
            raise forbidden()
    if call.api.settings.per_resource_auth and not acl_admits(caller.roles, CONSUMER, caller.uid, subscription.acl):
        raise forbidden()


def _max_messages(body: bytes) -> int:
    """How many are asked for; both options may be text or native (D1), and the second one changes nothing (D2)."""
    try:
        request = decode(body, PullRequest)
    except BadBody as wrong:
        raise invalid_argument("Invalid Pull Parameters Arguments") from wrong
    if not isinstance(request.return_immediately, str | bool | None):
        raise invalid_argument("Invalid Pull Parameters Arguments")
    wanted: Any = request.max_messages
    match wanted:
        case bool():
            raise invalid_argument("Invalid Pull Parameters Arguments")
        case None:
            return 1
        case int():
            return max(min(wanted, _INT64_MAX), 1)
        case str():
            return max(int64_of(wanted) or 1, 1)
        case _:
            raise invalid_argument("Invalid Pull Parameters Arguments")


async def acknowledge(call: Call) -> Empty:
    """Everything up to the largest id is done."""
    try:
        request = decode(call.body, AckRequest)
    except BadBody as wrong:
        raise invalid_argument("Invalid ack parameter") from wrong
    subscription = call.subscription()
    await call.broker.acknowledge(subscription, _largest_offset(request.ack_ids, _name(call)))
    return Empty()


def _largest_offset(ack_ids: list[str], subscription_name: str) -> int:
    """The largest offset among ack ids of this subscription. Raises ApiError."""
    largest = -1
    prefix = f"{subscription_name}:"
    for ack_id in ack_ids:
        text = ack_id.removeprefix(prefix)
        offset = None if text == ack_id else int64_of(text)
        if offset is None:
            raise invalid_argument("Invalid ack id")
        largest = max(largest, offset)
    if largest < 0:
        raise invalid_argument("Invalid ack id")
    return largest


def _name(call: Call) -> str:
    """The subscription's full name as ack ids bear it, without a leading slash."""
    return f"projects/{call.names['project']}/subscriptions/{call.names['subscription']}"
