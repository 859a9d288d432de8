"""What pages and exports may ask of a destination that keeps rows: which of them, in which order, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from pydantic import Field, field_validator

from bridge.core.model_base import SettingsRecord


class TablePage(SettingsRecord):
    """What the page of a table shows."""

    title: str = Field("Alarms", min_length=1, max_length=60, description="What the page calls its rows")
    columns: tuple[str, ...] = Field((), description="Columns shown, in this order; empty: all that the table has")
    filters: tuple[str, ...] = Field((), description="Columns whose values can be chosen")
    newest: str = Field("", description="Column with the time of the last change: sorts the page and its history")
    severity: str = Field("", description="Column whose words colour a row: CRITICAL, WARNING, OK ...")
    history: str = Field(
        "", description="Table of the same database whose rows of the same key are what a row was before"
    )

    @field_validator("title")
    @classmethod
    def _is_a_line(cls, title: str) -> str:
        if not title.isprintable():
            raise ValueError("a title is one line")
        return title


@dataclass(frozen=True, slots=True, kw_only=True)
class RowQuery:
    """Which rows are meant: any of the texts of each column ("" is nothing), a text anywhere, and how new.

    ``after`` is the ``next`` of the page before; ``in_history`` asks the table of what rows were.
    """

    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    text: str = ""
    since_us: int | None = None
    sort: str = ""
    descending: bool = False
    after: str = ""
    limit: int = 100
    in_history: bool = False


@dataclass(frozen=True, slots=True)
class RowsFound:
    """Rows with their shown columns and their key, and the ``next`` page; ``times`` are the columns that hold moments.

    ``count`` is how many fit in all, and no more than ``most_counted``.
    """

    columns: Sequence[str]
    times: frozenset[str]
    rows: Sequence[Mapping[str, Any]]
    next: str
    count: int
    most_counted: int


class RowsUnavailable(Exception):
    """The table cannot be read now, or not as the settings say; the text says why, without a password."""


class NoSuchColumn(Exception):
    """The table, or what is shown of it, has no such column."""


@runtime_checkable
class RowSource(Protocol):
    """A destination whose rows can be looked at; ``page`` is None when its settings ask for no page."""

    @property
    def page(self) -> TablePage | None:
        """What is shown."""

    @property
    def row_key(self) -> Sequence[str]:
        """The columns that name a row."""

    async def find_rows(self, query: RowQuery) -> RowsFound:
        """A page of the rows that fit. Raises RowsUnavailable, NoSuchColumn."""

    async def count_values(self, query: RowQuery, columns: Sequence[str]) -> Mapping[str, Sequence[tuple[str, int]]]:
        """The values of some columns among the rows that fit, the most frequent first. Raises as ``find_rows``."""
