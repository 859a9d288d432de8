"""Writes the page of metrics in the form that its reader asks for: Prometheus' own text, or OpenMetrics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
_OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_VERSIONS: Final = {"", "0.0.1", "1.0.0"}
_QUALITY: Final = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


@dataclass(frozen=True, slots=True)
class Exposition:
    """The page of metrics, and the content type that says how to read it."""

    body: bytes
    content_type: str


def write_exposition(registry: CollectorRegistry, accept: str) -> Exposition:
    """Everything in ``registry``, in the form that the header ``accept`` asks for; plain text when it asks for none."""
    if prefers_openmetrics(accept):
        page: bytes = generate_openmetrics(registry)  # type: ignore[no-untyped-call]
        return Exposition(page, _OPENMETRICS)
    return Exposition(generate_latest(registry), _TEXT)


def prefers_openmetrics(accept: str) -> bool:
    """Whether a reader takes OpenMetrics of a version that we write, and plain text no more gladly."""
    openmetrics, text = 0.0, 0.0
    for kind, version, quality in _read_accept(accept):
        if kind == "application/openmetrics-text" and version in _VERSIONS:
            openmetrics = max(openmetrics, quality)
        elif kind == "text/plain":
            text = max(text, quality)
    return openmetrics > 0 and openmetrics >= text


def _read_accept(accept: str) -> Iterator[tuple[str, str, float]]:
    """Each media type with its version and its quality; one whose quality cannot be read counts as refused."""
    for offer in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in offer.split(";"))
        pairs = (parameter.partition("=") for parameter in parameters)
        values = {name.strip(): value.strip().strip('"') for name, _, value in pairs}
        quality = values.get("q", "1")
        yield kind, values.get("version", ""), float(quality) if _QUALITY.fullmatch(quality) else 0.0
