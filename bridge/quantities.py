"""Durations, sizes and rates in settings: written as people write them, held as plain numbers.

Each type also takes the plain number or value itself, so that records can be built in code.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema

from rules.words import Rate, duration_s, rate, size_bytes


def _seconds(said: object) -> object:
    return said if isinstance(said, float) else duration_s(said)


def _bytes(said: object) -> object:
    return said if isinstance(said, int) and not isinstance(said, bool) else size_bytes(said)


def _rate(said: object) -> object:
    return said if isinstance(said, Rate) else rate(said)


Duration: TypeAlias = Annotated[
    float, BeforeValidator(_seconds), WithJsonSchema({"type": "string", "examples": ["300ms", "10s", "5m", "2h", "7d"]})
]
"""A duration in settings (``10s``), held as seconds."""

Size: TypeAlias = Annotated[
    int, BeforeValidator(_bytes), WithJsonSchema({"type": "string", "examples": ["64KiB", "10MiB", "20GiB"]})
]
"""A size in settings (``10MiB``), held as bytes."""

Pacing: TypeAlias = Annotated[
    Rate, BeforeValidator(_rate), WithJsonSchema({"type": "string", "examples": ["1/s", "20/1m"]})
]
"""A rate in settings (``20/1m``), held as a count and its seconds."""
