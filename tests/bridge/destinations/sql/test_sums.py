"""Sums of rows in a table of their own: each record counts once, whenever and however often it comes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from bridge.core.secret import Secret
from bridge.destinations.base import Delivered, Later, Outcome, Refused
from bridge.destinations.sql.database import Database, DatabaseConfig
from bridge.destinations.sql.table import url_of
from broker.clock import SystemClock
from tests.bridge.destinations.parcels import a_parcel
from tests.bridge.destinations.postgres import a_postgres

COLUMNS = {"record": "text", "site": "text", "month": "integer", "jobs": "integer", "wall_h": "number"}
SUMS = {"table": "usage_sums", "by": ("site", "month"), "of": ("jobs", "wall_h")}


class Place:
    """A database to look into."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = sa.create_engine(url_of(url), poolclass=sa.NullPool)

    def run(self, sql: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(sql))

    def sums(self) -> dict[tuple[str, int], tuple[int, float, int]]:
        with self.engine.begin() as connection:
            found = connection.execute(sa.text("SELECT site, month, jobs, wall_h, records FROM usage_sums"))
            return {(row[0], row[1]): (row[2], row[3], row[4]) for row in found}

    def counted_anew(self) -> dict[tuple[str, int], tuple[int, float, int]]:
        with self.engine.begin() as connection:
            found = connection.execute(
                sa.text("SELECT site, month, SUM(jobs), SUM(wall_h), COUNT(*) FROM usage GROUP BY site, month")
            )
            return {(row[0], row[1]): (int(row[2]), float(row[3]), row[4]) for row in found}


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with a_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A database without the two tables."""
    is_file = request.param == "sqlite"
    place = Place(f"sqlite:///{tmp_path}/usage.db" if is_file else request.getfixturevalue("postgres"))
    place.run("DROP TABLE IF EXISTS usage")
    place.run("DROP TABLE IF EXISTS usage_sums")
    return place


def a_config(url: str, **changed: Any) -> DatabaseConfig:
    asked: dict[str, Any] = {"table": "usage", "key": ("record",), "create": True, "columns": COLUMNS, "sums": SUMS}
    return DatabaseConfig(url=Secret(url), timeout=5.0, **(asked | {"concurrency": 4} | changed))


def a_row(record: str, site: Any = "A", month: Any = 1, jobs: Any = 1, wall_h: Any = 0.5) -> dict[str, Any]:
    return {"record": record, "site": site, "month": month, "jobs": jobs, "wall_h": wall_h}


async def write(place: Place, *rows: dict[str, Any], **changed: Any) -> list[Outcome]:
    """Write rows one after another, each as a delivery of its own."""
    database = Database("db", a_config(place.url, **changed), SystemClock())
    try:
        return [await database.deliver(a_parcel(id=f"d{n}", body=row)) for n, row in enumerate(rows)]
    finally:
        await database.close()


async def test_records_are_added_up_by_site_and_month(place: Place) -> None:
    rows = [a_row("1"), a_row("2", jobs=4), a_row("3", site="B"), a_row("4", month=2, wall_h="2.25")]
    assert await write(place, *rows) == [Delivered()] * 4
    assert place.sums() == {("A", 1): (5, 1.0, 2), ("B", 1): (1, 0.5, 1), ("A", 2): (1, 2.25, 1)}


async def test_a_record_that_comes_again_counts_once_with_what_it_says_last(place: Place) -> None:
    await write(place, a_row("1", jobs=3), a_row("1", jobs=3), a_row("2"), a_row("1", jobs=5))
    assert place.sums() == {("A", 1): (6, 1.0, 2)}


async def test_a_record_that_moved_counts_where_it_is_now_and_an_empty_sum_goes(place: Place) -> None:
    await write(place, a_row("1"), a_row("1", site="B"), a_row("2", month=12), a_row("2", month=1))
    assert place.sums() == {("B", 1): (1, 0.5, 1), ("A", 1): (1, 0.5, 1)}


async def test_nothing_to_add_counts_as_nothing(place: Place) -> None:
    await write(place, a_row("1", jobs=None, wall_h=""), a_row("2"))
    assert place.sums() == {("A", 1): (1, 0.5, 2)}


async def test_a_part_of_a_row_leaves_the_rest_of_it_counted(place: Place) -> None:
    assert await write(place, a_row("1", jobs=3), {"record": "1", "wall_h": 4}) == [Delivered()] * 2
    assert place.sums() == {("A", 1): (3, 4.0, 1)}


async def test_a_row_that_belongs_to_no_sum_is_refused_and_nothing_of_it_is_written(place: Place) -> None:
    first, second = await write(place, a_row("1"), a_row("2", month=""))
    assert first == Delivered()
    assert isinstance(second, Refused)
    assert "no month, by which it is added up in usage_sums" in second.reason
    assert place.sums() == place.counted_anew() == {("A", 1): (1, 0.5, 1)}


async def test_a_table_with_rows_gets_its_sums_when_they_are_asked_for(place: Place) -> None:
    await write(place, a_row("1"), a_row("2", jobs=4), a_row("3", site=""), sums=None)
    place.run("UPDATE usage SET site = NULL WHERE record = '3'")
    await write(place, a_row("4", site="B"), a_row("1", jobs=10))
    assert place.sums() == {("A", 1): (14, 1.0, 2), ("B", 1): (1, 0.5, 1)}
    await write(place, a_row("3", site="B"))  # what had no site has one now
    assert place.sums() == place.counted_anew()


async def test_many_at_once_lose_nothing_and_count_nothing_twice(place: Place) -> None:
    """Records that come again and move, by several connections of two destinations, as two nodes would write them."""
    await write(place, a_row("0"))
    chance = random.Random(13)  # noqa: S311 - rows, not secrets
    rows = [
        a_row(str(chance.randrange(30)), chance.choice("AB"), chance.randrange(1, 4), chance.randrange(9), 0.25)
        for _ in range(160)
    ]
    databases = [Database(f"db{n}", a_config(place.url), SystemClock()) for n in range(2)]

    async def until_written(n: int, row: dict[str, Any]) -> None:
        while not isinstance(outcome := await databases[n % 2].deliver(a_parcel(id=f"d{n}", body=row)), Delivered):
            assert isinstance(outcome, Later), outcome

    try:
        await asyncio.gather(*(until_written(n, row) for n, row in enumerate(rows)))
    finally:
        for database in databases:
            await database.close()
    assert place.sums() == place.counted_anew()
    assert sum(records for *_, records in place.sums().values()) == len({row["record"] for row in rows} | {"0"})


async def test_without_create_the_sums_must_be_there_and_fit(place: Place) -> None:
    place.run("CREATE TABLE usage (record TEXT PRIMARY KEY, site TEXT, month INTEGER, jobs INTEGER, wall_h FLOAT)")
    (outcome,) = await write(place, a_row("1"), create=False, columns={})
    assert isinstance(outcome, Later)
    assert "there is no table usage_sums" in outcome.reason
    place.run("CREATE TABLE usage_sums (site TEXT, month INTEGER, jobs INTEGER, wall_h FLOAT)")
    (outcome,) = await write(place, a_row("1"), create=False, columns={})
    assert isinstance(outcome, Later)
    assert "no column records" in outcome.reason
    place.run("ALTER TABLE usage_sums ADD COLUMN records INTEGER")
    (outcome,) = await write(place, a_row("1"), create=False, columns={})
    assert isinstance(outcome, Later)
    assert "needs a unique index on (site, month)" in outcome.reason
    place.run("CREATE UNIQUE INDEX one_sum ON usage_sums (site, month)")
    assert await write(place, a_row("1"), create=False, columns={}) == [Delivered()]
    assert place.sums() == {("A", 1): (1, 0.5, 1)}
    place.run("DROP TABLE usage_sums")


async def test_a_preview_says_where_a_row_is_added_up(tmp_path: Path) -> None:
    database = Database("db", a_config(f"sqlite:///{tmp_path}/usage.db"), SystemClock())
    assert "added up in usage_sums by site, month" in database.preview(a_parcel(body=a_row("1"))).remarks
    await database.close()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"key": ()}, "sums needs key"),
        ({"sums": SUMS | {"table": "usage"}}, "no name for a second table"),
        ({"sums": SUMS | {"table": "a b"}}, "no name for a second table"),
        ({"sums": SUMS | {"by": ("site", "jobs")}}, "stands once"),
        ({"sums": SUMS | {"of": ("jobs", "records")}}, "stands once"),
        ({"sums": SUMS | {"by": ("town",)}}, "sums names town"),
        ({"sums": SUMS | {"by": ("month",), "of": ("site",)}}, "site is text, and only integer and number"),
        ({"sums": SUMS | {"by": ()}}, "at least 1"),
    ],
)
def test_sums_that_cannot_be_are_refused_with_the_settings(tmp_path: Path, changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        a_config(f"sqlite:///{tmp_path}/usage.db", **changed)
