"""Which deliveries found their destination failing: the next probe is another's, if one waits."""

from __future__ import annotations

from typing import Final

from broker.model import Leased

_MOST_REMEMBERED: Final = 20


class Probes:
    """The deliveries tried in vain since the breaker opened, the last one last."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def forget(self) -> None:
        """The destination is well again."""
        self._ids.clear()

    def note(self, delivery_id: str) -> None:
        """This one was tried in vain."""
        self._ids.pop(delivery_id, None)
        self._ids[delivery_id] = None
        if len(self._ids) > _MOST_REMEMBERED:
            del self._ids[next(iter(self._ids))]

    def sort(self, lines: list[list[Leased]]) -> None:
        """Put lines whose first was a probe behind all others, the longest ago first."""
        turns = {delivery: turn for turn, delivery in enumerate(self._ids, 1)}
        lines.sort(key=lambda line: turns.get(line[0].delivery.id, 0))
