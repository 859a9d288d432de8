"""One PostgreSQL server for a test run, and an empty database whenever a test asks for one."""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from functools import cache
from urllib.parse import urlsplit, urlunsplit

from tests.bridge.destinations.postgres import a_postgres

_OPEN = ExitStack()


@cache
def the_server() -> str:
    """The URL of the run's server, begun when it is first asked for. Skips the test, or in CI fails it, without one."""
    url = _OPEN.enter_context(a_postgres())
    atexit.register(_OPEN.close)
    return url


@cache
def a_database(name: str) -> str:
    """The URL of a database of this name on the run's server, made the first time."""
    import psycopg

    with psycopg.connect(the_server(), autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}")
    return urlunsplit(urlsplit(the_server())._replace(path=f"/{name}"))


def an_empty_database(name: str = "contracts") -> str:
    """The same with nothing in it; the tables stay, for to make them takes longer than a test."""
    import psycopg

    url = a_database(name)
    with psycopg.connect(url, autocommit=True) as db:
        slabs = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass('messages')"
        for (slab,) in db.execute(slabs).fetchall():
            db.execute(f"DROP TABLE {slab}")
        tables = [table for (table,) in db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        for table in tables:
            if table not in ("schema_versions", "lock_slots"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - names from its own catalog
        for (sequence,) in db.execute("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'").fetchall():
            db.execute(f"ALTER SEQUENCE {sequence} RESTART")
    return url
