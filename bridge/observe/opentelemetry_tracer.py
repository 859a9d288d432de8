"""The tracer of OpenTelemetry: steps go to a collector over OTLP/HTTP, in batches, from a thread of their own.

A collector that is away costs nobody else: what does not fit its queue of 2,048 steps is dropped, with a line in the
log. The module is imported where settings ask for traces, and only there.
"""

from __future__ import annotations

import asyncio
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.trace import Span as TheirSpan
from opentelemetry.trace import SpanKind as TheirKind
from opentelemetry.trace.span import TraceState

from bridge.core.tracing import SpanFacts, SpanKind, TraceContext
from bridge.settings.tracing_settings import TracingSettings

_KINDS: Final[dict[SpanKind, TheirKind]] = {
    "internal": TheirKind.INTERNAL,
    "server": TheirKind.SERVER,
    "consumer": TheirKind.CONSUMER,
    "client": TheirKind.CLIENT,
    "producer": TheirKind.PRODUCER,
}
_NS_PER_US: Final = 1_000
_PAUSE_MS: Final = 1_000.0


class OpenTelemetrySpan:
    """See core.tracing.Span."""

    def __init__(self, span: TheirSpan) -> None:
        self._span = span
        place = span.get_span_context()
        self.context = TraceContext(
            trace_id=format_trace_id(place.trace_id),
            span_id=format_span_id(place.span_id),
            is_sampled=place.trace_flags.sampled,
            state=place.trace_state.to_header(),
        )

    def end(self, at_us: int, fault: str = "") -> None:
        """See Span."""
        if fault:
            self._span.set_status(Status(StatusCode.ERROR, fault))
        self._span.end(at_us * _NS_PER_US)


class OpenTelemetryTracer:
    """See core.tracing.Tracer."""

    def __init__(self, settings: TracingSettings, release: str, node: str) -> None:
        names = {"service.name": settings.service, "service.version": release, "service.instance.id": node}
        pair = settings.client_pair
        exporter = OTLPSpanExporter(
            endpoint=settings.endpoint,
            headers={name: value.reveal() for name, value in settings.headers.items()},
            timeout=settings.timeout,
            compression=Compression.Gzip,
            certificate_file=str(settings.ca_file) if settings.ca_file is not None else None,
            client_certificate_file=str(pair.certificate) if pair is not None else None,
            client_key_file=str(pair.key) if pair is not None and pair.key is not None else None,
        )
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.sample)),
            resource=Resource.create(names),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_PAUSE_MS))
        self._tracer = self._provider.get_tracer("ams-bridge", release)

    def begin(
        self,
        name: str,
        parent: TraceContext | None,
        at_us: int,
        kind: SpanKind = "internal",
        facts: SpanFacts = {},  # noqa: B006 - it is only read
    ) -> OpenTelemetrySpan:
        """See Tracer."""
        begun = self._tracer.start_span(
            name, _context_of(parent), _KINDS[kind], attributes=facts, start_time=at_us * _NS_PER_US
        )
        return OpenTelemetrySpan(begun)

    async def close(self) -> None:
        """See Tracer."""
        await asyncio.to_thread(self._provider.shutdown)


def _context_of(parent: TraceContext | None) -> Context:
    """The parent as the library has it: an empty context, beside which nothing is asked for, begins a trace."""
    if parent is None:
        return Context()
    place = SpanContext(
        trace_id=int(parent.trace_id, 16),
        span_id=int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if parent.is_sampled else TraceFlags.DEFAULT),
        trace_state=TraceState.from_header([parent.state]) if parent.state else None,
    )
    return set_span_in_context(NonRecordingSpan(place), Context())
