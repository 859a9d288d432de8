"""The operator ``version_below``."""

from __future__ import annotations

import re
from typing import Any, Final

from bridge.plugin import Operator, OperatorPlugin, OperatorTest

_VERSION: Final = re.compile(r"v?(\d{1,9}(?:\.\d{1,9}){0,5})")
_LONGEST_RUNES: Final = 100


def _numbers(value: Any) -> tuple[int, ...] | None:
    found = _VERSION.match(value) if isinstance(value, str) and len(value) <= _LONGEST_RUNES else None
    return tuple(int(part) for part in found[1].split(".")) if found is not None else None


def _make(said: Any, ignore_case: bool) -> OperatorTest:
    bound = _numbers(said)
    if bound is None:
        raise ValueError(f"{said!r} is no version; write a text, such as '2.4.1'")
    return lambda value, now_us: (numbers := _numbers(value)) is not None and _padded(numbers) < _padded(bound)


def _padded(numbers: tuple[int, ...]) -> tuple[int, ...]:
    return numbers + (0,) * (6 - len(numbers))


PLUGIN: Final = OperatorPlugin(
    promise=1,
    operator=Operator("version_below", "a version lower than this one", "{version_below: '2.4.1'}", _make),
)
