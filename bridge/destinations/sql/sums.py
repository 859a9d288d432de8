"""Sums over the rows of a table, in a table of their own: what each site used in each month, say.

A row's share is added when the row is written, and what it said before is taken off, in the row's own transaction. So
a record that comes again counts once, one that comes late counts in its own month, and one that moved where it is now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from bridge.destinations.sql.columns import TableNotFit, split_name

COUNT: Final = "records"
"""The column of how many rows a sum is of; a sum of none is removed."""


@dataclass(frozen=True, slots=True)
class SumsPlan:
    """A table with a row for each value of the columns ``by``, and in it the sums of the columns ``of``."""

    name: str
    by: Sequence[str]
    of: Sequence[str]


def make_sums(connection: Connection, table: sa.Table, plan: SumsPlan) -> None:
    """Make the table of sums if it is not there, with the sums of the rows that are. Raises TableNotFit."""
    if _is_there(connection, plan):
        return
    missing = [name for name in (*plan.by, *plan.of) if name not in table.columns]
    if missing:
        raise TableNotFit(f"table {table.name} has no column {', '.join(missing)}, which sums: names")
    _lock(connection, plan.name)
    if not _is_there(connection, plan):
        _new_table(table, plan).create(connection)
        rows = [*(table.c[name] for name in plan.by), *(_sum(table.c[name]) for name in plan.of), sa.func.count()]
        counted = sa.select(*rows).where(*(table.c[name].is_not(None) for name in plan.by))
        grouped = counted.group_by(*(table.c[name] for name in plan.by))
        connection.execute(_reflect(connection, plan).insert().from_select([*plan.by, *plan.of, COUNT], grouped))
    connection.commit()


def read_sums(connection: Connection, plan: SumsPlan) -> sa.Table:
    """The table of sums as it is. Raises TableNotFit."""
    sums = _reflect(connection, plan)
    missing = [name for name in (*plan.by, *plan.of, COUNT) if name not in sums.columns]
    if missing:
        raise TableNotFit(f"table {plan.name} has no column {', '.join(missing)}")
    return sums


def write_counted(
    connection: Connection, statement: Any, table: sa.Table, named: Mapping[str, Any], sums: sa.Table, plan: SumsPlan
) -> None:
    """Write the row of the table that is ``named`` by its key, and its share of the sums.

    Raises ValueError for a row that belongs to no sum.
    """
    _lock(connection, "\x1f".join((table.name, *map(str, named.values()))))
    row = sa.select(*(table.c[name] for name in (*plan.by, *plan.of)))
    row = row.where(*(table.c[name] == value for name, value in named.items()))
    before = connection.execute(row).one_or_none()
    connection.execute(statement)
    after = connection.execute(row).one()
    lost = [name for name in plan.by if after._mapping[name] is None]
    if lost:
        raise ValueError(f"the row has no {', '.join(lost)}, by which it is added up in {plan.name}")
    for share, sign in ((before, -1), (after, 1)):
        if share is not None and all(share._mapping[name] is not None for name in plan.by):
            _add(connection, sums, plan, share._mapping, sign)


def _add(connection: Connection, sums: sa.Table, plan: SumsPlan, share: Any, sign: int) -> None:
    """Add a share to the sum that it belongs to, or take it off."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    values = {name: share[name] for name in plan.by}
    values |= {name: sign * (share[name] or 0) for name in plan.of} | {COUNT: sign}
    new = insert(sums).values(**values)
    changed = {name: sums.c[name] + new.excluded[name] for name in (*plan.of, COUNT)}
    connection.execute(new.on_conflict_do_update(index_elements=list(plan.by), set_=changed))
    if sign < 0:
        of_it = [sums.c[name] == share[name] for name in plan.by]
        connection.execute(sums.delete().where(*of_it, sums.c[COUNT] <= 0))


def _lock(connection: Connection, what: str) -> None:
    """Let nobody else write the same until the end of the transaction, which begins here."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(what, 0))))


def _sum(column: sa.ColumnElement[Any]) -> Any:
    return sa.func.coalesce(sa.func.sum(column), 0)


def _new_table(table: sa.Table, plan: SumsPlan) -> sa.Table:
    schema, name = split_name(plan.name)
    columns = [sa.Column(column, table.c[column].type, nullable=False) for column in (*plan.by, *plan.of)]
    count = sa.Column(COUNT, sa.BigInteger, nullable=False)
    return sa.Table(name, sa.MetaData(), *columns, count, sa.UniqueConstraint(*plan.by), schema=schema)


def _is_there(connection: Connection, plan: SumsPlan) -> bool:
    schema, name = split_name(plan.name)
    return sa.inspect(connection).has_table(name, schema=schema)


def _reflect(connection: Connection, plan: SumsPlan) -> sa.Table:
    schema, name = split_name(plan.name)
    try:
        return sa.Table(name, sa.MetaData(), schema=schema, autoload_with=connection)
    except exc.NoSuchTableError:
        raise TableNotFit(f"there is no table {plan.name}; create: true makes it") from None
