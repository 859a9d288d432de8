"""A node's fair share of the workers, worked out anew only when who lives changed, or what they could run.

Each node looks once a second. If every look weighed each worker that each node could run, the cost of all would grow
with the square of the nodes times the workers: so nodes that could run the same are told by one number, and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from fractions import Fraction
from math import ceil
from typing import Final, TypeAlias

from broker.engines.postgres.connections import Db
from broker.engines.postgres.queries import Rows, ask, load

_SQL: Final = load("ownership")

LiveNodes: TypeAlias = Mapping[int, tuple[int, ...]]
"""The holders that live, by the number that stands for what they could run (``nodes.wants_sum``)."""


def live_nodes(rows: Rows) -> LiveNodes:
    """The answer of the query ``live``."""
    return {wants_sum: tuple(holders) for wants_sum, holders in rows}


def fair_share(wanted: AbstractSet[str], sharers: Iterable[tuple[AbstractSet[str], int]]) -> int:
    """How many of ``wanted`` are one node's: each worker is shared by all nodes that could run it.

    ``sharers`` are sets of workers, each with the number of nodes that could run just these.
    """
    shared = Counter[str]()
    for names, nodes in sharers:
        for name in names & wanted:
            shared[name] += nodes
    return ceil(sum(Fraction(workers, nodes) for nodes, workers in Counter(shared.values()).items()))


class FairShare:
    """The share of one node, remembered from look to look."""

    def __init__(self) -> None:
        self._names: dict[int, frozenset[str]] = {}
        self._of: tuple[Mapping[int, int], AbstractSet[str]] | None = None
        self._share = 0

    async def count(self, db: Db, live: LiveNodes, wanted: AbstractSet[str]) -> int:
        """How many of the wanted workers are this node's while these nodes live."""
        nodes = {wants_sum: len(holders) for wants_sum, holders in live.items()}
        if self._of != (nodes, wanted):
            is_whole = await self._learn(db, nodes)
            known = ((self._names[each], count) for each, count in nodes.items() if each in self._names)
            self._share = fair_share(wanted, known)
            self._of = (nodes, wanted) if is_whole else None
        return self._share

    async def _learn(self, db: Db, nodes: Mapping[int, int]) -> bool:
        """Read the names behind numbers that were not met before; False where a node wants others by now."""
        unknown = [wants_sum for wants_sum in nodes if wants_sum not in self._names]
        rows = await ask(db, _SQL["wants"], (unknown,)) if unknown else []
        known = self._names | {wants_sum: frozenset(names) for wants_sum, names in rows}
        self._names = {wants_sum: known[wants_sum] for wants_sum in nodes if wants_sum in known}
        return len(self._names) == len(nodes)
