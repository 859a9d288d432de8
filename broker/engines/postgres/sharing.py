"""A node's fair share of the workers, worked out anew only when who lives changed, or what they could run.

Each node looks once a second. If every look weighed each worker that each node could run, the cost of all would grow
with the square of the nodes times the workers: so nodes that could run the same are told by one number, and counted.

Shares are of all workers and of each kind: or one node would have all couriers, and another one all routers. Which of a
kind a node has rather than others follows from their order and its own: the first router and the first courier are at
home at the same node, and what that decides, it need not tell to another one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Final, TypeAlias

from broker.engines.postgres.connections import Db
from broker.engines.postgres.queries import Rows, ask, load

_SQL: Final = load("ownership")

LiveNodes: TypeAlias = Mapping[int, tuple[int, ...]]
"""The holders that live, by the number that stands for what they could run (``nodes.wants_sum``)."""

FreeWorkers: TypeAlias = Mapping[str, bool]
"""Workers that nobody runs: whether a node died with them."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a node sees: who lives, what it holds by token, and what nobody runs."""

    live: LiveNodes
    tokens: Mapping[str, int]
    free: FreeWorkers


def look_of(live: Rows, tokens: Rows, free: Rows) -> Look:
    """The answers of the queries ``live``, ``held`` and ``free``."""
    return Look({wants_sum: tuple(holders) for wants_sum, holders in live}, dict(tokens), dict(free))


def kind_of(worker: str) -> str:
    """What a worker does, the part of its name before the colon."""
    return worker.partition(":")[0]


def fair_share(wanted: AbstractSet[str], sharers: Iterable[tuple[AbstractSet[str], int]]) -> Mapping[str, Fraction]:
    """How many of ``wanted`` are one node's, by kind: each worker is shared by all nodes that could run it.

    ``sharers`` are sets of workers, each with the number of nodes that could run just these.
    """
    nodes_of = Counter[str]()
    for names, nodes in sharers:
        for name in names & wanted:
            nodes_of[name] += nodes
    shares: dict[str, Fraction] = {}
    for (kind, nodes), workers in Counter((kind_of(name), nodes) for name, nodes in nodes_of.items()).items():
        shares[kind] = shares.get(kind, Fraction()) + Fraction(workers, nodes)
    return shares


@dataclass(frozen=True, slots=True)
class Share:
    """What one node may have: so many ``of_kind``, and so many in all; rather than others those at ``home``."""

    of_kind: Mapping[str, int]
    total: int
    home: frozenset[str]

    def spare(self, workers: Collection[str]) -> list[str]:
        """Which of a node's are beyond the share, others than those at home first, and of each kind about as many."""
        count = max(len(workers) - self.total, 0)
        away, at_home = sorted(set(workers) - self.home), sorted(self.home.intersection(workers))
        return [*evenly(away, min(count, len(away))), *evenly(at_home, max(count - len(away), 0))]

    def missing(self, workers: Collection[str], free: FreeWorkers, waited: AbstractSet[str]) -> list[str]:
        """Which free ones to take, those at home first.

        What a node died with is taken by whoever sees it first. Of what was given back no more than the share of its
        kind, unless it was free before (``waited``): others have as much of the kind as they may, or all they may.
        """
        room = {kind: most - sum(kind_of(name) == kind for name in workers) for kind, most in self.of_kind.items()}
        taken: list[str] = []
        for name in sorted(free, key=lambda name: (name not in self.home, name)):
            kind = kind_of(name)
            room[kind] = room.get(kind, 0) - 1
            if room[kind] >= 0 or free[name] or name in waited:
                taken.append(name)
        return taken


class FairShare:
    """The share of one node, remembered from look to look."""

    def __init__(self, holder: int) -> None:
        self._holder = holder
        self._names: dict[int, frozenset[str]] = {}
        self._of: tuple[LiveNodes, AbstractSet[str]] | None = None
        self._share = Share({}, 0, frozenset())

    async def read(self, db: Db, live: LiveNodes, wanted: AbstractSet[str]) -> Share:
        """What this node may have of the wanted workers while these nodes live."""
        if self._of != (live, wanted):
            is_whole = await self._learn(db, live)
            known = ((self._names[each], len(nodes)) for each, nodes in live.items() if each in self._names)
            shares = fair_share(wanted, known)
            holders = sorted(holder for each, nodes in live.items() if self._names.get(each) for holder in nodes)
            place = holders.index(self._holder) if self._holder in holders else 0
            home = frozenset(_every(sorted(wanted), place, max(len(holders), 1)))
            of_kind = {kind: ceil(share) for kind, share in shares.items()}
            self._share = Share(of_kind, ceil(sum(shares.values())), home)
            self._of = (live, wanted) if is_whole else None
        return self._share

    async def _learn(self, db: Db, live: LiveNodes) -> bool:
        """Read the names behind numbers that were not met before; False where a node wants others by now."""
        unknown = [wants_sum for wants_sum in live if wants_sum not in self._names]
        rows = await ask(db, _SQL["wants"], (unknown,)) if unknown else []
        known = self._names | {wants_sum: frozenset(names) for wants_sum, names in rows}
        self._names = {wants_sum: known[wants_sum] for wants_sum in live if wants_sum in known}
        return len(self._names) == len(live)


def evenly(names: Sequence[str], count: int) -> list[str]:
    """Pick ``count`` of some names, spread over all of them: of every kind about the same part."""
    return [names[place * len(names) // count] for place in range(count)]


def _every(names: Iterable[str], place: int, nodes: int) -> Iterable[str]:
    """Of each kind every so many-th name in their order."""
    seen = Counter[str]()
    for name in names:
        if seen[kind_of(name)] % nodes == place:
            yield name
        seen[kind_of(name)] += 1
