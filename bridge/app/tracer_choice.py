"""The tracer that the settings ask for; its library is read only then."""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from bridge.core.tracing import Tracer
from bridge.settings.tracing_settings import TracingSettings
from broker.clock import Clock

if TYPE_CHECKING:
    from bridge.delivery.traced_destination import DeliveryTraces

LACKS_EXTRA: Final = "tracing needs its extra: pip install 'ams-bridge[otel]'"
_LIBRARIES: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def lacks_extra(settings: TracingSettings) -> bool:
    """Whether traces are asked for and OpenTelemetry is not installed."""
    if not settings.endpoint:
        return False
    try:
        return (
            find_spec("opentelemetry.sdk.trace") is None or find_spec("opentelemetry.exporter.otlp.proto.http") is None
        )
    except ModuleNotFoundError:
        return True


def choose_tracer(settings: TracingSettings, node: str) -> Tracer | None:
    """The tracer, at work; None when there are to be no traces."""
    if not settings.endpoint:
        return None
    from bridge.observe.opentelemetry_tracer import OpenTelemetryTracer

    return OpenTelemetryTracer(settings, version("ams-bridge"), node)


def trace_deliveries(tracer: Tracer | None, clock: Clock) -> DeliveryTraces | None:
    """Who tells of tries; None when there are to be no traces."""
    if tracer is None:
        return None
    from bridge.delivery.traced_destination import DeliveryTraces

    return DeliveryTraces(tracer, clock)
