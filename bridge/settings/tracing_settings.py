"""The section ``tracing:`` of bridge.yaml: where traces go, and how many of them."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, field_validator

from bridge.core.quantities import LastingDuration
from bridge.core.secret import Secret
from bridge.core.tls_settings import TlsClientSettings


class TracingSettings(TlsClientSettings):
    """Traces over OTLP/HTTP. Without ``endpoint`` there are none, and nothing of OpenTelemetry is imported."""

    endpoint: str = Field(
        "", description="Where a collector takes traces, such as http://localhost:4318/v1/traces; empty: no traces"
    )
    headers: dict[str, Secret] = Field(default_factory=dict, description="Headers for the collector")
    sample: float = Field(1.0, ge=0, le=1, description="Part of the traces that begin here; a sender's are as it says")
    service: str = Field("ams-bridge", min_length=1, description="The service's name in traces")
    timeout: LastingDuration = Field(5.0, description="Longest that the collector may take")

    @field_validator("endpoint")
    @classmethod
    def _is_an_url(cls, text: str) -> str:
        try:
            parts = urlsplit(text)
            fits = not text or (parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0)
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(f'"{text}" is no address of a collector, such as http://localhost:4318/v1/traces')
        return text
