"""The step ``decide`` of traces: from reading a batch to its commit, in the trace of each of its messages.

What a timer sends (a group, an end that was waited for) has a trace of its own: many messages may have led to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.core.tracing import Span, SpanFacts, TraceContext, Tracer, trace_context_in
from broker.clock import Clock
from broker.model import Message
from rules.model import Send


class BatchTrace:
    """The traces that one batch is part of. What is not ended, because the batch is decided anew, is never told of."""

    def __init__(self, tracer: Tracer, topic: str, now_us: int, messages: Sequence[Message] = ()) -> None:
        self._tracer = tracer
        self._facts: SpanFacts = {"messaging.destination.name": topic}
        self._now_us = now_us
        self._fired: dict[tuple[str, str, int], Span] = {}
        parents = [(message.offset, trace_context_in(message.attributes)) for message in messages]
        self._spans = {offset: self._begin(parent, offset) for offset, parent in parents if parent is not None}

    def trace_of(self, send: Send, offset: int) -> TraceContext | None:
        """The step that decided a send; ``offset`` is -1 for a timer's."""
        if offset >= 0:
            span = self._spans.get(offset)
            return span.context if span is not None else None
        key = send.origin, send.rule, send.send
        if key not in self._fired:
            self._fired[key] = self._begin(None, offset, {"ams_bridge.rule": send.rule})
        context = self._fired[key].context
        return context if context.is_sampled else None

    def end(self, clock: Clock) -> TraceContext | None:
        """The batch is in; gives the first of its steps, None when it is part of no trace."""
        spans, now_us = [*self._spans.values(), *self._fired.values()], clock.wall_us()
        for span in spans:
            span.end(now_us)
        return spans[0].context if spans else None

    def _begin(self, parent: TraceContext | None, offset: int, more: SpanFacts | None = None) -> Span:
        facts = {**self._facts, **({"messaging.message.id": str(offset)} if offset >= 0 else {}), **(more or {})}
        return self._tracer.begin("decide", parent, self._now_us, facts=facts)
