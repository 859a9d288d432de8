"""Durations, sizes, rates and paths in settings: written as people write them, held as plain values.

In code each type also takes the plain value itself; in a file (validation context ``folder``) a number needs its unit.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, WithJsonSchema

from rules.source.words import Rate, duration_s, rate, size_bytes


def _seconds(value: object, info: ValidationInfo) -> object:
    if isinstance(value, float) and _folder(info) is None:
        if not math.isfinite(value) or value < 0:
            raise ValueError(f"{value} is not a duration in seconds")
        return value
    return duration_s(value)


def _lasting(seconds: float) -> float:
    if seconds <= 0:
        raise ValueError("must be longer than 0s")
    return seconds


def _bytes(value: object, info: ValidationInfo) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and _folder(info) is None:
        return value
    return size_bytes(value)


def _in_folder(path: Path, info: ValidationInfo) -> Path:
    folder = _folder(info)
    return folder / path if folder is not None else path


def _rate(value: object) -> object:
    return value if isinstance(value, Rate) else rate(value)


def _folder(info: ValidationInfo) -> Path | None:
    """The folder of the file that is read; None in code."""
    folder: Path | None = (info.context or {}).get("folder")
    return folder


MOST_COUNTED: Final = 1_000_000_000
"""The bound of counts that have no nearer one: whoever means "never" writes no larger number."""
_AS_DURATION = WithJsonSchema({"type": "string", "examples": ["300ms", "10s", "5m", "2h", "7d"]})

Duration: TypeAlias = Annotated[float, BeforeValidator(_seconds), _AS_DURATION]
"""A duration in settings (``10s``), held as seconds."""

LastingDuration: TypeAlias = Annotated[float, BeforeValidator(_seconds), AfterValidator(_lasting), _AS_DURATION]
"""A duration that must not be zero."""

ByteSize: TypeAlias = Annotated[
    int, BeforeValidator(_bytes), WithJsonSchema({"type": "string", "examples": ["64KiB", "10MiB", "20GiB"]})
]
"""A size in settings (``10MiB``), held as bytes."""

Pacing: TypeAlias = Annotated[
    Rate, BeforeValidator(_rate), WithJsonSchema({"type": "string", "examples": ["1/s", "20/1m"]})
]
"""A rate in settings (``20/1m``), held as a count and its seconds."""

FilePath: TypeAlias = Annotated[Path, AfterValidator(_in_folder)]
"""A path in settings; a relative one is relative to the folder given as validation context ``folder``."""
