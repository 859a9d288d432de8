"""Rows of a table as its page asks for them: SQLite files and PostgreSQL, tables of ours and of others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.core.secret import Secret
from bridge.destinations.row_source import NoSuchColumn, RowQuery, RowsFound, RowSource, RowsUnavailable
from bridge.destinations.sql.database import Database, DatabaseConfig
from bridge.destinations.sql.table import url_of
from broker.clock import SystemClock
from tests.bridge.destinations.parcels import a_parcel
from tests.bridge.destinations.postgres import a_postgres

COLUMNS = {"host": "text", "test": "text", "status": "text", "changed": "time", "n": "integer", "up": "boolean"}
PAGE = {
    "columns": ["status", "host", "test", "changed", "n"],
    "filters": ["status", "n"],
    "newest": "changed",
    "severity": "status",
    "history": "past",
}
START_US = 1_767_225_600_000_000  # 2026-01-01


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with a_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/alarms.db"
    url = str(request.getfixturevalue("postgres"))
    run(url, "DROP TABLE IF EXISTS alarms", "DROP TABLE IF EXISTS past")
    return url


def run(url: str, *statements: str) -> None:
    engine = sa.create_engine(url_of(url), poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


@asynccontextmanager
async def a_table(url: str, **config: Any) -> AsyncIterator[Database]:
    asked = {
        "url": Secret(url),
        "table": "alarms",
        "create": True,
        "columns": COLUMNS,
        "key": ["host", "test"],
        "page": PAGE,
        "timeout": 20.0,
    } | config
    database = Database("portal", DatabaseConfig(**asked), SystemClock())
    try:
        yield database
    finally:
        await database.close()


async def write(database: Database, *rows: dict[str, Any]) -> None:
    for nth, row in enumerate(rows):
        await database.deliver(a_parcel(body={"test": "ping", "changed": f"2026-01-01T00:{nth:02}:00Z"} | row))


def hosts(found: RowsFound) -> list[str]:
    return [row["host"] for row in found.rows]


async def test_rows_are_sorted_chosen_and_paged_through(place: str) -> None:
    async with a_table(place) as database:
        await write(
            database,
            {"host": "a", "status": "OK", "n": 1},
            {"host": "b", "status": "CRITICAL", "n": 2},
            {"host": "c", "status": "CRITICAL", "n": ""},
            {"host": "d", "status": "", "n": 3},
        )
        assert isinstance(database, RowSource)
        newest = await database.find_rows(RowQuery(sort="changed", descending=True))
        assert (hosts(newest), newest.count, newest.next) == (["d", "c", "b", "a"], 4, "")
        assert newest.columns == PAGE["columns"]
        critical = await database.find_rows(RowQuery(where={"status": ["CRITICAL"]}))
        assert hosts(critical) == ["b", "c"]
        some = await database.find_rows(RowQuery(where={"status": ["OK", ""]}))
        assert hosts(some) == ["a", "d"]
        numbered = await database.find_rows(RowQuery(where={"n": ["2", "3", "many"]}))
        assert hosts(numbered) == ["b", "d"]
        assert hosts(await database.find_rows(RowQuery(where={"n": [""]}))) == ["c"]
        assert hosts(await database.find_rows(RowQuery(text="CRIT"))) == ["b", "c"]
        assert hosts(await database.find_rows(RowQuery(text="%"))) == []
        since = await database.find_rows(RowQuery(since_us=START_US + 2 * 60_000_000))
        assert hosts(since) == ["c", "d"]
        by_number = await database.find_rows(RowQuery(sort="n", descending=True, limit=3))
        assert hosts(by_number) == ["d", "b", "a"]
        rest = await database.find_rows(RowQuery(sort="n", descending=True, limit=3, after=by_number.next))
        assert (hosts(rest), rest.next) == (["c"], "")  # nothing comes last, whatever the order


async def test_values_are_counted_without_their_own_choice(place: str) -> None:
    async with a_table(place) as database:
        await write(database, {"host": "a", "status": "OK", "n": 1}, {"host": "b", "status": "CRITICAL", "n": 1})
        query = RowQuery(where={"status": ["OK"]})
        values = await database.count_values(query, ["status", "n"])
        assert values == {"status": [("CRITICAL", 1), ("OK", 1)], "n": [("1", 1)]}


async def test_the_past_of_a_row_is_in_the_other_table(place: str) -> None:
    past = {"table": "past", "key": [], "page": None}
    async with a_table(place) as database, a_table(place, **past) as history:
        await write(database, {"host": "a", "status": "OK"}, {"host": "b", "status": "OK"})
        query = RowQuery(where={"host": ["a"], "test": ["ping"]}, sort="changed", descending=True, in_history=True)
        with pytest.raises(RowsUnavailable, match="there is no table past yet"):
            await database.find_rows(query)
        for nth, status in enumerate(("CRITICAL", "OK")):
            body = {"host": "a", "test": "ping", "status": status, "changed": f"2026-01-01T00:0{nth}:00Z"}
            await history.deliver(a_parcel(id=f"d{nth}", body=body))
        found = await database.find_rows(query)
        assert [row["status"] for row in found.rows] == ["OK", "CRITICAL"]


async def test_a_table_of_others_is_shown_whatever_they_write_into_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/theirs.db"
    run(
        url,
        "CREATE TABLE alarms (id INTEGER PRIMARY KEY, host TEXT, status TEXT, changed DATETIME, n NUMERIC, up BOOLEAN)",
        "INSERT INTO alarms VALUES (1, 'a', 'OK', '2026-01-01T00:00:00Z', 'much', 7)",
        "INSERT INTO alarms VALUES (2, 'b', x'ff00', 'yesterday', 0.5, 'maybe')",
        "INSERT INTO alarms VALUES (3, NULL, NULL, NULL, NULL, NULL)",
        "INSERT INTO alarms VALUES (4, 'd', 'OK', 1767225600, 1e300, 1)",
    )
    page = {"newest": "changed", "severity": "status", "filters": ["status", "up"]}
    async with a_table(url, create=False, columns={}, key=[], page=page) as database:
        seen: list[Any] = []
        after = ""
        for _ in range(4):
            found = await database.find_rows(RowQuery(sort="changed", descending=True, limit=1, after=after))
            seen += [row["id"] for row in found.rows]
            after = found.next
        assert sorted(seen) == [1, 2, 3, 4]
        assert found.next == ""
        values = await database.count_values(RowQuery(), ["status", "up"])
        assert values["status"][0] == ("OK", 2)
        since = await database.find_rows(RowQuery(since_us=START_US - 1_000_000))
        assert 1 in [row["id"] for row in since.rows]


@given(
    values=st.lists(st.sampled_from(["x", "y", "", "ä", "X"]), max_size=25), size=st.integers(1, 7), down=st.booleans()
)
def test_pages_hold_every_row_once_in_order(
    tmp_path_factory: pytest.TempPathFactory, values: list[str], size: int, down: bool
) -> None:
    async def walk() -> list[Any]:
        seen: list[Any] = []
        async with a_table(url, create=False, columns={}, key=["host"], page={}) as database:
            query = RowQuery(sort="status", descending=down, limit=size)
            whole = await database.find_rows(RowQuery(sort="status", descending=down, limit=100))
            while True:
                found = await database.find_rows(query)
                seen += found.rows
                if not found.next:
                    assert seen == whole.rows
                    return seen
                query = RowQuery(sort="status", descending=down, limit=size, after=found.next)

    url = f"sqlite:///{tmp_path_factory.mktemp('pages')}/alarms.db"
    fill = "INSERT INTO alarms VALUES ({}, NULLIF('{}', ''))"
    filled = [fill.format(nth, text) for nth, text in enumerate(values)]
    run(url, "CREATE TABLE alarms (host INTEGER PRIMARY KEY, status TEXT)", *filled)
    assert sorted(row["host"] for row in asyncio.run(walk())) == [*range(len(values))]


@pytest.mark.parametrize("after", ["x", "bnVsbA==", "W10=", "WzEsMiwzLDRd", "W1tdLFtdLFtdXQ=="])
async def test_a_cursor_of_somebody_elses_is_refused(place: str, after: str) -> None:
    async with a_table(place) as database:
        await write(database, {"host": "a"})
        with pytest.raises(NoSuchColumn, match="begin anew"):
            await database.find_rows(RowQuery(sort="changed", after=after))


async def test_a_column_that_is_not_there_is_named(place: str) -> None:
    async with a_table(place) as database:
        await write(database, {"host": "a"})
        for query in (RowQuery(sort="gone"), RowQuery(where={"gone": ["x"]})):
            with pytest.raises(NoSuchColumn, match="has no column gone; it has: host, test"):
                await database.find_rows(query)


async def test_a_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with a_table(f"sqlite:///{tmp_path}/none.db") as database:
        with pytest.raises(RowsUnavailable, match="there is no file"):
            await database.find_rows(RowQuery())
        assert not (tmp_path / "none.db").exists()
    async with a_table("postgresql://nobody:secret-word@127.0.0.1:9/x", timeout=2.0) as database:
        with pytest.raises(RowsUnavailable) as told:
            await database.find_rows(RowQuery())
        assert "secret-word" not in str(told.value)


async def test_a_look_changes_nothing(place: str) -> None:
    async with a_table(place) as database:
        await write(database, {"host": "a", "status": "OK"})
        sneaky = RowQuery(where={"host": ["a'; DROP TABLE alarms; --"]}, text="'; DELETE FROM alarms; --")
        assert (await database.find_rows(sneaky)).rows == []
        assert hosts(await database.find_rows(RowQuery())) == ["a"]


async def test_a_look_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/large.db"
    run(
        url,
        "CREATE TABLE alarms (host INTEGER PRIMARY KEY, status TEXT)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) "
        "INSERT INTO alarms SELECT i, 's' || i FROM n",
    )
    async with a_table(url, create=False, columns={}, key=["host"], page={}, timeout=0.01) as database:
        with pytest.raises(RowsUnavailable, match=r"interrupted|no answer within"):
            await database.find_rows(RowQuery(text="nobody", sort="status"))


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ({"columns": ["gone"]}, "page names gone, which columns: does not have"),
        ({"newest": "a b"}, '"a b" is no name for a column'),
        ({"history": "x y"}, "history names a table"),
        ({"title": "a\nb"}, "a title is one line"),
        ({"titel": "x"}, "titel"),
    ],
)
def test_a_page_that_cannot_be_is_refused_when_settings_are_read(page: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        DatabaseConfig(
            url=Secret("sqlite:////tmp/x.db"), table="t", create=True, columns=COLUMNS, key=["host"], page=page
        )
