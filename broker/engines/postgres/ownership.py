"""Which node runs which worker: leases in the database, by the database's own clock.

A node says each second that it lives. A worker whose node was not heard of for longer than that may be taken over,
with a higher token; from then on nothing that was begun under the old one is accepted (fencing.py), for the token is
looked at in the very transaction that writes. What the dead node had leased is free in the transaction that takes over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar

import psycopg
from psycopg.errors import FeatureNotSupported, InsufficientPrivilege, UndefinedFunction

from broker.clock import US_PER_S
from broker.engines.postgres.address import Address
from broker.engines.postgres.connections import Db, connect
from broker.engines.postgres.failures import is_broken, is_of_the_moment, store_error
from broker.engines.postgres.queries import Question, ask, ask_all, load
from broker.engines.postgres.sharing import FairShare, LiveNodes, Look, look_of
from broker.model import NodeStanding, OwnerToken, WorkerStanding
from broker.steady import SteadyTime

T = TypeVar("T")

NODE_TTL_S: Final = 3.5
"""How long a node is taken to be alive after it was last heard of."""

_SQL: Final = load("ownership")
_END_LEASES: Final = load("outbox")["end_leases_of_the_dead"]
_TTL_US: Final = int(NODE_TTL_S * US_PER_S)
_LOOKS_AT_SESSIONS: Final = 10


async def register(db: Db, node: str) -> tuple[int, str]:
    """Begin as a node: the number under which it holds things, and the name that its sessions are known by.

    An earlier run of it holds nothing any more.
    """
    holder, sessions = (await ask(db, _SQL["register"], {"name": node, "ttl": _TTL_US}))[0]
    return holder, sessions


class PostgresOwnership:
    """See broker.store.Ownership. It has a connection of its own, so that no write keeps it from saying it lives."""

    ttl_s = NODE_TTL_S

    def __init__(self, address: Address, holder: int, steady: SteadyTime) -> None:
        self._address = address
        self._holder = holder
        self._steady = steady
        self._db: Db | None = None
        self._turn = asyncio.Lock()
        self._ends_sessions = True
        self._share = FairShare(holder)
        self._free: frozenset[str] = frozenset()
        self._wanted: frozenset[str] | None = None
        self._wants_sum = 0
        self._live: LiveNodes = {}
        self._looks = 0

    async def hold(self, node: str, wanted: Sequence[str]) -> Mapping[str, OwnerToken]:
        """See Ownership."""
        async with self._turn:
            return await self._try(lambda db: self._hold(db, node, frozenset(wanted)))

    async def renew(self) -> None:
        """Say that this node lives."""
        async with self._turn:
            await self._try(lambda db: ask(db, _SQL["renew"], (_TTL_US, self._holder)))

    async def release(self, node: str) -> None:
        """See Ownership."""
        async with self._turn:
            await self._try(lambda db: ask(db, _SQL["release_all"], (self._holder,)))

    async def nodes(self) -> Sequence[NodeStanding]:
        """See Ownership."""
        async with self._turn:
            nodes, workers = await self._try(lambda db: ask_all(db, [(_SQL["nodes"], None), (_SQL["listed"], None)]))
        of_node: dict[str, list[WorkerStanding]] = {}
        for node, *worker in workers:
            of_node.setdefault(node, []).append(WorkerStanding(*worker))
        return [NodeStanding(name, lives, since, tuple(of_node.get(name, ()))) for name, lives, since in nodes]

    async def end(self) -> None:
        """Say that this node ends: what it held is free at once."""
        async with self._turn:
            await self._try(self._end)

    async def close(self) -> None:
        """Let go of the connection."""
        async with self._turn:
            await self._let_go()

    async def _hold(self, db: Db, node: str, wanted: frozenset[str]) -> Mapping[str, OwnerToken]:
        look = await self._renew_and_look(db, wanted)
        if look is None:
            return {}  # a later run of this node has begun
        await self._end_sessions_of_the_dead(db, look.live)
        tokens, free = dict(look.tokens), {name: died for name, died in look.free.items() if name in wanted}
        share = await self._share.read(db, look.live, wanted)
        room = share.total - len(tokens)
        if spare := share.spare(tokens):
            await ask(db, _SQL["release"], (self._holder, spare))
            tokens = {name: token for name, token in tokens.items() if name not in spare}
        elif room > 0 and (missing := share.missing(tokens, free, self._free)):
            tokens |= await self._claim(db, node, missing, room)
        self._free = frozenset(free)
        return {name: OwnerToken(name, token) for name, token in tokens.items()}

    async def _renew_and_look(self, db: Db, wanted: frozenset[str]) -> Look | None:
        """Say that this node lives, and see who else does; None when it does not. It takes one way there and back.

        What it could run is written when that is news, to it or to a database that lost it in a failover.
        """
        looks: list[Question] = [(_SQL["live"], None), (_SQL["held"], (self._holder,)), (_SQL["free"], None)]
        if wanted == self._wanted:
            renewed, *rows = await ask_all(db, [(_SQL["renew"], (_TTL_US, self._holder)), *looks])
            if not renewed or renewed[0][0] == self._wants_sum:
                return look_of(*rows) if renewed else None
        names, self._wanted = sorted(wanted), None
        renewed, _, _, *rows = await ask_all(
            db,
            [
                (_SQL["renew_wanting"], (_TTL_US, names, self._holder)),
                (_SQL["release_others"], (self._holder, names)),
                (_SQL["add_workers"], (names,)),
                *looks,
            ],
        )
        if renewed:
            self._wanted, self._wants_sum = wanted, renewed[0][0]
        return look_of(*rows) if renewed else None

    async def _end_sessions_of_the_dead(self, db: Db, live: LiveNodes) -> None:
        """Free the locks of a node that stopped between two statements, where the database lets us.

        It reads every session, so it is asked when other nodes live than before, and now and then.
        """
        self._looks += 1
        if self._ends_sessions and (live != self._live or self._looks % _LOOKS_AT_SESSIONS == 0):
            try:
                await ask(db, _SQL["end_sessions_of_the_dead"])
            except (UndefinedFunction, InsufficientPrivilege, FeatureNotSupported):
                self._ends_sessions = False  # its locks are free when its connection is
        self._live = live

    async def _claim(self, db: Db, node: str, names: Sequence[str], room: int) -> dict[str, int]:
        """Take free workers, as many as there is room for; leases of a node that died end with that."""
        free = {"holder": self._holder, "node": node, "names": list(names), "limit": room}
        async with db.transaction():
            claimed = await ask(db, _SQL["claim"], free)
            if any(taken_from for _, _, taken_from in claimed):
                await ask(db, _END_LEASES, (self._steady.read().steady_us,))
        return {name: token for name, token, _ in claimed}

    async def _end(self, db: Db) -> None:
        await ask_all(db, [(_SQL["release_all"], (self._holder,)), (_SQL["end"], (self._holder,))])

    async def _try(self, work: Callable[[Db], Awaitable[T]]) -> T:
        """Make some statements, once more where the connection broke or two nodes were in each other's way."""
        for is_last in (False, False, True):
            try:
                if self._db is None or self._db.closed:
                    self._db = await connect(self._address)
                return await work(self._db)
            except psycopg.Error as error:
                if is_broken(error):
                    await self._let_go()
                if is_last or not (is_broken(error) or is_of_the_moment(error)):
                    raise store_error(error) from error
        raise AssertionError("the last try returns or raises")

    async def _let_go(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            await db.close()
