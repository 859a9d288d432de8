"""A table of a SQLite or PostgreSQL database: a row for each delivery, or one for each key, kept up to date.

The rule's ``body:`` is the row: a mapping of columns, with templates in it. Without one, the parts of the post that
the table has columns for are written. It needs the extra ``database`` (SQLAlchemy).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, Literal, Self, TypeVar

from pydantic import Field, field_validator, model_validator

from bridge.core.model_base import SettingsRecord
from bridge.core.secret import Secret
from bridge.destinations.base import Later, Outcome, Parcel, Preview, Refused
from bridge.destinations.config import WHOLE_TRY_MARGIN_S, DestinationConfig
from bridge.destinations.kit.payload import rfc3339_ms
from bridge.destinations.row_source import RowQuery, RowsFound, RowsUnavailable, TablePage
from bridge.destinations.sql.columns import ColumnKind
from broker.clock import Clock
from rules.model import DestinationFacts

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_TABLE: Final = re.compile(rf"(?:{_NAME.pattern}\.)?{_NAME.pattern}")
Result = TypeVar("Result")


class SumsSettings(SettingsRecord):
    """Sums of the rows, in a table of their own."""

    table: str = Field(
        description="The table of the sums, or SCHEMA.TABLE; create: true makes it, of the rows there are"
    )
    by: tuple[str, ...] = Field(min_length=1, description="Columns that name a sum, such as site, year and month")
    of: tuple[str, ...] = Field(min_length=1, description="Columns that are added up")


class DatabaseConfig(DestinationConfig):
    """Settings of a table."""

    type: Literal["database"] = "database"
    url: Secret = Field(description="sqlite:////FULL/PATH or postgresql://USER:PASSWORD@HOST/NAME")
    table: str = Field(description="The table, or SCHEMA.TABLE")
    key: tuple[str, ...] = Field(
        (),
        description="Columns that name a row, with a unique index: its row is brought up to date; empty: rows add up",
    )
    delivery_column: str = Field(
        "delivery_id",
        description="Column with a unique index that holds the delivery's id, so that a repeat adds no row; "
        "empty: none (with key it is not needed)",
    )
    create: bool = Field(False, description="Make the table from columns: if it is not there")
    columns: dict[str, ColumnKind] = Field(
        default_factory=dict, description="For create: column to text, integer, number, boolean, time or json"
    )
    page: TablePage | None = Field(None, description="Show the rows on the page Alarms, whoever wrote them; empty: no")

    sums: SumsSettings | None = Field(
        None, description="Add the rows up in a second table: {table: TABLE, by: [COLUMN], of: [COLUMN]}; needs key"
    )

    @field_validator("url")
    @classmethod
    def _is_a_database(cls, url: Secret) -> Secret:
        try:
            from bridge.destinations.sql.table import url_of
        except ImportError:
            raise ValueError("a database needs its extra: pip install 'ams-bridge[database]'") from None
        url_of(url.reveal())
        return url

    @field_validator("table")
    @classmethod
    def _is_a_table(cls, table: str) -> str:
        if _TABLE.fullmatch(table) is None:
            raise ValueError(f'"{table}" is no name for a table: letters, digits and _ are')
        return table

    @model_validator(mode="after")
    def _columns_fit(self) -> Self:
        wrong = [name for name in (*self.key, *self.columns) if _NAME.fullmatch(name) is None]
        if wrong or (self.delivery_column and _NAME.fullmatch(self.delivery_column) is None):
            raise ValueError(
                f'"{(wrong or [self.delivery_column])[0]}" is no name for a column: letters, digits and _ are'
            )
        if self.create and not self.columns:
            raise ValueError("create: true needs columns: what the table is made of")
        lost = [name for name in self.key if self.create and name not in self.columns]
        if lost:
            raise ValueError(f"key names {', '.join(lost)}, which columns: does not have")
        if self.page is not None:
            self._check_page(self.page)
        return self

    @model_validator(mode="after")
    def _sums_fit(self) -> Self:
        sums = self.sums
        if sums is None:
            return self
        names = (*sums.by, *sums.of)
        if not self.key:
            raise ValueError("sums needs key: without it nobody knows whether a row is one that was counted before")
        if _TABLE.fullmatch(sums.table) is None or sums.table == self.table:
            raise ValueError(f'sums: "{sums.table}" is no name for a second table')
        if len({*names, "records"}) <= len(names):
            raise ValueError('sums: each column stands once in by and of, and "records" is the count of the rows')
        for name in names if self.create else ():
            if name not in self.columns:
                raise ValueError(f"sums names {name}, which columns: does not have")
            if name in sums.of and self.columns[name] not in ("integer", "number"):
                raise ValueError(f"sums: {name} is {self.columns[name]}, and only integer and number can be added up")
        return self

    def _check_page(self, page: TablePage) -> None:
        """Raises ValueError for a page that names what is no column, or that nothing could page through."""
        named = [name for name in (*page.columns, *page.filters, page.newest, page.severity) if name]
        wrong = [name for name in named if _NAME.fullmatch(name) is None]
        if wrong:
            raise ValueError(f'page: "{wrong[0]}" is no name for a column: letters, digits and _ are')
        unknown = [name for name in named if self.create and name not in (*self.columns, self.delivery_column)]
        if unknown:
            raise ValueError(f"page names {', '.join(unknown)}, which columns: does not have")
        if page.history and (_TABLE.fullmatch(page.history) is None or not self.key):
            raise ValueError("page: history names a table, and needs key: what a row and its past have in common")


class Database:
    """Writes rows of one table."""

    def __init__(self, name: str, config: DatabaseConfig, clock: Clock) -> None:
        from bridge.destinations.sql.sums import SumsPlan
        from bridge.destinations.sql.table import SqlTable, TablePlan, url_of

        self._config = config
        self._clock = clock
        sums = None if config.sums is None else SumsPlan(config.sums.table, config.sums.by, config.sums.of)
        plan = TablePlan(config.table, config.columns, config.key, config.delivery_column, config.create, sums)
        self._table = SqlTable(
            url_of(config.url.reveal()),
            plan,
            connections=config.concurrency,
            timeout_s=config.timeout,
            monotonic=clock.monotonic,
        )
        self._threads = ThreadPoolExecutor(config.concurrency, thread_name_prefix=f"database:{name}")
        self.page = config.page
        self.row_key = config.key
        self._reader = self._readers = None
        if config.page is not None:
            from bridge.destinations.sql.reader import TableReader

            url = url_of(config.url.reveal())
            self._reader = TableReader(
                url, plan, config.page.history, timeout_s=config.timeout, monotonic=clock.monotonic
            )
            self._readers = ThreadPoolExecutor(
                1, thread_name_prefix=f"rows:{name}"
            )  # a look keeps no row from its table
        self.facts = DestinationFacts(name=name, kind="database", takes_body=True)

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        row = row_of(parcel)
        if row is None:
            return Refused("the body is not a mapping of columns")
        write = partial(self._table.write, row, parcel.id, strict=parcel.post.body is not None)
        return await self._in_thread(write, unclear=True)

    async def probe(self) -> Outcome:
        """Connect, and look whether the table is fit to be written; nothing is made or changed."""
        return await self._in_thread(self._table.look, unclear=False)

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination. Texts become numbers and times as the table's columns want them."""
        once = self._config.key or ((self._config.delivery_column,) if self._config.delivery_column else ())
        remarks = [f"one row for each {', '.join(once)}" if once else "a try that is repeated may add a row more"]
        if self._config.sums is not None:
            remarks.append(f"added up in {self._config.sums.table} by {', '.join(self._config.sums.by)}")
        row = row_of(parcel)
        columns = self._table.columns
        unknown = [name for name in row or () if columns is not None and name not in columns]
        if unknown and parcel.post.body is not None:
            remarks.append(f"it would be refused: the table has no column {', '.join(unknown)}")
        elif unknown and row is not None:
            remarks.append(f"left out, for the table has no such columns: {', '.join(unknown)}")
            row = {name: value for name, value in row.items() if name not in unknown}
        if row is not None and self._config.delivery_column and not self._config.key:
            row = {**row, self._config.delivery_column: parcel.id}
        return Preview(self._table.shown, body=row, remarks=tuple(remarks))

    async def close(self) -> None:
        """See Destination. A row that is being written is left to its end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._table.close()
        if self._reader is not None and self._readers is not None:
            self._readers.shutdown(wait=False, cancel_futures=True)
            self._reader.close()

    async def find_rows(self, query: RowQuery) -> RowsFound:
        """See RowSource."""
        page = self.page or TablePage()
        return await self._read(lambda reader: reader.find(query, page.columns, page.newest))

    async def count_values(self, query: RowQuery, columns: Sequence[str]) -> Mapping[str, Sequence[tuple[str, int]]]:
        """See RowSource."""
        page = self.page or TablePage()
        return await self._read(lambda reader: reader.count(query, columns, page.columns, page.newest))

    async def _read(self, step: Callable[[Any], Result]) -> Result:
        if self._reader is None or self._readers is None:
            raise RowsUnavailable("the settings of this table ask for no page")
        try:
            async with self._clock.timeout(self._config.timeout + WHOLE_TRY_MARGIN_S):
                return await asyncio.get_running_loop().run_in_executor(self._readers, step, self._reader)
        except TimeoutError:
            raise RowsUnavailable(f"no answer within {self._config.timeout:g} s") from None

    async def _in_thread(self, step: Any, *, unclear: bool) -> Outcome:
        try:
            async with self._clock.timeout(self._config.timeout + WHOLE_TRY_MARGIN_S):
                outcome: Outcome = await asyncio.get_running_loop().run_in_executor(self._threads, step)
        except TimeoutError:
            return Later(f"no answer within {self._config.timeout:g} s", unclear=unclear)
        return outcome


def row_of(parcel: Parcel) -> dict[str, Any] | None:
    """The row that a delivery becomes: the rule's ``body:``, else everything the post says.

    None when the body is no mapping.
    """
    post = parcel.post
    if post.body is not None:
        return {str(name): value for name, value in post.body.items()} if isinstance(post.body, Mapping) else None
    return {
        "time": rfc3339_ms(parcel.created_us),
        "rule": parcel.rule,
        "key": parcel.key,
        "phase": parcel.phase,
        "severity": post.severity,
        "title": post.title,
        "text": post.text,
        "url": post.url,
        "footer": post.footer,
        "fields": {field.title: field.value for field in post.fields},
    }
