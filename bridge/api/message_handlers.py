"""Publish, pull, acknowledge: the routes that carry messages, kept thin (ams-api.md sections 5.1, 7.3 and 7.4).

What is large in them is read and written beside the event loop (decision 0028).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import msgspec

from bridge.api.api_errors import conflict, forbidden, invalid_argument
from bridge.api.api_times import publish_time
from bridge.api.call import Call
from bridge.api.decoding import BadBody, decode_shape
from bridge.api.publish_bodies import messages_of
from bridge.api.wire import (
    AckRequest,
    Empty,
    MessageAnswer,
    PullRequest,
    ReceivedMessage,
)
from bridge.core.tracing import Tracer, trace_context_in
from broker.access import CONSUMER, PUBLISHER, PUSH_WORKER, acl_admits
from broker.beside import LARGE_BYTES, LARGE_ITEMS
from broker.errors import TopicMissing
from broker.model import Appended, Message, NewMessage
from broker.records import Subscription, Topic
from rules.source.bounds import int64_of

_INT64_MAX: Final = 2**63 - 1
_ENCODER: Final = msgspec.json.Encoder()


async def publish(call: Call) -> bytes:
    """Append the messages to the topic; all of them or none."""
    topic = call.topic()
    caller = call.caller
    if call.api.settings.per_resource_auth and not acl_admits(caller.roles, PUBLISHER, caller.uid, topic.acl):
        raise forbidden()
    messages = await call.read(partial(messages_of, call.body))
    if call.api.tracer is None:
        appended = await call.broker.publish(topic, messages)
    else:
        appended = await _publish_traced(call, call.api.tracer, topic, messages)
    return await call.api.beside.run(partial(_ids, appended), large=appended.count > LARGE_ITEMS)


async def _publish_traced(call: Call, tracer: Tracer, topic: Topic, messages: Sequence[NewMessage]) -> Appended:
    """Publish within the trace that the call's headers, or the messages, name."""
    from bridge.core.traced_receipt import Arrival, append_traced  # only where traces are told

    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in call.headers}
    clock, place = call.broker.clock, f"projects/{call.project.name}/topics/{topic.name}"
    arrival = Arrival(place, "server", clock.wall_us(), trace_context_in(headers))
    traced = await append_traced(tracer, clock, arrival, messages, partial(call.broker.publish, topic))
    call.trace = traced.context
    return traced.appended


def _ids(appended: Appended) -> bytes:
    """The answer of a publish."""
    ids = '","'.join([str(offset) for offset in range(appended.first, appended.first + appended.count)])
    return f'{{"messageIds":["{ids}"]}}'.encode() if ids else b'{"messageIds":[]}'


async def pull(call: Call) -> bytes:
    """Hand out what stands at the subscription's cursor; never waits (D2)."""
    subscription = call.subscription()
    _check_may_pull(call, subscription)
    if subscription.push.type and PUSH_WORKER in call.caller.roles:
        call.api.worker_pulls.note(subscription.uid, call.broker.clock.monotonic())
    if call.broker.subscriptions.topic_of(subscription) is None:
        raise TopicMissing(subscription.topic_name)
    messages = await call.broker.pull(subscription, _max_messages(call.body))
    large = len(messages) > LARGE_ITEMS or sum(len(message.data) for message in messages) > LARGE_BYTES
    return await call.api.beside.run(partial(_encode_pull_answer, f"{_name(call)}:", messages), large=large)


async def peek(call: Call) -> bytes:
    """Show what a pull would hand out; the subscription stays as it is."""
    subscription = call.subscription()
    _check_may_pull(call, subscription)
    messages = await call.broker.peek(subscription, _max_messages(call.body))
    large = len(messages) > LARGE_ITEMS or sum(len(message.data) for message in messages) > LARGE_BYTES
    return await call.api.beside.run(partial(_encode_pull_answer, f"{_name(call)}:", messages), large=large)


def _encode_pull_answer(prefix: str, messages: Sequence[Message]) -> bytes:
    """The answer of a pull, written message by message: one call for all of them would let no other thread in."""
    written = [
        _ENCODER.encode(ReceivedMessage(f"{prefix}{message.offset}", message_answer(message))) for message in messages
    ]
    return b'{"receivedMessages":[' + b",".join(written) + b"]}"


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
        request = decode_shape(body, PullRequest)
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
    """Acknowledge everything up to the largest id."""
    ack_ids = (await call.read(partial(_ack_request, call.body))).ack_ids
    subscription = call.subscription()
    largest = await call.read(partial(_largest_offset, ack_ids, _name(call)))
    await call.broker.acknowledge(subscription, largest)
    return Empty()


def _ack_request(body: bytes) -> AckRequest:
    """What is acknowledged. Raises ApiError."""
    try:
        return decode_shape(body, AckRequest)
    except BadBody as wrong:
        raise invalid_argument("Invalid ack parameter") from wrong


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
