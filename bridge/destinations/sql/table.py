"""One table of a SQLite or PostgreSQL database, written a row at a time. Blocking; runs in threads.

A row is written once for each delivery: by a column with the delivery's id that is unique, or by columns of its own
(``key``) whose row is brought up to date. What the table is like is read from the database, and again after trouble.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.schema import CreateTable

from bridge.core.domains import ascii_domain
from bridge.destinations.base import Delivered, Later, Outcome, Refused
from bridge.destinations.sql.column_types import conversion_of
from bridge.destinations.sql.columns import ColumnKind, TableNotFit, convert_row, split_name
from bridge.destinations.sql.sums import SumsPlan, make_sums, read_sums, write_counted

_SHOWN_RUNES: Final = 300
_REMEMBERED_S: Final = 60.0  # so long a column that is new may be left out
_MADE_OF: Final[Mapping[ColumnKind, Callable[[], sa.types.TypeEngine[Any]]]] = {
    "text": sa.Text,
    "integer": sa.BigInteger,
    "number": sa.Float,
    "boolean": sa.Boolean,
    "time": lambda: sa.DateTime(timezone=True),
    "json": lambda: sa.JSON(none_as_null=True),
}
_DRIVERS: Final = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}


@dataclass(frozen=True, slots=True)
class TablePlan:
    """What the settings say of the table; ``delivery_column`` "" is none."""

    name: str
    columns: Mapping[str, ColumnKind]
    key: Sequence[str]
    delivery_column: str
    create: bool
    sums: SumsPlan | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """The table as the database has it."""

    table: sa.Table
    sums: sa.Table | None
    conversions: Mapping[str, Callable[[object], Any]]
    read_at_s: float


def url_of(url_text: str) -> URL:
    """The URL with its driver. Raises ValueError when it is none that can be used here."""
    try:
        url = make_url(url_text)
    except exc.ArgumentError:
        raise ValueError("this is no database URL, such as postgresql://user@host/name") from None
    backend = url.get_backend_name()
    if backend not in _DRIVERS:
        raise ValueError("the database is sqlite:////FULL/PATH or postgresql://...")
    if backend == "sqlite" and not (url.database or "").startswith("/"):
        raise ValueError("a SQLite database is named by its full path: sqlite:////var/lib/alerts.db")
    url = url.set(drivername=_DRIVERS[backend])
    if url.host is not None:
        url = url.set(host=ascii_domain(url.host))
    try:
        url.get_dialect().import_dbapi()
    except ImportError:
        raise ValueError("postgresql needs its extra: pip install 'ams-bridge[database,postgres]'") from None
    return url


_UNWRITABLE: Final = (ValueError, ArithmeticError, TypeError, RecursionError, TableNotFit, exc.SQLAlchemyError)
"""What writing a row fails with: a driver raises its own for values that it cannot pass on."""


class SqlTable:
    """Writes rows into one table."""

    def __init__(
        self, url: URL, plan: TablePlan, *, connections: int, timeout_s: float, monotonic: Callable[[], float]
    ) -> None:
        self._monotonic = monotonic
        self._plan = plan
        self._engine = make_engine(url, connections, timeout_s)
        self._insert: Any = sqlite.insert if self._engine.dialect.name == "sqlite" else postgresql.insert
        self._lock = threading.Lock()
        self._is_closed = False
        self._known: _Known | None = None
        self._file = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
        plain_url = url.set(query={}, drivername=url.get_backend_name())
        self.shown = f"{plain_url.render_as_string(hide_password=True)} {plan.name}"
        """The database and table, without its password."""

    @property
    def columns(self) -> frozenset[str] | None:
        """The columns it has, as far as known without asking; None when nothing is."""
        known = self._known
        if known is not None:
            return frozenset(known.conversions)
        return frozenset({*self._plan.columns, self._plan.delivery_column}) if self._plan.create else None

    def write(self, row: Mapping[str, Any], delivery_id: str, *, strict: bool) -> Outcome:
        """Insert the row, or bring that of its key up to date. Without ``strict`` values of no column are left out."""
        remembered = self._known
        outcome = self._write_row(row, delivery_id, strict=strict)
        if isinstance(outcome, Refused) and remembered is not None:
            self._forget(remembered)  # the table may have changed since it was looked at
            outcome = self._write_row(row, delivery_id, strict=strict)
        return outcome

    def _write_row(self, row: Mapping[str, Any], delivery_id: str, *, strict: bool) -> Outcome:
        committing = False
        try:
            self._check_file()
            with self._connect() as connection:
                known = self._table(connection)
                values = self._values(known, row, delivery_id, strict=strict)
                statement = self._statement(known, values)
                if known.sums is None or self._plan.sums is None:
                    connection.execute(statement)
                else:
                    named = {name: values[name] for name in self._plan.key}
                    write_counted(connection, statement, known.table, named, known.sums, self._plan.sums)
                committing = True
                connection.commit()
        except _UNWRITABLE as error:
            return self._failure(error, unclear=committing)
        return Delivered()

    def _forget(self, known: _Known) -> None:
        """Look at the table again before the next row, unless somebody has done so meanwhile."""
        with self._lock:
            if self._known is known:
                self._known = None

    def look(self) -> Outcome:
        """Whether the table could be written. Makes nothing."""
        try:
            self._check_file()
            if self._file is not None and not self._file.exists():
                return Delivered()
            with self._connect() as connection:
                if not (self._plan.create and not self._is_there(connection)):
                    self._read(connection)
        except (exc.SQLAlchemyError, TableNotFit) as error:
            return self._failure(error, unclear=False)
        return Delivered()

    def close(self) -> None:
        """Close idle connections now, and those in use when they are done."""
        self._is_closed = True
        self._engine.dispose()

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            try:
                yield connection
            finally:
                if self._is_closed and not connection.invalidated:
                    connection.detach()  # else it goes back to a pool that nobody closes any more

    def _check_file(self) -> None:
        """SQLite would make a file for whoever looks; only ``create: true`` may. Raises TableNotFit."""
        file = self._file
        if file is None or file.exists():
            return
        if not self._plan.create:
            raise TableNotFit(f"there is no file {file}; create: true makes it")
        if not os.access(file.parent, os.W_OK | os.X_OK):
            raise TableNotFit(f"{file} cannot be made: its folder is missing or not ours")

    def _table(self, connection: Connection) -> _Known:
        with self._lock:
            if self._known is None or self._monotonic() - self._known.read_at_s > _REMEMBERED_S:
                if self._plan.create and not self._is_there(connection):
                    connection.execute(CreateTable(self._new_table(), if_not_exists=True))
                    connection.commit()
                if self._plan.create and self._plan.sums is not None:
                    make_sums(connection, self._reflect(connection), self._plan.sums)
                self._known = self._read(connection)
            return self._known

    def _is_there(self, connection: Connection) -> bool:
        schema, name = split_name(self._plan.name)
        return sa.inspect(connection).has_table(name, schema=schema)

    def _read(self, connection: Connection) -> _Known:
        """The table as it is. Raises TableNotFit, and what the database raises."""
        table = self._reflect(connection)
        once = list(self._plan.key) or ([self._plan.delivery_column] if self._plan.delivery_column else [])
        missing = [column for column in once if column not in table.columns]
        if missing:
            raise TableNotFit(f"table {self._plan.name} has no column {', '.join(missing)}")
        if once and set(once) not in _unique_sets(connection, table):
            raise TableNotFit(f"table {self._plan.name} needs a unique index on ({', '.join(once)})")
        dialect = connection.dialect.name
        conversions = {column.name: conversion_of(column.type, dialect) for column in table.columns}
        sums = self._sums(connection)
        return _Known(table, sums, conversions, self._monotonic())

    def _sums(self, connection: Connection) -> sa.Table | None:
        plan = self._plan.sums
        if plan is None:
            return None
        sums = read_sums(connection, plan)
        if set(plan.by) not in _unique_sets(connection, sums):
            raise TableNotFit(f"table {plan.name} needs a unique index on ({', '.join(plan.by)})")
        return sums

    def _reflect(self, connection: Connection) -> sa.Table:
        schema, name = split_name(self._plan.name)
        try:
            return sa.Table(name, sa.MetaData(), schema=schema, autoload_with=connection)
        except exc.NoSuchTableError:
            raise TableNotFit(f"there is no table {self._plan.name}; create: true makes it") from None

    def _new_table(self) -> sa.Table:
        plan = self._plan
        schema, name = split_name(plan.name)
        columns = [sa.Column(column, _MADE_OF[kind]()) for column, kind in plan.columns.items()]
        if plan.delivery_column and plan.delivery_column not in plan.columns:
            columns.append(sa.Column(plan.delivery_column, sa.Text, nullable=False, unique=not plan.key))
        parts: list[Any] = [*columns, *([sa.UniqueConstraint(*plan.key)] if plan.key else [])]
        return sa.Table(name, sa.MetaData(), *parts, schema=schema)

    def _values(self, known: _Known, row: Mapping[str, Any], delivery_id: str, *, strict: bool) -> dict[str, Any]:
        """The row as the table takes it. Raises ValueError when it does not fit."""
        plan = self._plan
        unknown = [name for name in row if name not in known.conversions]
        if unknown and strict:
            raise ValueError(
                f"table {plan.name} has no column {', '.join(unknown)}; it has: {', '.join(known.conversions)}"
            )
        values = convert_row({name: value for name, value in row.items() if name not in unknown}, known.conversions)
        if plan.delivery_column in known.conversions:
            values[plan.delivery_column] = delivery_id
        missing = [name for name in plan.key if values.get(name) is None]
        if missing:
            raise ValueError(f"the row has no {', '.join(missing)}, which is its key")
        return values

    def _statement(self, known: _Known, values: Mapping[str, Any]) -> Any:
        """The statement that writes the row."""
        plan = self._plan
        insert = self._insert(known.table).values(**values)
        rest = {name: insert.excluded[name] for name in values if name not in plan.key}
        if plan.key and rest:
            return insert.on_conflict_do_update(index_elements=list(plan.key), set_=rest)
        if plan.key or plan.delivery_column:
            return insert.on_conflict_do_nothing(index_elements=list(plan.key) or [plan.delivery_column])
        return insert

    def _failure(self, error: Exception, *, unclear: bool) -> Later | Refused:
        match error:
            case exc.OperationalError() | exc.InterfaceError() | exc.InternalError() | exc.ProgrammingError():
                # A missing table or right is a ProgrammingError to one database and an OperationalError to another.
                with self._lock:
                    self._known = None
                return Later(_error_text(error.orig), unclear=unclear)
            case TableNotFit() | exc.TimeoutError():
                return Later(_error_text(error))
            case exc.DBAPIError():
                return Refused(_error_text(error.orig))
            case _:
                return Refused(_error_text(error))


def make_engine(url: URL, connections: int, timeout_s: float) -> Engine:
    """An engine that waits no longer than its time, for a connection and for an answer."""
    arguments: dict[str, Any] = {"timeout": timeout_s}
    if url.get_backend_name() == "postgresql":
        arguments = {
            "connect_timeout": max(2, math.ceil(timeout_s)),
            "options": f"-c statement_timeout={math.ceil(timeout_s * 1000)}",
            "application_name": "ams-bridge",
        }
    return sa.create_engine(
        url,
        connect_args=arguments,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=timeout_s,
        pool_pre_ping=True,
        hide_parameters=True,
    )


def _unique_sets(connection: Connection, table: sa.Table) -> list[set[str]]:
    """The column sets that no two rows share."""
    inspector = sa.inspect(connection)
    indexes = inspector.get_indexes(table.name, schema=table.schema)
    sets = [set(table.primary_key.columns.keys())]
    sets += [set(each["column_names"]) for each in inspector.get_unique_constraints(table.name, schema=table.schema)]
    sets += [{str(name) for name in each["column_names"]} for each in indexes if each["unique"]]
    return sets


def _error_text(error: BaseException | None) -> str:
    return " ".join(str(error).split())[:_SHOWN_RUNES]
