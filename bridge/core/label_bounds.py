"""Keeps the number of series within bounds: of what people make without end, only so many are told by name."""

from __future__ import annotations

from typing import Final

MOST_NAMED: Final = 200
"""Things of one kind that the API makes (topics, subscriptions, their workers) and that are told by name."""

MOST_CONFIGURED: Final = 1_000
"""Things of one kind that bridge.yaml and rules name, over all reloads of one process."""

OTHERS: Final = "(others)"
"""The name under which everything beyond that is summed up."""


class LabelBound:
    """The values of one label: the first so many keep their names, all that come later share one."""

    def __init__(self, most: int = MOST_CONFIGURED) -> None:
        self._most = most
        self._named: set[str] = set()

    def name_of(self, value: str) -> str:
        """``value``, or OTHERS when too many came before it."""
        if value in self._named:
            return value
        if len(self._named) >= self._most:
            return OTHERS
        self._named.add(value)
        return value
