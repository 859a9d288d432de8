"""A push of which traces tell: the step ``push``, in the trace of each message; the endpoint is told the first."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.core.tracing import CURRENT, SpanFacts, TraceContext, Tracer, trace_context_in
from bridge.push.http import PostCall
from bridge.push.send import send
from broker.clock import Clock
from broker.model import Message
from broker.records import PushConfig


async def send_traced(
    tracer: Tracer,
    clock: Clock,
    subscription: str,
    messages: Sequence[Message],
    post: PostCall,
    push: PushConfig,
    body: bytes,
) -> str | None:
    """Push a body made of these messages as ``send`` does, and tell of it."""
    parents: dict[str, TraceContext] = {}
    for message in messages:
        if (context := trace_context_in(message.attributes)) is not None:
            parents.setdefault(context.traceparent, context)
    facts: SpanFacts = {
        "messaging.destination.subscription.name": subscription,
        "messaging.batch.message_count": len(messages),
    }
    began_us = clock.wall_us()
    spans = [tracer.begin("push", parent, began_us, "client", facts) for parent in parents.values()]
    CURRENT.set(spans[0].context if spans else None)
    fault: str | None = "cut off"
    try:
        fault = await send(post, push, body)
    finally:
        CURRENT.set(None)
        for span in spans:
            span.end(clock.wall_us(), fault or "")
    return fault
