"""Rows in real databases: SQLite files, and a PostgreSQL server where there is one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from bridge.core.secret import Secret
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Refused
from bridge.destinations.sql.columns import anything, convert_row
from bridge.destinations.sql.database import Database, DatabaseConfig
from bridge.destinations.sql.table import SqlTable, TablePlan, url_of
from broker.clock import SystemClock
from rules.model import Field
from tests.bridge.destinations.parcels import a_parcel
from tests.bridge.destinations.postgres import a_postgres

COLUMNS = {"site": "text", "n": "integer", "load": "number", "up": "boolean", "at": "time", "more": "json"}


class Place:
    """A database to write to and to look into."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = sa.create_engine(url_of(url), poolclass=sa.NullPool)  # closes each connection after use

    def run(self, sql: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(sql))

    def rows(self, table: str = "alerts") -> list[dict[str, Any]]:
        with self.engine.begin() as connection:
            found = sa.Table(table, sa.MetaData(), autoload_with=connection)
            return [dict(row) for row in connection.execute(sa.select(found)).mappings()]

    def has(self, table: str) -> bool:
        return sa.inspect(self.engine).has_table(table)


def open_descriptors(file: Path) -> int:
    """How many descriptors of this process lead to a file."""
    return sum(one.is_symlink() and one.readlink() == file for one in Path("/proc/self/fd").iterdir())


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with a_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A database without a table ``alerts``."""
    is_file = request.param == "sqlite"
    place = Place(f"sqlite:///{tmp_path}/alerts.db" if is_file else request.getfixturevalue("postgres"))
    place.run("DROP TABLE IF EXISTS alerts")
    return place


@asynccontextmanager
async def a_database(place: Place | str, **config: Any) -> AsyncIterator[Database]:
    url = place if isinstance(place, str) else place.url
    asked = {"url": Secret(url), "table": "alerts", "timeout": 5.0} | config
    database = Database("db", DatabaseConfig(**asked), SystemClock())
    try:
        yield database
    finally:
        await database.close()


async def outcome_from(place: Place | str, parcel: Parcel, **config: Any) -> Outcome:
    async with a_database(place, **config) as database:
        return await database.deliver(parcel)


async def test_a_text_with_nul_in_it_is_written_without(place: Place) -> None:
    place.run("CREATE TABLE alerts (site TEXT, delivery_id TEXT PRIMARY KEY)")
    assert await outcome_from(place, a_parcel(body={"site": "a\x00b"})) == Delivered()
    assert place.rows()[0]["site"] == "ab"


async def test_a_preview_leaves_out_what_the_table_has_no_columns_for(tmp_path: Path) -> None:
    place = Place(f"sqlite:///{tmp_path}/alerts.db")
    async with a_database(place, create=True, columns={"text": "text"}) as database:
        before = database.preview(a_parcel())
        assert before.body == {"text": "disk full", "delivery_id": a_parcel().id}
        assert "no such columns: time, rule" in before.remarks[1]
        assert before.target == f"sqlite:///{tmp_path}/alerts.db alerts"
        (_, refused) = database.preview(a_parcel(body={"text": "x", "sight": 1})).remarks
        assert refused == "it would be refused: the table has no column sight"
        assert await database.deliver(a_parcel()) == Delivered()
        assert database.preview(a_parcel()).body == before.body == place.rows()[0]


async def test_a_body_is_a_row_with_the_values_its_columns_hold(place: Place) -> None:
    body = {
        "site": "SITE-A",
        "n": "5",
        "load": "0.25",
        "up": "false",
        "at": "2026-01-31T13:00:00+01:00",
        "more": {"a": [1]},
    }
    assert await outcome_from(place, a_parcel(body=body), create=True, columns=COLUMNS) == Delivered()
    (row,) = place.rows()
    at = row.pop("at")
    assert (at if at.tzinfo else at.replace(tzinfo=UTC)) == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert row == {
        "site": "SITE-A",
        "n": 5,
        "load": 0.25,
        "up": False,
        "more": {"a": [1]},
        "delivery_id": a_parcel().id,
    }


async def test_nothing_is_null(place: Place) -> None:
    body = {"site": "", "n": "", "load": None, "at": "", "more": None}
    await outcome_from(place, a_parcel(body=body), create=True, columns=COLUMNS)
    (row,) = place.rows()
    assert (row["site"], row["n"], row["load"], row["up"], row["at"], row["more"]) == ("", None, None, None, None, None)


async def test_a_delivery_is_one_row_however_often_it_is_tried(place: Place) -> None:
    async with a_database(place, create=True, columns=COLUMNS) as database:
        for _ in range(3):
            assert await database.deliver(a_parcel(body={"site": "A"})) == Delivered()
        await database.deliver(a_parcel(id="another", body={"site": "A"}))
    assert len(place.rows()) == 2


async def test_a_key_is_one_row_kept_up_to_date(place: Place) -> None:
    plan: dict[str, Any] = {"create": True, "columns": COLUMNS, "key": ("site",)}
    async with a_database(place, **plan) as database:
        for n, site in enumerate(["A", "B", "A"]):
            assert await database.deliver(a_parcel(id=f"d{n}", body={"site": site, "n": n})) == Delivered()
    assert sorted((row["site"], row["n"], row["delivery_id"]) for row in place.rows()) == [
        ("A", 2, "d2"),
        ("B", 1, "d1"),
    ]


async def test_what_is_not_said_of_a_row_stays(place: Place) -> None:
    plan: dict[str, Any] = {"create": True, "columns": COLUMNS, "key": ("site",), "delivery_column": ""}
    async with a_database(place, **plan) as database:
        await database.deliver(a_parcel(body={"site": "A", "n": 1, "load": 2}))
        await database.deliver(a_parcel(id="d2", body={"site": "A", "n": 3}))
        await database.deliver(a_parcel(id="d3", body={"site": "A"}))
    (row,) = place.rows()
    assert (row["n"], row["load"]) == (3, 2)


async def test_without_a_delivery_column_rows_add_up(place: Place) -> None:
    place.run("CREATE TABLE alerts (site TEXT)")
    async with a_database(place, delivery_column="") as database:
        for _ in range(2):
            assert await database.deliver(a_parcel(body={"site": "A"})) == Delivered()
    assert len(place.rows()) == 2


async def test_without_a_body_the_post_is_written_as_far_as_there_are_columns(place: Place) -> None:
    columns = {"text": "text", "title": "text", "time": "time", "fields": "json", "phase": "text"}
    post = a_parcel(title="T", fields=(Field("vo", "ops"),), severity="critical")
    assert await outcome_from(place, post, create=True, columns=columns) == Delivered()
    (row,) = place.rows()
    assert (row["text"], row["title"], row["fields"], row["phase"]) == ("disk full", "T", {"vo": "ops"}, "message")


async def test_a_table_is_made_only_when_asked(place: Place) -> None:
    outcome = await outcome_from(place, a_parcel())
    assert isinstance(outcome, Later)
    assert "there is no table alerts; create: true makes it" in outcome.reason
    assert not place.has("alerts")


async def test_a_table_that_was_made_meanwhile_is_found(place: Place) -> None:
    async with a_database(place) as database:
        assert isinstance(await database.deliver(a_parcel(body={"site": "A"})), Later)
        place.run("CREATE TABLE alerts (site TEXT, delivery_id TEXT PRIMARY KEY)")
        assert await database.deliver(a_parcel(body={"site": "A"})) == Delivered()


async def test_a_table_that_was_changed_meanwhile_is_looked_at_again(place: Place) -> None:
    async with a_database(place, create=True, columns=COLUMNS) as database:
        await database.deliver(a_parcel(body={"site": "A"}))
        place.run("DROP TABLE alerts")
        assert isinstance(await database.deliver(a_parcel(body={"site": "A"})), Later)
        assert await database.deliver(a_parcel(body={"site": "A"})) == Delivered()
    assert len(place.rows()) == 1


@pytest.mark.parametrize(
    ("made", "config", "problem"),
    [
        ("(site TEXT)", {}, "has no column delivery_id"),
        ("(site TEXT, delivery_id TEXT)", {}, "needs a unique index on (delivery_id)"),
        ("(site TEXT, delivery_id TEXT)", {"key": ("site",)}, "needs a unique index on (site)"),
    ],
)
async def test_a_table_that_cannot_hold_rows_once_says_what_it_needs(
    place: Place, made: str, config: dict[str, Any], problem: str
) -> None:
    place.run(f"CREATE TABLE alerts {made}")
    async with a_database(place, **config) as database:
        for outcome in (await database.deliver(a_parcel(body={"site": "A"})), await database.probe()):
            assert isinstance(outcome, Later)
            assert problem in outcome.reason


async def test_a_unique_index_is_as_good_as_a_primary_key(place: Place) -> None:
    place.run("CREATE TABLE alerts (a TEXT, b TEXT, n INTEGER)")
    place.run("CREATE UNIQUE INDEX alerts_once ON alerts (a, b)")
    plan: dict[str, Any] = {"key": ("b", "a"), "delivery_column": ""}
    async with a_database(place, **plan) as database:
        for n in range(2):
            assert await database.deliver(a_parcel(id=f"d{n}", body={"a": "x", "b": "y", "n": n})) == Delivered()
    assert [row["n"] for row in place.rows()] == [1]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"sight": "A"}, "has no column sight; it has: site"),
        ({"n": "many"}, 'column "n": "many" is not a whole number'),
        ({"load": "nan"}, 'column "load": "nan" is not a number'),
        ({"up": "perhaps"}, 'column "up": "perhaps" is not true or false'),
        ({"at": "soon"}, 'column "at": "soon" is not a time'),
        (["A"], "not a mapping"),
        ("A", "not a mapping"),
    ],
)
async def test_a_row_that_does_not_fit_is_refused(place: Place, body: Any, problem: str) -> None:
    outcome = await outcome_from(place, a_parcel(body=body), create=True, columns=COLUMNS)
    assert isinstance(outcome, Refused)
    assert problem in outcome.reason


async def test_a_row_without_its_key_is_refused(place: Place) -> None:
    outcome = await outcome_from(place, a_parcel(body={"n": 1}), create=True, columns=COLUMNS, key=("site",))
    assert isinstance(outcome, Refused)
    assert "the row has no site, which is its key" in outcome.reason


async def test_a_row_that_breaks_a_rule_of_the_table_is_refused(place: Place) -> None:
    place.run("CREATE TABLE alerts (n INTEGER NOT NULL CHECK (n > 0), delivery_id TEXT PRIMARY KEY)")
    for body in ({"n": 0}, {"n": None}):
        assert isinstance(await outcome_from(place, a_parcel(body=body)), Refused)


async def test_text_in_a_template_cannot_become_sql(place: Place) -> None:
    evil = "'); DROP TABLE alerts; --"
    await outcome_from(place, a_parcel(body={"site": evil}), create=True, columns=COLUMNS)
    assert place.rows()[0]["site"] == evil


async def test_many_at_once_are_all_written(place: Place) -> None:
    async with a_database(place, create=True, columns=COLUMNS, concurrency=4, timeout=20.0) as database:
        outcomes = await asyncio.gather(*(database.deliver(a_parcel(id=f"d{n}", body={"n": n})) for n in range(40)))
    assert set(outcomes) == {Delivered()}
    assert len(place.rows()) == 40


async def test_a_probe_makes_nothing(place: Place) -> None:
    async with a_database(place, create=True, columns=COLUMNS) as database:
        assert await database.probe() == Delivered()
    assert not place.has("alerts")


async def test_a_preview_is_the_row(place: Place) -> None:
    parcel = a_parcel(body={"site": "A", "n": 1})
    async with a_database(place, create=True, columns=COLUMNS) as database:
        preview = database.preview(parcel)
        await database.deliver(parcel)
    written = {name: value for name, value in place.rows()[0].items() if value is not None}
    assert preview.body == written


# --- trouble --------------------------------------------------------------------------------------------------


async def test_a_database_that_is_not_there_is_for_later_and_clear(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/no/alerts.db", "postgresql://bridge:s3cret-pass@127.0.0.1:9/alerts"):
        async with a_database(url) as database:
            for outcome in (await database.deliver(a_parcel()), await database.probe()):
                assert isinstance(outcome, Later)
                assert not outcome.unclear
                assert "s3cret-pass" not in outcome.reason
            assert "s3cret-pass" not in repr(database.preview(a_parcel()))


async def test_a_file_is_made_by_the_first_row_and_only_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "alerts.db"
    async with a_database(f"sqlite:///{file}") as database:
        for outcome in (await database.deliver(a_parcel()), await database.probe()):
            assert isinstance(outcome, Later)
            assert "create: true makes it" in outcome.reason
    async with a_database(f"sqlite:///{file}", create=True, columns={"text": "text"}) as database:
        assert await database.probe() == Delivered()
        assert not file.exists()
        assert await database.deliver(a_parcel()) == Delivered()
    assert file.exists()


async def test_a_locked_database_is_for_later(tmp_path: Path) -> None:
    place = Place(f"sqlite:///{tmp_path}/alerts.db")
    place.run("CREATE TABLE alerts (site TEXT, delivery_id TEXT PRIMARY KEY)")
    with place.engine.connect() as holding:
        holding.execute(sa.text("BEGIN IMMEDIATE"))
        outcome = await outcome_from(place, a_parcel(body={"site": "A"}), timeout=0.2)
        holding.rollback()
    assert isinstance(outcome, Later)
    assert "locked" in outcome.reason
    assert not outcome.unclear


async def test_a_row_that_is_being_written_when_it_closes_is_written_and_its_connection_closed(tmp_path: Path) -> None:
    place, file = Place(f"sqlite:///{tmp_path}/alerts.db"), tmp_path / "alerts.db"
    place.run("CREATE TABLE alerts (site TEXT, delivery_id TEXT PRIMARY KEY)")
    database = Database("db", DatabaseConfig(url=Secret(place.url), table="alerts", timeout=5.0), SystemClock())
    with place.engine.connect() as holding:
        holding.execute(sa.text("BEGIN IMMEDIATE"))
        writing = asyncio.create_task(database.deliver(a_parcel(body={"site": "A"})))
        while open_descriptors(file) < 2:
            await SystemClock().sleep(0.01)
        await database.close()
        holding.rollback()
    assert await writing == Delivered()
    assert [row["site"] for row in place.rows()] == ["A"]
    assert open_descriptors(file) == 0


async def test_a_statement_that_takes_too_long_is_ended(postgres: str) -> None:
    place = Place(postgres)
    place.run("DROP TABLE IF EXISTS alerts")
    place.run("CREATE TABLE alerts (site TEXT, delivery_id TEXT PRIMARY KEY)")
    async with a_database(place, timeout=0.5) as database:
        await database.deliver(a_parcel(id="d0", body={"site": "A"}))
        with place.engine.begin() as holding:
            holding.execute(sa.text("LOCK TABLE alerts"))
            outcome = await database.deliver(a_parcel(body={"site": "A"}))
    assert isinstance(outcome, Later)
    assert not outcome.unclear


async def test_a_connection_that_was_cut_is_made_again(postgres: str) -> None:
    place = Place(postgres)
    place.run("DROP TABLE IF EXISTS alerts")
    async with a_database(place, create=True, columns=COLUMNS, concurrency=1) as database:
        await database.deliver(a_parcel(id="d0", body={"n": 1}))
        place.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ams-bridge'")
        assert await database.deliver(a_parcel(id="d1", body={"n": 2})) == Delivered()
    assert len(place.rows()) == 2


def test_without_its_extra_the_kind_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    monkeypatch.delitem(sys.modules, "bridge.destinations.sql.table")
    with pytest.raises(ValidationError, match=r"pip install 'ams-bridge\[database\]'"):
        DatabaseConfig(url=Secret("sqlite:////tmp/x.db"), table="alerts")


# --- settings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"url": "nonsense"}, "no database URL"),
        ({"url": "mysql://x/y"}, "the database is sqlite"),
        ({"url": "sqlite:///relative.db"}, "full path"),
        ({"url": "sqlite://"}, "full path"),
        ({"table": "a; DROP TABLE b"}, "no name for a table"),
        ({"key": ("a b",)}, "no name for a column"),
        ({"delivery_column": "a b"}, "no name for a column"),
        ({"create": True}, "needs columns"),
        ({"create": True, "columns": {"a": "text"}, "key": ("b",)}, "which columns: does not have"),
        ({"columns": {"a": "varchar"}}, "Input should be"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_load(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        DatabaseConfig(**{"url": "sqlite:////tmp/x.db", "table": "alerts"} | changed)


ODD = "CREATE TABLE alerts (n BIGINT, load FLOAT, at TIMESTAMP, more JSON, delivery_id TEXT UNIQUE)"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("n", 2**63),
        ("n", -(2**63) - 1),
        ("n", "9223372036854775808"),
        ("n", 10**300),
        ("n", 1e300),
        ("n", float("inf")),
        ("n", float("nan")),
        ("load", "1e999"),
        ("load", "-1e400"),
        ("load", 10**400),
        ("load", "9" * 5_000),
        ("load", float("inf")),
        ("at", 1e18),
        ("at", float("nan")),
        ("at", "0001-01-01T00:00:00+14:00"),
        ("at", "9999-12-31T23:59:59-14:00"),
        ("at", "0000-01-01T00:00:00Z"),
        ("at", "10000-01-01T00:00:00Z"),
    ],
)
async def test_a_value_beyond_its_column_is_refused_at_once_and_the_column_named(
    place: Place, column: str, value: Any
) -> None:
    place.run(ODD)
    outcome = await outcome_from(place, a_parcel(body={column: value}))
    assert isinstance(outcome, Refused), outcome
    assert f'column "{column}"' in outcome.reason
    assert place.rows() == []


@pytest.mark.parametrize("value", [2**63, -(2**64), 10**300, 10**5_000], ids=["least", "below", "large", "endless"])
def test_a_number_beyond_a_column_of_no_kind_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match=r'column "n": .* is not a whole number of at most 64 bits'):
        convert_row({"n": value}, {"n": anything})


async def test_the_last_numbers_that_fit_are_written(place: Place) -> None:
    place.run(ODD)
    assert await outcome_from(place, a_parcel(body={"n": 2**63 - 1})) == Delivered()
    assert await outcome_from(place, a_parcel(id="second", body={"n": -(2**63)})) == Delivered()
    assert sorted(row["n"] for row in place.rows()) == [-(2**63), 2**63 - 1]


async def test_json_nested_without_end_is_kept_as_the_text_it_came_as(place: Place) -> None:
    place.run(ODD)
    outcome = await outcome_from(place, a_parcel(body={"more": "[" * 20_000}))
    assert outcome == Delivered(), outcome


async def test_a_column_that_came_since_the_table_was_looked_at_is_written(place: Place) -> None:
    place.run("CREATE TABLE alerts (site TEXT, delivery_id TEXT UNIQUE)")
    async with a_database(place) as database:
        assert await database.deliver(a_parcel(id="first", body={"site": "a"})) == Delivered()
        place.run("ALTER TABLE alerts ADD COLUMN vo TEXT")
        assert await database.deliver(a_parcel(id="second", body={"site": "b", "vo": "ops"})) == Delivered()
        refused = await database.deliver(a_parcel(id="third", body={"site": "c", "none": "x"}))
        assert isinstance(refused, Refused)
        assert "has no column none; it has: site, delivery_id, vo" in refused.reason
    assert [row["vo"] for row in place.rows()] == [None, "ops"]


async def test_a_column_that_holds_another_kind_since_then_is_written_as_that(tmp_path: Path) -> None:
    place = Place(f"sqlite:///{tmp_path}/alerts.db")
    place.run("CREATE TABLE alerts (n BIGINT, delivery_id TEXT UNIQUE)")
    async with a_database(place) as database:
        assert await database.deliver(a_parcel(id="first", body={"n": 1})) == Delivered()
        place.run("DROP TABLE alerts")
        place.run("CREATE TABLE alerts (n TEXT, delivery_id TEXT UNIQUE)")
        assert await database.deliver(a_parcel(id="second", body={"n": "no number"})) == Delivered()
    assert [row["n"] for row in place.rows()] == ["no number"]


def test_a_column_that_was_left_out_is_looked_for_again_after_a_minute(tmp_path: Path) -> None:
    place, now_s = Place(f"sqlite:///{tmp_path}/alerts.db"), [0.0]
    place.run("CREATE TABLE alerts (site TEXT, delivery_id TEXT UNIQUE)")
    plan = TablePlan("alerts", {}, (), "delivery_id", create=False)
    table = SqlTable(url_of(place.url), plan, connections=1, timeout_s=5.0, monotonic=lambda: now_s[0])
    assert table.write({"site": "a", "vo": "ops"}, "first", strict=False) == Delivered()
    place.run("ALTER TABLE alerts ADD COLUMN vo TEXT")
    now_s[0] = 61.0
    assert table.write({"site": "b", "vo": "ops"}, "second", strict=False) == Delivered()
    table.close()
    assert [row["vo"] for row in place.rows()] == [None, "ops"]
