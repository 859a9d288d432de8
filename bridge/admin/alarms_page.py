"""The page of alarms: rows of a database destination's table, whoever wrote them; one row with its past; exports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from bridge.admin.alarm_views import cells_of, choice_of, rows_as_csv, rows_as_json, tone_of
from bridge.admin.deliveries_page import SINCES
from bridge.admin.handlers import Download
from bridge.control.http_answers import OperatorRequest
from bridge.destinations.row_source import RowQuery, RowsFound
from bridge.operate.operator_errors import InvalidInput
from bridge.operate.table_rows import ROWS_A_PAGE, TableView, choose_rows, export_rows, list_tables, show_history
from broker.beside import LARGE_ITEMS, Beside
from broker.clock import US_PER_S
from rules.source.bounds import count_of

_COLUMN: Final = "c."
_EMPTY: Final = "e."
_KEY: Final = "k."
_LONGEST_TEXT: Final = 200
_MOST_CHOSEN: Final = 50
_MOST_TILES: Final = 6
_beside: Final = Beside()


async def view_alarms(asked: OperatorRequest) -> dict[str, Any]:
    """GET /alarms: the rows that fit, what can be chosen, and where the same rows are as files."""
    tables = list_tables(asked.context)
    if not tables:
        return {"table": None, "tables": []}
    name = asked.request.query_params.get("table", "")
    query = _query_of(asked)
    rows = await choose_rows(asked.context, name, query)
    table, matches = rows.table, rows.matches
    page = table.page
    choices = [choice_of(each, rows.values.get(each, ()), query.where.get(each, ())) for each in page.filters]
    address = _address(asked, table)
    return {
        "table": table,
        "tables": tables,
        "columns": [_heading(each, query, page.newest, address) for each in matches.columns],
        "rows": [(cells_of(row, matches, page.severity), _row_link(table, row)) for row in matches.rows],
        "count": matches.count,
        "most_counted": matches.most_counted,
        "tiles": _tiles(page.severity, rows.values.get(page.severity, ()), query, address),
        "choices": choices,
        "text": query.text,
        "within": asked.request.query_params.get("within", ""),
        "sinces": SINCES if page.newest in matches.times else (),
        "sort": asked.request.query_params.get("sort", ""),
        "next": address(after=matches.next) if matches.next else "",
        "begin": address() if query.after else "",
        "clear": f"/alarms?{urlencode({'table': table.name})}",
        "csv": address("/alarms/export.csv"),
        "json": address("/alarms/export.json"),
    }


async def view_alarm(asked: OperatorRequest) -> dict[str, Any]:
    """GET /alarms/row: one row, named by the columns of its key, and what it was before."""
    given = asked.request.query_params
    key = {name.removeprefix(_KEY): text for name, text in given.items() if name.startswith(_KEY)}
    history = await show_history(asked.context, given.get("table", ""), key, given.get("after", ""))
    table, past = history.table, history.past
    address = {"table": table.name} | {f"{_KEY}{name}": key[name] for name in table.key}
    return {
        "table": table,
        "title": " / ".join(key[name] for name in table.key),
        "cells": cells_of(history.row, history.now, table.page.severity) if history.row is not None else None,
        "columns": past.columns if past is not None else (),
        "past": [cells_of(row, past, table.page.severity) for row in past.rows] if past is not None else None,
        "next": f"/alarms/row?{urlencode(address | {'after': past.next})}" if past is not None and past.next else "",
        "back": f"/alarms?{urlencode({'table': table.name})}",
    }


async def export_csv(asked: OperatorRequest) -> Download:
    """GET /alarms/export.csv: the rows that fit, for spreadsheets."""
    return await _export(asked, "csv", "text/csv; charset=utf-8", lambda _, matches: rows_as_csv(matches))


async def export_json(asked: OperatorRequest) -> Download:
    """GET /alarms/export.json: the rows that fit, for programs."""
    return await _export(asked, "json", "application/json; charset=utf-8", rows_as_json)


async def _export(asked: OperatorRequest, ending: str, kind: str, write: Callable[[str, RowsFound], bytes]) -> Download:
    name = asked.request.query_params.get("table", "")
    query = _query_of(asked)
    matches = await export_rows(asked.context, name, query)
    name = name or list_tables(asked.context)[0].name
    body = await _beside.run(lambda: write(name, matches), large=len(matches.rows) > LARGE_ITEMS)
    return Download(f"{name}.{ending}", kind, body)


def _query_of(asked: OperatorRequest) -> RowQuery:
    """What a page's address asks for. Raises InvalidInput."""
    given = asked.request.query_params
    where: dict[str, list[str]] = {}
    for name, text in given.multi_items():
        if name.startswith(_COLUMN) and text:  # a list that is left at "any" sends nothing
            where.setdefault(name.removeprefix(_COLUMN), []).append(text)
        elif name.startswith(_EMPTY):
            where.setdefault(name.removeprefix(_EMPTY), []).append("")
    if sum(len(texts) for texts in where.values()) > _MOST_CHOSEN:
        raise InvalidInput("rows", f"no more than {_MOST_CHOSEN} values can be chosen at once")
    within = given.get("within", "")
    seconds = count_of(within) if within else None
    if within and seconds is None:
        raise InvalidInput("within", f"within must be a whole number of seconds, not {within[:40]!r}")
    sort = given.get("sort", "")
    return RowQuery(
        where=where,
        text=given.get("q", "").strip()[:_LONGEST_TEXT],
        since_us=None if seconds is None else max(0, asked.context.clock.wall_us() - seconds * US_PER_S),
        sort=sort.removeprefix("-"),
        descending=sort.startswith("-"),
        after=given.get("after", ""),
        limit=ROWS_A_PAGE,
    )


def _address(asked: OperatorRequest, table: TableView) -> Callable[..., str]:
    """Addresses of the same rows, with some of the question changed; a page further on is not carried along."""
    given = [
        (name, text)
        for name, text in asked.request.query_params.multi_items()
        if text and name not in ("table", "after", "part")
    ]

    def change_address(path: str = "/alarms", **changes: str) -> str:
        kept = [(name, text) for name, text in given if name not in changes]
        return f"{path}?{urlencode([('table', table.name), *kept, *changes.items()])}"

    return change_address


def _heading(name: str, query: RowQuery, newest: str, address: Callable[..., str]) -> tuple[str, str, str]:
    """A column's name, the address that sorts by it or turns the order round, and how it is sorted now."""
    by, descending = (query.sort, query.descending) if query.sort else (newest, True)
    if by == name:
        return name, address(sort=name if descending else f"-{name}"), "descending" if descending else "ascending"
    return name, address(sort=name), ""


def _tiles(
    severity: str, values: Sequence[tuple[str, int]], query: RowQuery, address: Callable[..., str]
) -> list[tuple[str, int, str, str, bool]]:
    """The severity's words, each with its count, its tone, the address that chooses it or lets it go, and whether."""
    chosen = query.where.get(severity, ())
    return [
        (
            word,
            count,
            tone_of(word),
            address(**{f"{_COLUMN}{severity}": "" if word in chosen else word}),
            word in chosen,
        )
        for word, count in values[:_MOST_TILES]
        if word
    ]


def _row_link(table: TableView, row: Mapping[str, Any]) -> tuple[str, str]:
    """The address of one row's page, and what it is called; "" where nothing names a row."""
    if not table.key:
        return "", ""
    named = {name: "" if row.get(name) is None else str(row[name]) for name in table.key}
    address = {"table": table.name} | {f"{_KEY}{name}": text for name, text in named.items()}
    return f"/alarms/row?{urlencode(address)}", " / ".join(named.values())
