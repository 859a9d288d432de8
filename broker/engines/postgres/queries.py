"""The queries of the PostgreSQL engine: SQL text in ``sql/*.sql``, each with a name and a sentence.

``%s`` is a value, ``%b`` one that is sent in binary: columns of many rows, which ``unnest`` makes rows of again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection

from broker.engines.queries import load_queries

Rows = list[tuple[Any, ...]]
Parameters = Sequence[Any] | Mapping[str, Any] | None
Question = tuple[str, Parameters]
"""A statement with its values."""


def load(name: str) -> Mapping[str, str]:
    """The queries of ``sql/<name>.sql`` by their names. A comment behind the name's line is for people only."""
    return load_queries(__package__, name)


async def ask(db: AsyncConnection, text: str, parameters: Parameters = None) -> Rows:
    """The rows that a statement gives; none for one that gives no rows."""
    cursor = await db.execute(text, parameters)
    return await cursor.fetchall() if cursor.description else []


async def count(db: AsyncConnection, text: str, parameters: Parameters = None) -> int:
    """How many rows a statement changed."""
    return (await db.execute(text, parameters)).rowcount


async def ask_all(db: AsyncConnection, questions: Sequence[Question]) -> list[Rows]:
    """The rows of several statements that are sent at once: it takes one way to the database and back."""
    if len(questions) < 2:
        return [await ask(db, *question) for question in questions]
    async with db.pipeline():
        cursors = [await db.execute(text, parameters) for text, parameters in questions]
    return [await cursor.fetchall() if cursor.description else [] for cursor in cursors]


def columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Rows as the columns that ``unnest`` takes. There must be one at least."""
    return [list(column) for column in zip(*rows, strict=True)]


async def begin(db: AsyncConnection) -> None:
    """Begin a transaction."""
    await db.execute("BEGIN")
