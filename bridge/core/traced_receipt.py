"""The first steps of a trace: ``receive``, what brought messages in, and ``append``, until they are durable.

A message says its trace in its attributes; a call says it in its headers, for the messages that say none. A message
keeps what it says, and one that says nothing is given what its call said, or a trace of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bridge.core.tracing import Span, SpanFacts, SpanKind, TraceContext, Tracer, trace_context_in, trace_headers
from broker.clock import Clock
from broker.errors import TooLarge
from broker.model import Appended, NewMessage
from broker.publish import check_size

AppendCall: TypeAlias = Callable[[Sequence[NewMessage]], Awaitable[Appended]]


@dataclass(frozen=True, slots=True)
class Arrival:
    """How messages came: into which topic, by what kind of call, when it began, and the trace that it named."""

    topic: str
    kind: SpanKind
    began_us: int
    told: TraceContext | None = None


@dataclass(frozen=True, slots=True)
class TracedAppend:
    """What an append answered, and the place of its first message in a trace."""

    appended: Appended
    context: TraceContext | None


async def append_traced(
    tracer: Tracer, clock: Clock, arrival: Arrival, messages: Sequence[NewMessage], append: AppendCall
) -> TracedAppend:
    """Append messages and tell of it in the trace of each. Raises what ``append`` raises."""
    own = [trace_context_in(message.attributes) for message in messages]
    facts: SpanFacts = {"messaging.destination.name": arrival.topic, "messaging.batch.message_count": len(messages)}
    spans: dict[str, Span] = {}
    for context in own or [None]:
        parent = context or arrival.told
        key = parent.traceparent if parent is not None else ""
        if key not in spans:
            spans[key] = tracer.begin("receive", parent, arrival.began_us, arrival.kind, facts)
    asked = spans.get(arrival.told.traceparent if arrival.told is not None else "")
    stamped = [
        _stamp(message, asked.context)
        if context is None and asked is not None and _is_worth(asked, arrival)
        else message
        for message, context in zip(messages, own, strict=True)
    ]
    begun_us = clock.wall_us()
    appends = [tracer.begin("append", span.context, begun_us, facts=facts) for span in spans.values()]
    fault = ""
    try:
        appended = await append(stamped)
    except Exception as error:
        fault = type(error).__name__
        raise
    finally:
        now_us = clock.wall_us()
        for span in (*appends, *spans.values()):
            span.end(now_us, fault)
    return TracedAppend(appended, next(iter(spans.values())).context)


def _is_worth(of_call: Span, arrival: Arrival) -> bool:
    """Whether it is to be kept: somebody follows the trace, or it is recorded here."""
    return of_call.context.is_sampled or arrival.told is not None


def _stamp(message: NewMessage, context: TraceContext) -> NewMessage:
    """The message with its trace beside it; as it is when there is no room for that."""
    stamped = NewMessage(message.data, {**message.attributes, **trace_headers(context)})
    try:
        check_size(stamped)
    except TooLarge:
        return message
    return stamped
