"""How values are compared: typed. ``"1"`` is not ``1``, ``true`` is never ``1``, and ``1`` equals ``1.0``."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any, Final

_NUMERIC_TEXT: Final = re.compile(r"\s*[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?\s*", re.ASCII)
_LONGEST_NUMBER: Final = 100
_BOOLEANS: Final = {True: ("boolean", True), False: ("boolean", False)}

NO_KEY: Final = ("no key",)
"""What ``comparison_key`` gives for values that no scalar equals."""


def are_equal(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal, to any depth."""
    waiting = [(left, right)]
    while waiting:
        member, other = waiting.pop()
        if isinstance(member, bool) or isinstance(other, bool):
            if member is not other:
                return False
        elif isinstance(member, dict) and isinstance(other, dict):
            if member.keys() != other.keys():
                return False
            waiting.extend((value, other[key]) for key, value in member.items())
        elif isinstance(member, list) and isinstance(other, list):
            if len(member) != len(other):
                return False
            waiting.extend(zip(member, other, strict=True))
        elif member != other:
            return False
    return True


def comparison_key(value: Any) -> Hashable:
    """A key such that two scalars are equal exactly when their keys are; NO_KEY for lists and mappings."""
    if isinstance(value, bool):
        return _BOOLEANS[value]
    if isinstance(value, dict | list):
        return NO_KEY
    return value  # type: ignore[no-any-return]


def number_of(value: Any) -> int | float | None:
    """The number a value stands for: a number, or a text that is one (``" 42 "``, ``"1e3"``); else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str) or len(value) > _LONGEST_NUMBER or not _NUMERIC_TEXT.fullmatch(value):
        return None
    try:
        return int(value)
    except ValueError:
        return float(value)
