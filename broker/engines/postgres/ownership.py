"""Which node runs which worker: leases in the database, by the database's own clock.

A node says each second that it lives. A worker whose node was not heard of for longer than that may be taken over,
with a higher token; from then on nothing that was begun under the old one is accepted (``check_owner``), for the token
is looked at in the very transaction that writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar

import psycopg

from broker.clock import US_PER_S
from broker.engines.postgres.address import Address
from broker.engines.postgres.connections import Db, connect
from broker.engines.postgres.failures import is_broken, is_of_the_moment, store_error
from broker.engines.postgres.queries import ask, ask_all, load
from broker.engines.postgres.unit import Unit
from broker.errors import NotOwner
from broker.model import OwnerToken

T = TypeVar("T")

NODE_TTL_S: Final = 4.0
"""How long a node is taken to be alive after it was last heard of."""

_SQL: Final = load("ownership")
_TTL_US: Final = int(NODE_TTL_S * US_PER_S)


async def register(db: Db, node: str) -> int:
    """Begin as a node; the number under which it holds things. An earlier run of it holds nothing any more."""
    holder: int = (await ask(db, _SQL["register"], {"name": node, "ttl": _TTL_US}))[0][0]
    return holder


class PostgresOwnership:
    """See broker.store.Ownership. It has a connection of its own, so that no write keeps it from saying it lives."""

    def __init__(self, address: Address, holder: int) -> None:
        self._address = address
        self._holder = holder
        self._db: Db | None = None
        self._turn = asyncio.Lock()

    async def hold(self, node: str, wanted: Sequence[str]) -> Mapping[str, OwnerToken]:
        """See Ownership."""
        async with self._turn:
            return await self._try(lambda db: self._hold(db, node, sorted(set(wanted))))

    async def renew(self) -> None:
        """Say that this node lives."""
        async with self._turn:
            await self._try(lambda db: ask(db, _SQL["renew"], (_TTL_US, self._holder)))

    async def release(self, node: str) -> None:
        """See Ownership."""
        async with self._turn:
            await self._try(lambda db: ask(db, _SQL["release_all"], (self._holder,)))

    async def end(self) -> None:
        """Say that this node ends: what it held is free at once."""
        async with self._turn:
            await self._try(self._end)

    async def close(self) -> None:
        """Let go of the connection."""
        async with self._turn:
            await self._let_go()

    async def _hold(self, db: Db, node: str, wanted: Sequence[str]) -> Mapping[str, OwnerToken]:
        if not await ask(db, _SQL["renew"], (_TTL_US, self._holder)):
            return {}  # a later run of this node has begun
        names = list(wanted)
        await ask(db, _SQL["add_workers"], (names,))
        live, rows = await ask_all(db, [(_SQL["live"], None), (_SQL["held"], (self._holder, names))])
        held: dict[str, int] = dict(rows)
        for kind in sorted({_kind_of(name) for name in names}):
            of_kind = [name for name in names if _kind_of(name) == kind]
            await self._take_share(db, node, of_kind, held, -(-len(of_kind) // max(live[0][0], 1)))
        return {name: OwnerToken(name, token) for name, token in held.items()}

    async def _take_share(self, db: Db, node: str, names: Sequence[str], held: dict[str, int], share: int) -> None:
        """Claim free workers of one kind up to a share, or give back what is above it."""
        ours = [name for name in names if name in held]
        if len(ours) > share:
            given = ours[share:]
            await ask(db, _SQL["release"], (self._holder, given))
            for name in given:
                del held[name]
        elif len(ours) < share:
            free = {"holder": self._holder, "node": node, "names": list(names), "limit": share - len(ours)}
            held.update(await ask(db, _SQL["claim"], free))

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


def check_owner(unit: Unit, owner: OwnerToken | None) -> None:
    """Raise NotOwner for a token that does not hold its worker now."""
    if owner is not None and unit.owners.get(owner.worker) != owner.token:
        raise NotOwner(owner.worker)


def _kind_of(worker: str) -> str:
    return worker.partition(":")[0]
