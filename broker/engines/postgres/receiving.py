"""Filling an empty database with what another store holds: in one transaction, counted and compared before it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import psycopg

from broker.engines.postgres.address import address_of
from broker.engines.postgres.connections import Db, connect
from broker.engines.postgres.failures import opening_error, store_error
from broker.engines.postgres.opening import prepare
from broker.engines.postgres.queries import ask, begin
from broker.engines.stored_tables import TABLES, StoredTable, TableCount
from broker.errors import StoreCorrupt, StoreUnusable

_SEQUENCES: Final = {"delivery": "delivery_number", "state": "state_number", "decision": "decision_number"}
_EACH: Final = 2_000

Rows = Callable[[StoredTable], Iterator[tuple[Any, ...]]]
"""Gives the rows of a table."""


async def receive(
    url: str, rows: Rows, numbers: Mapping[str, int], report: Callable[[StoredTable, int], None]
) -> dict[str, TableCount]:
    """Make the tables, fill them, and compare what stands there with what came; how much that was, by table.

    ``told`` is called now and then with how many rows of a table are in. Raises StoreUnusable for a database that holds
    something, StoreUnavailable, and StoreCorrupt when what stands there differs: nothing is kept then.
    """
    address = address_of(url)
    try:
        db = await connect(address)
    except psycopg.Error as error:
        raise opening_error(error, address.place) from error
    try:
        await prepare(db)
        await begin(db)
        await _check_empty(db, address.place)
        sent = {table.name: await _fill(db, table, rows(table), report) for table in TABLES}
        for name, sequence in _SEQUENCES.items():
            if numbers.get(name):
                await ask(db, "SELECT setval(%s, %s)", (sequence, numbers[name]))
        await ask(db, "SELECT setval(pg_get_serial_sequence('logs', 'id'), coalesce(max(id), 0) + 1, false) FROM logs")
        for table in TABLES:
            if await _tally(db, table) != sent[table.name]:
                raise StoreCorrupt(f"what arrived in the table {table.name} is not what was sent; nothing was kept")
        await ask(db, "COMMIT")
    except psycopg.Error as error:
        raise store_error(error) from error
    finally:
        await db.close()
    return sent


async def _check_empty(db: Db, place: str) -> None:
    for table in TABLES:
        if await ask(db, f"SELECT 1 FROM {table.name} LIMIT 1"):  # noqa: S608 - our own names
            raise StoreUnusable(
                f"{place} holds a store already (there is something in {table.name}); name an empty one"
            )


async def _fill(
    db: Db, table: StoredTable, rows: Iterator[tuple[Any, ...]], report: Callable[[StoredTable, int], None]
) -> TableCount:
    tally = TableCount()
    names = ", ".join([*table.columns, *(["shard"] if table.sums else [])])
    shard = (0,) if table.sums else ()
    async with db.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in rows:
            tally.add(row)
            await copy.write_row((*row, *shard))
            if tally.rows % _EACH == 0:
                report(table, tally.rows)
    report(table, tally.rows)
    return tally


async def _tally(db: Db, table: StoredTable) -> TableCount:
    """Count what stands in a table."""
    tally = TableCount()
    async with db.cursor(name="moving") as cursor:
        await cursor.execute(f"SELECT {', '.join(table.columns)} FROM {table.name}")  # noqa: S608 - our own names
        while batch := await cursor.fetchmany(_EACH):
            for row in batch:
                tally.add(row)
    return tally
