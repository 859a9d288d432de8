"""Reads rows of one table, whoever wrote them: chosen, sorted, a page at a time, within a bounded time.

Pages go on behind the last row by its key, so rows that come meanwhile move nothing. Of SQLite, values are read as they
stand in the file: others write what they like into a column, whatever it is declared as.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection

from bridge.destinations.row_source import NoSuchColumn, RowQuery, RowsFound, RowsUnavailable
from bridge.destinations.sql.column_types import conversion_of
from bridge.destinations.sql.columns import split_name
from bridge.destinations.sql.table import TablePlan, make_engine

MOST_COUNTED: Final = 10_000
MOST_VALUES: Final = 200
"""So many different values of a column are offered; one with more is asked for by typing."""
_NO_CURSOR: Final = "this page does not go on from there: begin anew"
_SHOWN_RUNES: Final = 300
_REMEMBERED_S: Final = 60.0
_STEPS_BETWEEN_LOOKS: Final = 20_000
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Known:
    """A table as the database has it, and which of its columns hold moments."""

    table: sa.Table
    times: frozenset[str]
    read_at_s: float


class TableReader:
    """Reads the table of a plan, and that of what its rows were."""

    def __init__(
        self, url: URL, plan: TablePlan, history: str, *, timeout_s: float, monotonic: Callable[[], float]
    ) -> None:
        self._plan = plan
        self._history = history
        self._timeout_s = timeout_s
        self._monotonic = monotonic
        self._engine = make_engine(url, 1, timeout_s)
        self._is_sqlite = url.get_backend_name() == "sqlite"
        self._file = Path(url.database or "") if self._is_sqlite else None
        self._known: dict[str, _Known] = {}

    def find(self, query: RowQuery, shown: Sequence[str], newest: str) -> RowsFound:
        """A page of the rows that fit, with the ``shown`` columns. Raises RowsUnavailable, NoSuchColumn."""
        with self._reading() as connection:
            known = self._look(connection, query)
            table = known.table
            columns = _fitting(table, shown, query)
            key = self._key_of(table, query)
            fits = self._conditions(known, query, columns, newest)
            order = _order_of(table, query, key)
            statement = sa.select(*(table.c[name] for name in dict.fromkeys((*columns, *order.names)))).where(*fits)
            if query.after:
                statement = statement.where(order.behind(self._cursor(table, query.after, order.names)))
            statement = statement.order_by(*order.by()).limit(query.limit + 1)
            rows = [dict(row) for row in connection.execute(statement).mappings()]
            counted = sa.select(sa.literal(1)).select_from(table).where(*fits).limit(MOST_COUNTED + 1).subquery()
            count = connection.execute(sa.select(sa.func.count()).select_from(counted)).scalar_one()
        more = len(rows) > query.limit
        following = _write_cursor([rows[query.limit - 1][name] for name in order.names]) if more else ""
        return RowsFound(columns, known.times, rows[: query.limit], following, count, MOST_COUNTED)

    def count(
        self, query: RowQuery, columns: Sequence[str], shown: Sequence[str], newest: str
    ) -> dict[str, list[tuple[str, int]]]:
        """The values of columns among the rows that fit but for what is chosen of that column. Raises as ``find``."""
        counts: dict[str, list[tuple[str, int]]] = {}
        with self._reading() as connection:
            known = self._look(connection, query)
            for name in columns:
                column = _column(known.table, name)
                others = {each: texts for each, texts in query.where.items() if each != name}
                rest = RowQuery(where=others, text=query.text, since_us=query.since_us)
                fits = self._conditions(known, rest, _fitting(known.table, shown, query), newest)
                number = sa.func.count()
                statement = sa.select(column, number).where(*fits).group_by(column).order_by(number.desc(), column)
                rows = connection.execute(statement.limit(MOST_VALUES + 1)).all()
                counts[name] = [("" if value is None else str(value), count) for value, count in rows]
        return counts

    def close(self) -> None:
        """Close idle connections now, and one in use when it is done."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """A connection that changes nothing and is stopped in time. The database's errors become RowsUnavailable."""
        if self._file is not None and not self._file.exists():
            raise RowsUnavailable(f"there is no file {self._file} yet")
        try:
            with self._engine.connect() as connection:
                if not self._is_sqlite:
                    yield connection.execution_options(postgresql_readonly=True)
                    return
                raw: Any = connection.connection.driver_connection
                end = self._monotonic() + self._timeout_s
                raw.set_progress_handler(lambda: self._monotonic() > end, _STEPS_BETWEEN_LOOKS)
                try:
                    connection.exec_driver_sql("PRAGMA query_only = ON")
                    yield connection
                finally:
                    raw.set_progress_handler(None, 0)
        except exc.SQLAlchemyError as error:
            self._known.clear()
            cause = error.orig if isinstance(error, exc.DBAPIError) else error
            raise RowsUnavailable(" ".join(str(cause).split())[:_SHOWN_RUNES]) from error

    def _look(self, connection: Connection, query: RowQuery) -> _Known:
        """The table that is asked, as it is. Raises RowsUnavailable when there is none."""
        name = self._history if query.in_history else self._plan.name
        known = self._known.get(name)
        if known is None or self._monotonic() - known.read_at_s > _REMEMBERED_S:
            schema, bare = split_name(name)
            try:
                table = sa.Table(bare, sa.MetaData(), schema=schema, autoload_with=connection)
            except exc.NoSuchTableError:
                raise RowsUnavailable(f"there is no table {name} yet") from None
            times = frozenset(column.name for column in table.columns if isinstance(column.type, sa.DateTime))
            if self._is_sqlite:
                for column in table.columns:
                    column.type = sa.Text() if not isinstance(column.type, sa.Integer) else column.type
            known = self._known[name] = _Known(table, times, self._monotonic())
        return known

    def _key_of(self, table: sa.Table, query: RowQuery) -> Sequence[str]:
        """The columns that tell each row from every other one. Raises RowsUnavailable when nothing does."""
        plan = self._plan
        candidates = [[*table.primary_key.columns.keys()]]
        if not query.in_history:
            candidates.insert(0, [*plan.key])
        candidates += [[plan.delivery_column] if plan.delivery_column else []]
        for names in candidates:
            if names and all(name in table.c for name in names):
                return names
        raise RowsUnavailable(f"nothing tells one row of {table.name} from another: it has no primary key")

    def _conditions(self, known: _Known, query: RowQuery, shown: Sequence[str], newest: str) -> list[Any]:
        table = known.table
        conditions: list[Any] = [
            sa.or_(*(self._is(_column(table, name), text) for text in texts)) for name, texts in query.where.items()
        ]
        if query.text:
            texts = [sa.func.lower(sa.cast(table.c[name], sa.Text)) for name in shown]
            conditions.append(sa.or_(*(text.contains(query.text.lower(), autoescape=True) for text in texts)))
        if query.since_us is not None and newest in known.times:
            at = datetime.fromtimestamp(query.since_us / 1_000_000, UTC)
            conditions.append(self._is_since(table.c[newest], at))
        return conditions

    def _is(self, column: sa.Column[Any], text: str) -> Any:
        """Whether a column holds a text's value; "" is nothing, and a value that it cannot hold fits no row."""
        if text == "":
            is_text = isinstance(column.type, sa.String)
            return sa.or_(column.is_(None), column == "") if is_text else column.is_(None)
        try:
            return column == conversion_of(column.type, self._engine.dialect.name)(text)
        except (ValueError, ArithmeticError):
            return sa.false()

    def _is_since(self, column: sa.Column[Any], at: datetime) -> Any:
        if self._is_sqlite:  # texts of several forms: with T or a blank, with a zone or without
            return sa.func.julianday(column) >= sa.func.julianday(at.strftime("%Y-%m-%d %H:%M:%S"))
        zoned = getattr(column.type, "timezone", False)
        return column >= (at if zoned else at.replace(tzinfo=None))

    def _cursor(self, table: sa.Table, after: str, names: Sequence[str]) -> list[Any]:
        """The values that a page goes on behind. Raises NoSuchColumn for what is no cursor of this order."""
        values = _read_cursor(after)
        if len(values) != len(names):
            raise NoSuchColumn(_NO_CURSOR)
        if self._is_sqlite:
            return values
        try:
            return [
                None if value is None else conversion_of(table.c[name].type, self._engine.dialect.name)(value)
                for name, value in zip(names, values, strict=True)
            ]
        except (ValueError, ArithmeticError) as error:
            raise NoSuchColumn(_NO_CURSOR) from error


