"""Durations, sizes, rates and paths in settings: written as people write them, held as plain values.

Each type also takes the plain number or value itself, so that records can be built in code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, WithJsonSchema

from rules.words import Rate, duration_s, rate, size_bytes


def _seconds(said: object) -> object:
    return said if isinstance(said, float) else duration_s(said)


def _bytes(said: object) -> object:
    return said if isinstance(said, int) and not isinstance(said, bool) else size_bytes(said)


def _in_folder(path: Path, info: ValidationInfo) -> Path:
    folder: Path | None = (info.context or {}).get("folder")
    return folder / path if folder is not None else path


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

FilePath: TypeAlias = Annotated[Path, AfterValidator(_in_folder)]
"""A path in settings; a relative one is relative to the folder given as validation context ``folder``."""
