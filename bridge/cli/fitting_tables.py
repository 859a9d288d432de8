"""Tables that fit the terminal: what has no room beside the rest stands below it; ids, times and numbers never wrap.

A table that fits is drawn as it is. Where its texts would become narrow columns, the long ones stand below their row.
Where even the short ones do not fit beside one another, each row is a list of named values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table

from bridge.cli.visible import VisibleText

SHORT_ID: Final = 8
"""So many characters of an id are shown, more where they tell it not apart; commands take a unique beginning."""
_JOINS: Final = re.compile("[\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
"""What makes one sign of several: terminals do not agree on how wide such a sign is, so tables show its parts."""
_GAP: Final = 2
_INDENT: Final = 4
_READABLE: Final = 24  # columns of a text beside others
_NARROW: Final = 12  # columns of a name


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its head, how to read it from a row, and whether it holds numbers.

    ``whole`` cells never wrap: ids and times, as numbers. ``below`` is a text that may stand below its row.
    """

    head: str
    value: Callable[[Any], object]
    number: bool = False
    style: Callable[[Any], str] | None = None
    whole: bool = False
    below: bool = False


def text_column(head: str, key: str, *, below: bool = False) -> Column:
    """A column that shows a row's ``key``, or nothing where it has none."""
    return Column(head, lambda row: row.get(key, ""), below=below)


def time_column(head: str, value: Callable[[Any], object]) -> Column:
    """A column of times."""
    return Column(head, value, whole=True)


def id_column(rows: Iterable[Mapping[str, Any]], key: str = "id") -> Column:
    """The first column of a listing: the ids of its rows, as short as tells them apart."""
    short = short_ids([str(row[key]) for row in rows])
    return Column("Id", lambda row: short[str(row[key])], whole=True)


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """Each id by its beginning: eight characters, more where another of them begins alike."""
    known = sorted(set(ids))
    shorts = {}
    for number, text in enumerate(known):
        beside = known[max(0, number - 1) : number] + known[number + 1 : number + 2]
        shared = max((_share(text, other) for other in beside), default=0)
        shorts[text] = text[: max(SHORT_ID, shared + 1)]
    return shorts


def draw_tables(
    rows: Sequence[Any], columns: Sequence[Column], width: int, title: str = ""
) -> Iterator[RenderableType]:
    """The rows as tables and lines to print one after the other, none wider than ``width``."""
    cells = [[_cell(column, row) for column in columns] for row in rows]
    natural = [max([len(column.head), *(_widest(row[at]) for row in cells)]) for at, column in enumerate(columns)]
    if _least_width(columns, natural, _READABLE) <= width:
        yield _table(columns, cells, title)
        return
    if title:
        yield VisibleText(title, style="italic")
    beside = [at for at, column in enumerate(columns) if not column.below]
    kept = [columns[at] for at in beside]
    if len(beside) < len(columns) and _least_width(kept, [natural[at] for at in beside], _NARROW) <= width:
        yield from _in_two_levels(columns, cells, width, beside, natural)
    else:
        yield from _as_lists(columns, cells)


def _in_two_levels(
    columns: Sequence[Column], cells: list[list[VisibleText]], width: int, beside: list[int], natural: list[int]
) -> Iterator[RenderableType]:
    """Short values beside one another, and below them the texts, each with its own lines."""
    room = width - _GAP * (len(beside) - 1)
    widths = _shares([columns[at] for at in beside], [natural[at] for at in beside], room)
    heads = [VisibleText(columns[at].head, style="bold") for at in beside]
    yield _line([columns[at] for at in beside], heads, widths)
    for row in cells:
        yield _line([columns[at] for at in beside], [row[at] for at in beside], widths)
        for at, column in enumerate(columns):
            if column.below and row[at].plain:
                yield Padding(row[at], (0, 0, 0, _INDENT))


def _as_lists(columns: Sequence[Column], cells: list[list[VisibleText]]) -> Iterator[RenderableType]:
    for number, row in enumerate(cells):
        if number:
            yield ""
        grid = Table.grid(padding=(0, _GAP))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for column, cell in zip(columns, row, strict=True):
            grid.add_row(column.head, cell)
        yield grid


def _table(columns: Sequence[Column], cells: list[list[VisibleText]], title: str) -> Table:
    table = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(
            column.head, justify="right" if column.number else "left", overflow="fold", no_wrap=_is_whole(column)
        )
    for row in cells:
        table.add_row(*row)
    return table


def _line(columns: Sequence[Column], cells: Sequence[VisibleText], widths: Sequence[int]) -> Table:
    grid = Table.grid(padding=(0, _GAP, 0, 0))
    for column, width in zip(columns, widths, strict=True):
        grid.add_column(justify="right" if column.number else "left", overflow="fold", width=width)
    grid.add_row(*cells)
    return grid


def _shares(columns: Sequence[Column], natural: Sequence[int], room: int) -> list[int]:
    """How wide each column becomes: whole ones as they are, the others as they are or an equal share of the rest."""
    widths = [wide if _is_whole(column) else 0 for column, wide in zip(columns, natural, strict=True)]
    left = room - sum(widths)
    open_ones = sorted((wide, at) for at, wide in enumerate(natural) if not _is_whole(columns[at]))
    for number, (wide, at) in enumerate(open_ones):
        widths[at] = min(wide, left // (len(open_ones) - number))
        left -= widths[at]
    return widths


def _least_width(columns: Sequence[Column], natural: Sequence[int], least: int) -> int:
    """How wide a table is at least when each text has ``least`` columns, or as many as it takes."""
    widths = (wide if _is_whole(column) else min(wide, least) for column, wide in zip(columns, natural, strict=True))
    return sum(widths) + _GAP * (len(columns) - 1)


def _is_whole(column: Column) -> bool:
    return column.whole or column.number


def _widest(cell: VisibleText) -> int:
    return max((line.cell_len for line in cell.split("\n")), default=0)


def _share(text: str, other: str) -> int:
    return next((at for at, (left, right) in enumerate(zip(text, other, strict=False)) if left != right), len(other))


def _cell(column: Column, row: Any) -> VisibleText:
    value = column.value(row)
    style = column.style(row) if column.style else ""
    text = VisibleText("" if value is None else _JOINS.sub("", str(value)), style=style)
    text.expand_tabs(8)
    return text
