"""Moves a store from one engine into another while its daemon goes on, and can be broken off anywhere.

Every look brings the target up to what the source holds: tables that grow with use in ranges, each with a mark that the
target keeps, so that only ranges that changed are read again; the others row by row. What was written is read back and
compared before it counts. As long as the source is in use, looks follow each other; once nobody can change it any more,
one last look makes both the same, and that one is short.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from broker.engines.stored_tables import TABLES, StoredTable, TableCount
from broker.errors import StoreCorrupt

Row: TypeAlias = tuple[Any, ...]
Key: TypeAlias = tuple[Any, ...]

_ROWS_AT_ONCE: Final = 2_000
_RANGES_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """A stretch of a large table: ``each`` numbers from ``number * each`` on; ``log`` is that of messages."""

    log: int
    number: int

    def bounds(self, table: StoredTable) -> tuple[Key, Key]:
        """The key after which it begins, and the one with which it ends."""
        first, last = self.number * table.each - 1, (self.number + 1) * table.each - 1
        return ((self.log, first), (self.log, last)) if table.name == "messages" else ((first,), (last,))


def marks_of_logs(logs: Iterable[Row], each: int) -> dict[Range, str]:
    """Ranges of messages, which never change: from which offset to which they are there."""
    return {
        Range(log, number): f"{max(first, number * each)}-{min(end, (number + 1) * each)}"
        for log, first, end in logs
        if end > first
        for number in range(first // each, (end - 1) // each + 1)
    }


class MovedFrom(Protocol):
    """The store that is moved."""

    place: str

    async def ranges(self, table: StoredTable) -> Mapping[Range, str]:
        """The ranges that hold something, each with a mark that is another one when anything in it is."""

    async def read_range(self, table: StoredTable, wanted: Range) -> tuple[str, Sequence[Row]]:
        """The mark of a range and its rows in the order of their keys, both of one moment."""

    async def read(self, table: StoredTable, after: Key, limit: int) -> Sequence[Row]:
        """Rows behind a key (() is before all), in the order of their keys."""

    async def numbers(self) -> Mapping[str, int]:
        """The last numbers that were given, by the name of their sequence."""

    async def size(self, table: StoredTable) -> int:
        """About how many rows there are; quick."""

    async def hold(self) -> bool:
        """See to it that nobody changes the store until ``close``; False while a daemon uses it."""

    async def close(self) -> None:
        """Let go of it."""


class MovedTo(Protocol):
    """The store that is made."""

    async def begin(self, source: str) -> bool:
        """Make the tables, or go on where an earlier run broke off; False when that one had finished.

        Raises StoreUnusable for one that holds something, or is being filled from elsewhere.
        """

    async def marks(self, table: StoredTable) -> Mapping[Range, str]:
        """The ranges that are in, with their marks."""

    def changing(self) -> AbstractAsyncContextManager[None]:
        """A transaction: all that is changed within is in, or nothing."""

    async def standing(self, table: StoredTable, after: Key, upto: Key) -> Sequence[Row]:
        """The rows behind a key, up to one (() is no bound), in the order of their keys."""

    async def change(self, table: StoredTable, gone: Sequence[Key], rows: Sequence[Row]) -> None:
        """Remove rows, and add others."""

    async def mark(self, table: StoredTable, wanted: Range, mark: str, count: TableCount) -> None:
        """Note what is in of a range; a mark "" says that nothing is."""

    async def counts(self, table: StoredTable) -> TableCount:
        """What is noted of all ranges together."""

    async def stands(self, table: StoredTable) -> int:
        """How many rows there really are."""

    async def finish(self, numbers: Mapping[str, int]) -> None:
        """Make a store of it that a daemon can open."""

    async def close(self) -> None:
        """Let go of it; what is not finished stays to be gone on with."""


@dataclass(frozen=True, slots=True)
class MoveStep:
    """How far a look is: of a table so many rows, of about so many; ``changed`` rows were written in this look."""

    table: str
    rows: int
    of: int
    changed: int


Notify: TypeAlias = Callable[[MoveStep], None]


async def bring_up(source: MovedFrom, target: MovedTo, notify: Notify) -> Mapping[str, TableCount]:
    """One look: make the target what the source was, table by table, and say what stands there."""
    return {table.name: await _bring_up_table(source, target, table, notify) for table in TABLES}


async def finish(source: MovedFrom, target: MovedTo, notify: Notify) -> Mapping[str, TableCount]:
    """The last look, at a source that nobody changes any more. Raises StoreCorrupt when something is not as it was."""
    arrived = await bring_up(source, target, notify)
    for table in TABLES:
        if await target.stands(table) != arrived[table.name].rows:
            raise _differs(table)
    await target.finish(await source.numbers())
    return arrived


def count_changed(before: Mapping[str, TableCount], now: Mapping[str, TableCount]) -> int:
    """How many tables another look found changed."""
    return sum(before[name] != count for name, count in now.items())


async def _bring_up_table(source: MovedFrom, target: MovedTo, table: StoredTable, notify: Notify) -> TableCount:
    of, changed, count = await source.size(table), 0, TableCount()
    if table.each:
        async for rows, written in _ranges(source, target, table):
            count.rows, changed = count.rows + rows, changed + written
            notify(MoveStep(table.name, count.rows, of, changed))
        count = await target.counts(table)
    else:
        async for page, written in _pages(source, target, table):
            count.add_all(page)
            changed += written
            notify(MoveStep(table.name, count.rows, of, changed))
    notify(MoveStep(table.name, count.rows, count.rows, changed))
    return count


async def _ranges(source: MovedFrom, target: MovedTo, table: StoredTable) -> AsyncIterator[tuple[int, int]]:
    """Bring in the ranges that are other than their marks say, some to a transaction."""
    now, then = await source.ranges(table), await target.marks(table)
    other = sorted(part for part in now.keys() | then.keys() if now.get(part) != then.get(part))
    for place in range(0, len(other), _RANGES_AT_ONCE):
        read = written = 0
        async with target.changing():
            for wanted in other[place : place + _RANGES_AT_ONCE]:
                mark, rows = await source.read_range(table, wanted)
                written += await _make_same(target, table, *wanted.bounds(table), rows)
                await target.mark(table, wanted, mark if rows else "", TableCount().add_all(rows))
                read += len(rows)
        yield read, written


async def _pages(source: MovedFrom, target: MovedTo, table: StoredTable) -> AsyncIterator[tuple[Sequence[Row], int]]:
    """Compare a table from its first row to its last, a transaction for each page of it."""
    after: Key = ()
    is_last = False
    while not is_last:
        rows = await source.read(table, after, _ROWS_AT_ONCE)
        is_last = len(rows) < _ROWS_AT_ONCE
        upto = () if is_last else rows[-1][: table.keys]
        async with target.changing():
            written = await _make_same(target, table, after, upto, rows)
        yield rows, written
        after = upto


async def _make_same(target: MovedTo, table: StoredTable, after: Key, upto: Key, rows: Sequence[Row]) -> int:
    """Let these rows stand between two keys, and no others; how many were changed. Raises StoreCorrupt."""
    before = {row[: table.keys]: row for row in await target.standing(table, after, upto)}
    wanted = {row[: table.keys]: row for row in rows}
    new = [row for key, row in wanted.items() if before.get(key) != row]
    gone = [key for key, row in before.items() if wanted.get(key) != row]
    if new or gone:
        await target.change(table, gone, new)
        if list(await target.standing(table, after, upto)) != list(rows):
            raise _differs(table)
    return max(len(new), len(gone))


def _differs(table: StoredTable) -> StoreCorrupt:
    return StoreCorrupt(f"what arrived in the table {table.name} is not what was sent; nothing of it counts")
