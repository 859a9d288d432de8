"""How bad is how bad: the order of the words that rules use for severity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

_RANKS: Final[Mapping[str, int]] = {"ok": 0, "info": 1, "": 2, "warning": 3, "error": 4, "critical": 5}
_UNKNOWN: Final = _RANKS["error"]


def rank_of(severity: str) -> int:
    """The rank of a severity, the higher the worse; a word that is none of ours counts as an error."""
    return _RANKS.get(severity, _UNKNOWN)


def worst_of(severities: Iterable[str]) -> str:
    """The worst of some severities, "" when there is none. Of equally bad ones the first."""
    return max(severities, key=rank_of, default="")
