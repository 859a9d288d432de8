"""What a store in PostgreSQL holds, table by table, in the form in which it is moved from one engine to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg

from broker.engines.moving import Key, Range, Row, marks_of_logs
from broker.engines.postgres.address import address_of
from broker.engines.postgres.connections import Db, connect
from broker.engines.postgres.failures import opening_error, translate_errors
from broker.engines.postgres.queries import ask, load
from broker.engines.stored_tables import StoredTable

SEQUENCES: Final = {"delivery": "delivery_number", "state": "state_number", "decision": "decision_number"}
"""What the other engine calls the sequences."""

_OWNERSHIP: Final = load("ownership")
_ALIVE: Final = "SELECT name FROM nodes WHERE until_us > (extract(epoch FROM clock_timestamp()) * 1000000)::int8"


async def open_for_moving(url: str) -> tuple[Db, str]:
    """A connection that may rest within a transaction, and what to call the place. Raises StoreUnavailable."""
    address = address_of(url)
    try:
        db = await connect(address)
        await db.execute("SET idle_in_transaction_session_timeout = 0")
    except psycopg.Error as error:
        raise opening_error(error, address.place) from error
    return db, address.place


class PostgresMovedFrom:
    """See broker.engines.moving.MovedFrom. It reads beside the nodes that use the database."""

    def __init__(self, db: Db, place: str) -> None:
        self._db = db
        self._is_held = False
        self.place = place

    async def ranges(self, table: StoredTable) -> Mapping[Range, str]:
        """See MovedFrom."""
        with translate_errors():
            return await _ranges(self._db, table)

    async def read_range(self, table: StoredTable, wanted: Range) -> tuple[str, Sequence[Row]]:
        """See MovedFrom."""
        with translate_errors():
            own = not self._is_held  # the last look is all of one moment
            if own:
                await ask(self._db, "BEGIN ISOLATION LEVEL REPEATABLE READ")
            try:
                mark = (await _ranges(self._db, table, wanted)).get(wanted, "")
                rows = await rows_between(self._db, table, *wanted.bounds(table))
                if table.name == "messages":  # some may be past their retention, and not removed yet
                    first = int(mark.partition("-")[0] or 0)
                    rows = [row for row in rows if mark and row[1] >= first]
                return mark, rows
            finally:
                if own:
                    await ask(self._db, "COMMIT")

    async def read(self, table: StoredTable, after: Key, limit: int) -> Sequence[Row]:
        """See MovedFrom. Of what both clocks said, the newest: a file is one machine's."""
        with translate_errors():
            if table.name == "clock_marks":
                names = ", ".join(table.columns)
                text = f"SELECT {names} FROM clock_marks ORDER BY wall_us - offset_us DESC LIMIT 1"  # noqa: S608
                return await ask(self._db, text)
            return await rows_between(self._db, table, after, (), limit)

    async def numbers(self) -> Mapping[str, int]:
        """See MovedFrom."""
        with translate_errors():
            numbers = {}
            for name, sequence in SEQUENCES.items():
                text = f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}"  # noqa: S608
                numbers[name] = (await ask(self._db, text))[0][0]
            numbers["catalog"] = (await ask(self._db, "SELECT coalesce(max(seq), 0) FROM catalog"))[0][0]
            return numbers

    async def size(self, table: StoredTable) -> int:
        """See MovedFrom."""
        guess = (
            "SELECT sum(greatest(reltuples, 0))::int8 FROM pg_class WHERE oid = %(table)s::regclass "
            "OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = %(table)s::regclass)"
        )
        with translate_errors():
            return int((await ask(self._db, guess, {"table": table.name}))[0][0])

    async def hold(self) -> bool:
        """See MovedFrom. No node can begin meanwhile, and sessions of dead ones are ended."""
        if not self._is_held:
            with translate_errors():
                await ask(self._db, "BEGIN")
                await ask(self._db, "LOCK TABLE nodes IN EXCLUSIVE MODE")
                if await ask(self._db, _ALIVE):
                    await ask(self._db, "ROLLBACK")
                    return False
                await ask(self._db, _OWNERSHIP["end_sessions_of_the_dead"])
            self._is_held = True
        return True

    async def close(self) -> None:
        """See MovedFrom."""
        await self._db.close()


async def rows_between(db: Db, table: StoredTable, after: Key, upto: Key, limit: int | None = None) -> list[Row]:
    """The rows behind a key, up to one, in the order of their keys."""
    keys, rest = table.columns[: table.keys], table.columns[table.keys :]
    bounds = [
        f"({', '.join(keys[: len(key)])}) {sign} ({', '.join(['%s'] * len(key))})"
        for key, sign in ((after, ">"), (upto, "<="))
        if key
    ]
    named = [*keys, *(f"sum({column})::int8" if table.sums else column for column in rest)]
    in_order = ", ".join(keys)
    text = (
        f"SELECT {', '.join(named)} FROM {table.name} "  # noqa: S608 - our own names
        f"{'WHERE' if bounds else ''} {' AND '.join(bounds)} {'GROUP BY ' + in_order if table.sums else ''} "
        f"ORDER BY {in_order} LIMIT %s"
    )
    return await ask(db, text, (*after, *upto, limit))


async def _ranges(db: Db, table: StoredTable, only: Range | None = None) -> dict[Range, str]:
    if table.name == "messages":
        where = "" if only is None else f" AND id = {only.log:d}"
        logs = await ask(db, f"SELECT id, first_offset, end_offset FROM logs WHERE NOT gone{where}")  # noqa: S608
        return marks_of_logs(logs, table.each)
    number = table.columns[0]
    row = f"('x' || left(md5(ROW({', '.join(table.columns)})::text), 12))::bit(48)::int8"
    where = ""
    if only is not None:
        where = f"WHERE {number} BETWEEN {only.number * table.each:d} AND {(only.number + 1) * table.each - 1:d}"
    text = (
        f"SELECT {number} / {table.each}, count(*), sum({row if table.change else number})::text "  # noqa: S608
        f"FROM {table.name} {where} GROUP BY 1"
    )
    groups: Any = await ask(db, text)
    return {Range(0, place): f"{rows} {total}" for place, rows, total in groups}
