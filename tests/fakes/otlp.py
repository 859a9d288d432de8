"""A collector of OpenTelemetry: takes traces over OTLP/HTTP, reads the published protobuf, and keeps the spans.

It answers as the real one: 200 with an empty ExportTraceServiceResponse, 400 for what it cannot read, 404 elsewhere.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from bridge.fakes.exchange import Reply, Request
from bridge.fakes.served import Served
from broker.clock import SystemClock

_PROTOBUF = ((b"content-type", b"application/x-protobuf"),)


@dataclass(frozen=True)
class ToldSpan:
    """A span as it came: ids in hexadecimal, ``fault`` the description of an error."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    began_ns: int
    ended_ns: int
    kind: int
    facts: Mapping[str, str | int]
    fault: str
    state: str
    service: Mapping[str, str]


class FakeCollector(Served):
    """See the module. ``traces_url`` is the endpoint to name in settings."""

    def __init__(self) -> None:
        super().__init__(self._respond, SystemClock())
        self.spans: list[ToldSpan] = []

    @property
    def traces_url(self) -> str:
        return f"{self.base_url}/v1/traces"

    def _respond(self, request: Request) -> Reply:
        if request.method != "POST" or request.path != "/v1/traces":
            return Reply(404)
        body = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
        try:
            asked = ExportTraceServiceRequest.FromString(body)
        except DecodeError:
            return Reply(400)
        self.spans += _spans_of(asked)
        return Reply(200, ExportTraceServiceResponse().SerializeToString(), _PROTOBUF)


def _spans_of(asked: ExportTraceServiceRequest) -> list[ToldSpan]:
    told = []
    for resource in asked.resource_spans:
        service = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                facts: dict[str, str | int] = {
                    pair.key: pair.value.string_value or pair.value.int_value for pair in span.attributes
                }
                told.append(
                    ToldSpan(
                        name=span.name,
                        trace_id=span.trace_id.hex(),
                        span_id=span.span_id.hex(),
                        parent_id=span.parent_span_id.hex(),
                        began_ns=span.start_time_unix_nano,
                        ended_ns=span.end_time_unix_nano,
                        kind=span.kind,
                        facts=facts,
                        fault=span.status.message,
                        state=span.trace_state,
                        service=service,
                    )
                )
    return told
