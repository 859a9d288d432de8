"""A store in PostgreSQL that is made of what another engine holds; no daemon opens it until all of it is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import psycopg

from broker.engines.moving import Key, Range, Row
from broker.engines.postgres.connections import Db
from broker.engines.postgres.failures import opening_error, translate_errors
from broker.engines.postgres.opening import prepare
from broker.engines.postgres.queries import ask, begin, columns
from broker.engines.postgres.table_rows import SEQUENCES, rows_between
from broker.engines.stored_tables import TABLES, StoredTable, TableCount
from broker.errors import StoreUnusable

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS moves (source text NOT NULL, is_finished boolean NOT NULL DEFAULT false);
CREATE TABLE IF NOT EXISTS moved_ranges (
  name text NOT NULL, log bigint NOT NULL, number bigint NOT NULL, mark text NOT NULL, held bigint NOT NULL,
  checksum numeric NOT NULL, PRIMARY KEY (name, log, number)
);
"""


class PostgresMovedTo:
    """See broker.engines.moving.MovedTo."""

    def __init__(self, db: Db, place: str) -> None:
        self._db = db
        self._place = place

    async def begin(self, source: str) -> bool:
        """See MovedTo."""
        try:
            await prepare(self._db, may_be_partial=True)
            await self._db.execute(_TABLES)
        except psycopg.Error as error:
            raise opening_error(error, self._place) from error
        with translate_errors():
            moves = await ask(self._db, "SELECT source, is_finished FROM moves")
            if not moves:
                await self._check_empty()
                await ask(self._db, "INSERT INTO moves (source) VALUES (%s)", (source,))
                return True
            place, is_finished = moves[0]
            if place != source:
                raise StoreUnusable(f"{self._place} was filled from {place}; name that, or an empty database")
            if is_finished and await ask(self._db, "SELECT 1 FROM nodes LIMIT 1"):
                await self._check_empty()
            return not is_finished

    async def _check_empty(self) -> None:
        for table in TABLES:
            if await ask(self._db, f"SELECT 1 FROM {table.name} LIMIT 1"):  # noqa: S608 - our own names
                raise StoreUnusable(
                    f"{self._place} holds a store already (there is something in {table.name}); name an empty one"
                )

    async def marks(self, table: StoredTable) -> Mapping[Range, str]:
        """See MovedTo."""
        with translate_errors():
            ranges = await ask(self._db, "SELECT log, number, mark FROM moved_ranges WHERE name = %s", (table.name,))
            return {Range(log, number): mark for log, number, mark in ranges}

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[None]:
        """See MovedTo."""
        with translate_errors():
            await begin(self._db)
            try:
                yield
            except BaseException:
                await self._db.rollback()
                raise
            await ask(self._db, "COMMIT")

    async def standing(self, table: StoredTable, after: Key, upto: Key) -> Sequence[Row]:
        """See MovedTo."""
        return await rows_between(self._db, table, after, upto)

    async def change(self, table: StoredTable, gone: Sequence[Key], rows: Sequence[Row]) -> None:
        """See MovedTo."""
        keys = table.columns[: table.keys]
        if gone:
            text = (
                f"DELETE FROM {table.name} AS t USING (SELECT * FROM unnest({', '.join(_arrays(gone[0]))})) "  # noqa: S608
                f"AS u ({', '.join(keys)}) WHERE {' AND '.join(f't.{key} = u.{key}' for key in keys)}"
            )
            await ask(self._db, text, columns(gone))
        names = ", ".join([*table.columns, *(["shard"] if table.sums else [])])
        shard = (0,) if table.sums else ()
        async with self._db.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
            for row in rows:
                await copy.write_row((*row, *shard))

    async def mark(self, table: StoredTable, wanted: Range, mark: str, count: TableCount) -> None:
        """See MovedTo."""
        key = (table.name, wanted.log, wanted.number)
        await ask(self._db, "DELETE FROM moved_ranges WHERE name = %s AND log = %s AND number = %s", key)
        if mark:
            values = (*key, mark, count.rows, count.checksum)
            await ask(self._db, "INSERT INTO moved_ranges VALUES (%s, %s, %s, %s, %s, %s)", values)

    async def counts(self, table: StoredTable) -> TableCount:
        """See MovedTo."""
        text = "SELECT coalesce(sum(held), 0), coalesce(sum(checksum), 0) FROM moved_ranges WHERE name = %s"
        with translate_errors():
            rows, checksum = (await ask(self._db, text, (table.name,)))[0]
            return TableCount(int(rows), int(checksum) % 2**64)

    async def stands(self, table: StoredTable) -> int:
        """See MovedTo."""
        with translate_errors():
            rows: int = (await ask(self._db, f"SELECT count(*) FROM {table.name}"))[0][0]  # noqa: S608
            return rows

    async def finish(self, numbers: Mapping[str, int]) -> None:
        """See MovedTo."""
        async with self.changing():
            for name, sequence in SEQUENCES.items():
                if numbers.get(name):
                    await ask(self._db, "SELECT setval(%s, %s)", (sequence, numbers[name]))
            after = "SELECT setval(pg_get_serial_sequence('logs', 'id'), coalesce(max(id), 0) + 1, false) FROM logs"
            await ask(self._db, after)
            await ask(self._db, "DROP TABLE moved_ranges")
            await ask(self._db, "UPDATE moves SET is_finished = true")
        with translate_errors():
            await ask(self._db, "ANALYZE")

    async def close(self) -> None:
        """See MovedTo."""
        await self._db.close()


def _arrays(key: Key) -> list[str]:
    return ["%s::text[]" if isinstance(part, str) else "%s::int8[]" for part in key]
