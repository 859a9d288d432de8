"""The PostgreSQL engine: one database, as many daemons as there are nodes."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack
from functools import partial

import msgspec
import psycopg

from broker.clock import Clock
from broker.engines.postgres.address import Address, address_as, address_of
from broker.engines.postgres.connections import Db, ReadConnections, connect
from broker.engines.postgres.deciding import make_together
from broker.engines.postgres.failures import opening_error
from broker.engines.postgres.log import Appends
from broker.engines.postgres.node import Node
from broker.engines.postgres.opening import check_version, prepare
from broker.engines.postgres.ownership import PostgresOwnership, register
from broker.engines.postgres.queries import ask, load
from broker.engines.postgres.reading import RefusingWriter
from broker.engines.postgres.store import PostgresStore
from broker.engines.postgres.waking import Waking
from broker.engines.postgres.writer import GroupWriter
from broker.steady import ClockMark, SteadyTime, boot_number, resume

_KEEPING = load("keeping")
_END_LEASES = load("outbox")["end_leases_of_the_dead"]


async def open_postgres(url: str, clock: Clock, node: str = "") -> PostgresStore:
    """Open the store as a node, by the machine's name unless told another; its tables are made when there are none.

    Leases of nodes that are no more end at once, those of an earlier run of this node included. Raises StoreUnavailable
    and StoreUnusable.
    """
    address = address_of(url)
    async with AsyncExitStack() as undoing:
        db = await _open(address)
        undoing.push_async_callback(db.close)
        try:
            await prepare(db)
            holder, sessions = await register(db, node or socket.gethostname())
            steady = await _steady_time(db, clock)
            await ask(db, _END_LEASES, (steady.read().steady_us,))
        except (psycopg.Error, msgspec.DecodeError) as error:
            raise opening_error(error, address.place) from error
        return _begin(address_as(address, sessions), clock, steady, holder)


async def open_postgres_reader(url: str, clock: Clock) -> PostgresStore:
    """Open the store to look at it beside the daemons that use it. Every change raises StoreUnavailable."""
    address = address_of(url)
    async with AsyncExitStack() as undoing:
        db = await _open(address)
        undoing.push_async_callback(db.close)
        try:
            await check_version(db)
            steady = await _steady_time(db, clock)
        except psycopg.Error as error:
            raise opening_error(error, address.place) from error
    readers, looks = ReadConnections(address), RefusingWriter()
    waking = Waking(address, clock, readers, 0)
    waking.begin()
    return PostgresStore(steady, Node(0, PostgresOwnership(address, 0, steady)), looks, looks, readers, waking)


def _begin(address: Address, clock: Clock, steady: SteadyTime, holder: int) -> PostgresStore:
    node, readers = Node(holder, PostgresOwnership(address, holder, steady)), ReadConnections(address)
    waking = Waking(address, clock, readers, holder)
    writer = GroupWriter(address, clock, partial(make_together, steady, node.shard), waking.announce)
    log_writer = GroupWriter(address, clock, Appends(steady).make, waking.announce)
    waking.begin()
    return PostgresStore(steady, node, writer, log_writer, readers, waking)


async def _open(address: Address) -> Db:
    try:
        return await connect(address)
    except psycopg.Error as error:
        raise opening_error(error, address.place) from error


async def _steady_time(db: Db, clock: Clock) -> SteadyTime:
    """Steady time as it goes on in the store."""
    rows = await ask(db, _KEEPING["mark"], (boot_number(clock),))
    newest_steady_us, newest_us = (await ask(db, _KEEPING["newest"]))[0]
    return resume(clock, ClockMark(*rows[0]) if rows else None, newest_steady_us, newest_us)
