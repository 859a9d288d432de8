"""Shows rows of the tables that destinations write, and what one row was before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import msgspec

from bridge.destinations.row_source import NoSuchColumn, RowQuery, RowsFound, RowSource, RowsUnavailable, TablePage
from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_errors import InvalidInput, NoSuchThing, UnreachableTable

ROWS_A_PAGE: Final = 100
MOST_EXPORTED: Final = 50_000


class TableView(msgspec.Struct, frozen=True, kw_only=True):
    """A table with a page: the destination's name, what is shown, and which columns name a row."""

    name: str
    page: TablePage
    key: Sequence[str]


class RowsChosen(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of a table, and the values that its filters offer, each with how many rows have it."""

    table: TableView
    matches: RowsFound
    values: Mapping[str, Sequence[tuple[str, int]]]


class RowHistory(msgspec.Struct, frozen=True, kw_only=True):
    """One row as it is, None when it is gone, and what it was before; ``past`` is None where no history is kept."""

    table: TableView
    row: Mapping[str, Any] | None
    now: RowsFound
    past: RowsFound | None


def list_tables(context: OperatorContext) -> list[TableView]:
    """The tables whose settings ask for a page, by name."""
    return [
        TableView(name=name, page=source.page, key=source.row_key)
        for name, source in _sources(context).items()
        if source.page is not None
    ]


async def choose_rows(context: OperatorContext, name: str, query: RowQuery) -> RowsChosen:
    """The rows of a table that fit, sorted as its page wants unless said otherwise.

    Raises NoSuchThing, InvalidInput, UnreachableTable.
    """
    table, source = _find_table(context, name)
    _check_columns(table, query)
    query = _sort_by_newest(query, table.page)
    severity = (table.page.severity,) if table.page.severity else ()
    with _errors_of(table):
        matches = await source.find_rows(query)
        values = await source.count_values(query, [*dict.fromkeys((*severity, *table.page.filters))])
    return RowsChosen(table=table, matches=matches, values=values)


async def export_rows(context: OperatorContext, name: str, query: RowQuery) -> RowsFound:
    """All the rows that fit, in one piece. Raises as ``choose_rows``, and InvalidInput when there are too many."""
    table, source = _find_table(context, name)
    _check_columns(table, query)
    query = replace(_sort_by_newest(query, table.page), limit=MOST_EXPORTED, after="")
    with _errors_of(table):
        matches = await source.find_rows(query)
    if matches.next:
        raise InvalidInput("rows", f"More than {MOST_EXPORTED:,} rows fit: choose fewer, and export them in pieces.")
    return matches


async def show_history(context: OperatorContext, name: str, key: Mapping[str, str], after: str) -> RowHistory:
    """One row of a table, named by its key, and what it was before, the newest first. Raises as ``choose_rows``."""
    table, source = _find_table(context, name)
    missing = [column for column in table.key if not key.get(column)]
    if missing or not table.key:
        raise InvalidInput("key", f"a row of {name} is named by {', '.join(table.key) or 'no key: it has none'}")
    query = RowQuery(where={column: [key[column]] for column in table.key}, limit=1)
    past = replace(_sort_by_newest(query, table.page), limit=ROWS_A_PAGE, after=after, in_history=True)
    with _errors_of(table):
        now = await source.find_rows(query)
        matches = await source.find_rows(past) if table.page.history else None
    return RowHistory(table=table, row=now.rows[0] if now.rows else None, now=now, past=matches)


@contextmanager
def _errors_of(table: TableView) -> Iterator[None]:
    """What a table cannot do, in the words of use cases."""
    try:
        yield
    except RowsUnavailable as error:
        raise UnreachableTable(f"the table of {table.name}", str(error)) from error
    except NoSuchColumn as error:
        raise InvalidInput("rows", str(error)) from error


def _find_table(context: OperatorContext, name: str) -> tuple[TableView, RowSource]:
    sources = _sources(context)
    wanted = name or next(iter(sources), "")
    if wanted not in sources:
        known = ", ".join(sources) or "none"
        raise NoSuchThing("table", name, f"there is no table {name[:100]!r} with a page; there are: {known}")
    return next(table for table in list_tables(context) if table.name == wanted), sources[wanted]


def _check_columns(table: TableView, query: RowQuery) -> None:
    """What is not shown is not asked for either, or answers would tell it. Raises InvalidInput."""
    page = table.page
    known = {*page.columns, *page.filters, *table.key, page.severity, page.newest}
    unknown = [name for name in (*query.where, query.sort) if name and page.columns and name not in known]
    if unknown:
        raise InvalidInput("rows", f"{table.name} shows no column {unknown[0][:63]}")


def _sources(context: OperatorContext) -> dict[str, RowSource]:
    """The destinations with a page, by name."""
    known = sorted(context.destinations().items())
    return {name: source for name, source in known if isinstance(source, RowSource) and source.page is not None}


def _sort_by_newest(query: RowQuery, page: TablePage) -> RowQuery:
    """The query, sorted by the newest when it does not say by what."""
    if query.sort or not page.newest:
        return query
    return replace(query, sort=page.newest, descending=True)