@dataclass(frozen=True, slots=True)
class _Order:
    """By one column, what is nothing last, and then by the key; or by the key alone."""

    table: sa.Table
    first: str
    descending: bool
    key: Sequence[str]

    @property
    def names(self) -> list[str]:
        """The columns whose values say where a row stands."""
        return [*([self.first] if self.first else []), *self.key]

    def by(self) -> list[Any]:
        """What the rows are sorted by."""
        keys = [self.table.c[name] for name in self.key]
        if not self.first:
            return keys
        column = self.table.c[self.first]
        return [column.is_(None), column.desc() if self.descending else column.asc(), *keys]

    def behind(self, values: Sequence[Any]) -> Any:
        """Whether a row stands behind the one with these values."""
        beyond = _after([self.table.c[name] for name in self.key], values[-len(self.key) :])
        if not self.first:
            return beyond
        column, value = self.table.c[self.first], values[0]
        if value is None:
            return sa.and_(column.is_(None), beyond)
        further = column < value if self.descending else column > value
        return sa.or_(column.is_(None), further, sa.and_(column == value, beyond))


def _after(columns: Sequence[Any], values: Sequence[Any]) -> Any:
    """Whether columns stand behind values, compared one after the other."""
    column, value = columns[0], values[0]
    if len(columns) == 1:
        return column > value
    return sa.or_(column > value, sa.and_(column == value, _after(columns[1:], values[1:])))


def _order_of(table: sa.Table, query: RowQuery, key: Sequence[str]) -> _Order:
    if query.sort:
        _column(table, query.sort)
    return _Order(table, query.sort, query.descending, key)


def _column(table: sa.Table, name: str) -> sa.Column[Any]:
    if name not in table.c:
        raise NoSuchColumn(f"table {table.name} has no column {name[:63]}; it has: {', '.join(table.c.keys())}")
    return table.c[name]


def _fitting(table: sa.Table, shown: Sequence[str], query: RowQuery) -> list[str]:
    """The shown columns, all where none are named; a table of what was may have fewer. Raises NoSuchColumn."""
    if not shown:
        return [*table.c.keys()]
    if query.in_history:
        return [name for name in shown if name in table.c]
    for name in shown:
        _column(table, name)
    return [*shown]


def _write_cursor(values: Sequence[Any]) -> str:
    """Values as a text that an address can carry."""
    return base64.urlsafe_b64encode(json.dumps(values, default=_plain).encode()).decode()


def _read_cursor(text: str) -> list[Any]:
    """The values of such a text. Raises NoSuchColumn for what is none."""
    try:
        values = json.loads(base64.urlsafe_b64decode(text.encode()))
    except (ValueError, RecursionError) as error:
        raise NoSuchColumn(_NO_CURSOR) from error
    return values if isinstance(values, list) and all(_is_scalar(value) for value in values) else []


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | float | None) or (isinstance(value, int) and -(2**63) <= value < 2**63)


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else str(value)
