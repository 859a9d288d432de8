"""The engines that keep a Store, and ``open_store``, which picks one by URL.

An engine is imported when it opens: who only asks where a store lies waits for none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from broker.errors import StoreUnusable

if TYPE_CHECKING:
    from broker.clock import Clock
    from broker.engines.moving import MovedFrom, MovedTo
    from broker.store import Store

_SQLITE = "sqlite://"
_POSTGRES = ("postgresql://", "postgres://")


async def open_store(url: str, clock: Clock, node: str = "") -> Store:
    """Open the store that ``url`` names.

    ``memory`` and ``sqlite:///path/to/file`` are for this process alone, ``postgresql://user@host/name`` is for any
    number of nodes, each of a name of its own. It belongs to the running event loop. Raises StoreUnavailable or
    StoreCorrupt with what to do about it.
    """
    if is_postgres(url):
        _require_psycopg()
        from broker.engines.postgres import open_postgres

        return await open_postgres(url, clock, node)
    if url == "memory":
        from broker.engines.memory import MemoryStore

        return MemoryStore(clock)
    from broker.engines.sqlite import open_sqlite

    return await open_sqlite(sqlite_path(url), clock)


async def open_reader(url: str, clock: Clock, *, glance: bool = False) -> Store:
    """Open a store to look at it, also beside a daemon that uses it; every change raises StoreUnavailable.

    What waits for changes sees them within a second. With ``glance`` a store that nobody uses is left exactly as it is,
    its folder too; it must be closed again at once, for a daemon that begins is not seen. Raises StoreUnavailable or
    StoreCorrupt.
    """
    if is_postgres(url):
        _require_psycopg()
        from broker.engines.postgres import open_postgres_reader

        return await open_postgres_reader(url, clock)
    from broker.engines.sqlite import open_sqlite_reader

    return await open_sqlite_reader(sqlite_path(url), clock, glance=glance)


@asynccontextmanager
async def open_move(source: str, target: str) -> AsyncIterator[tuple[MovedFrom, MovedTo]]:
    """Both ends of a move between a file and a database. Raises StoreUnavailable and StoreCorrupt."""
    _require_psycopg()
    from broker.engines.postgres.receiving import PostgresMovedTo
    from broker.engines.postgres.table_rows import PostgresMovedFrom, open_for_moving
    from broker.engines.sqlite.table_filling import SqliteMovedTo
    from broker.engines.sqlite.table_rows import SqliteMovedFrom

    moved_from: MovedFrom
    moved_to: MovedTo
    async with AsyncExitStack() as closing:
        db, place = await open_for_moving(source if is_postgres(source) else target)
        closing.push_async_callback(db.close)
        if is_postgres(source):
            moved_from, moved_to = PostgresMovedFrom(db, place), SqliteMovedTo(sqlite_path(target))
        else:
            moved_from, moved_to = SqliteMovedFrom(sqlite_path(source)), PostgresMovedTo(db, place)
        closing.push_async_callback(moved_from.close)
        closing.push_async_callback(moved_to.close)
        yield moved_from, moved_to


def is_postgres(url: str) -> bool:
    """Whether a URL names a database of PostgreSQL."""
    return url.startswith(_POSTGRES)


def check_url(url: str) -> None:
    """Raise StoreUnusable for a URL that no store can have here, as far as that shows without asking for it."""
    if is_postgres(url):
        _require_psycopg()
        from broker.engines.postgres.address import address_of

        address_of(url)
    elif url != "memory":
        sqlite_path(url)


def may_stand(url: str) -> bool:
    """Whether there may be a store to look at: a file that is there, or a database. Raises StoreUnusable, OSError."""
    check_url(url)
    return url != "memory" and (is_postgres(url) or sqlite_path(url).exists())


def _require_psycopg() -> None:
    """Raise StoreUnusable where the library is missing: only who uses the engine needs it."""
    if find_spec("psycopg") is None:
        raise StoreUnusable("a store in PostgreSQL needs its extra: pip install 'ams-bridge[postgres]'")


def sqlite_path(url: str) -> Path:
    """The file that ``sqlite:///path`` names. Raises StoreUnusable for any other URL."""
    path = url.removeprefix(_SQLITE)
    if path in (url, ""):
        scheme, colon, _ = url.partition("://")
        named = f"{scheme}://..." if colon else repr(url)  # the rest may hold a password
        raise StoreUnusable(
            f"this version has no engine for {named}; say memory, sqlite:///path/to/file or postgresql://..."
        )
    return Path(path)
