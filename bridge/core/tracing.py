"""Traces as W3C Trace Context has them: what senders say of theirs, and what a tracer adds to it.

Nothing of OpenTelemetry is imported here; ``bridge/observe/opentelemetry_tracer.py`` is the tracer of a daemon whose
settings have ``tracing:``. Without one, nothing asks for any of this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
_PARENTS: Final = (TRACEPARENT, "ce-traceparent", "googclient_traceparent")
"""Where senders say it: the header and the attribute, CloudEvents' extension, and Google's client libraries."""
_STATES: Final = {TRACEPARENT: TRACESTATE, "ce-traceparent": "ce-tracestate"}
_FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_LONGEST_STATE: Final = 512
_SAMPLED: Final = 0x01

SpanKind: TypeAlias = Literal["internal", "server", "consumer", "client", "producer"]
SpanFacts: TypeAlias = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A place in a trace: its ids in hexadecimal, whether it is recorded, and what vendors keep beside it."""

    trace_id: str
    span_id: str
    is_sampled: bool
    state: str = ""

    @property
    def traceparent(self) -> str:
        """The header ``traceparent``."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.is_sampled else '00'}"


class Span(Protocol):
    """A step of a trace that was begun; one that is never ended is never told of."""

    @property
    def context(self) -> TraceContext:
        """The place of this step in its trace."""

    def end(self, at_us: int, fault: str = "") -> None:
        """End it at this time of the wall clock; ``fault`` says what went wrong, if something did."""


class Tracer(Protocol):
    """Tells somebody of the steps of a trace."""

    def begin(
        self, name: str, parent: TraceContext | None, at_us: int, kind: SpanKind = "internal", facts: SpanFacts = ...
    ) -> Span:
        """Begin a step of the trace of ``parent``, or a trace of its own. Never raises, never waits."""

    async def close(self) -> None:
        """Tell what is still to be told, within seconds."""


CURRENT: ContextVar[TraceContext | None] = ContextVar("trace", default=None)
"""The step on whose behalf the running code asks others; they are told of it."""


def read_trace_context(parent: str, state: str = "") -> TraceContext | None:
    """What the headers ``traceparent`` and ``tracestate`` say; None when that is no trace."""
    match = _FORM.fullmatch(parent.strip())
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or not (trace_id.strip("0") and span_id.strip("0")):
        return None
    kept = state.strip()
    fits = len(kept) <= _LONGEST_STATE and kept.isascii() and kept.isprintable()
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED), kept if fits else "")


def trace_context_in(texts: Mapping[str, str]) -> TraceContext | None:
    """The trace that the headers of a call (names in lower case) or the attributes of a message say."""
    for name in _PARENTS:
        parent = texts.get(name)
        if parent and (context := read_trace_context(parent, texts.get(_STATES.get(name, ""), ""))):
            return context
    return None


def trace_headers(context: TraceContext | None) -> dict[str, str]:
    """The headers, or the attributes, that hand a trace on; none for none."""
    if context is None:
        return {}
    state = {TRACESTATE: context.state} if context.state else {}
    return {TRACEPARENT: context.traceparent, **state}


def exemplar_of(context: TraceContext | None) -> dict[str, str] | None:
    """What a histogram keeps beside a count, to lead to the trace; None for what nobody recorded."""
    if context is None or not context.is_sampled:
        return None
    return {"trace_id": context.trace_id, "span_id": context.span_id}
