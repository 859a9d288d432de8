"""The page of alarms over a real table: chosen, sorted, one alarm with its past, and the same rows as files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bridge.admin.alarm_views import plain_value, rows_as_csv
from bridge.destinations.row_source import RowsFound
from tests.fakes.pages import log_in
from tests.line.stage import TOKEN, Stage, a_stage

RULES = """
topic: projects/P/topics/T
rules:
  - name: alarms
    key: "{{ data.host }}"
    body:
      host: "{{ data.host }}"
      status: "{{ data.status }}"
      site: "{{ data.site | default('') }}"
      changed: "{{ data.at }}"
      url: "{{ data.url | default('') }}"
    send: [portal, history]
"""
PAGE = (
    "{columns: [status, host, site, changed, url], filters: [status, site], newest: changed, severity: status, "
    "history: past}"
)
COLUMNS = "{host: text, status: text, site: text, changed: time, url: text}"
ALARMS = [
    {
        "host": "a",
        "status": "CRITICAL",
        "at": "2026-01-01T00:00:00Z",
        "site": "SITE-A",
        "url": "https://ui.example.org/a",
    },
    {"host": "b", "status": "OK", "at": "2026-01-01T00:01:00Z", "site": "SITE-B"},
    {"host": "a", "status": "OK", "at": "2026-01-01T00:02:00Z", "site": "SITE-A"},
    {"host": "<script>alert(1)</script>", "status": "=1+1", "at": "2026-01-01T00:03:00Z", "site": "SITE-C"},
]


@asynccontextmanager
async def a_portal(folder: Path, page: str = "") -> AsyncIterator[Stage]:
    """A daemon that has written four alarms of three hosts, and a viewer who is logged in."""
    page = page or PAGE
    url = f"sqlite:///{folder}/alarms.db"
    destinations = f"""
  portal: {{type: database, url: "{url}", table: alarms, create: true, key: [host], columns: {COLUMNS}, page: {page}}}
  history: {{type: database, url: "{url}", table: past, create: true, columns: {COLUMNS}}}
"""
    async with a_stage(folder, RULES, destinations, store="memory") as stage:
        await stage.publish(*ALARMS)
        await stage.settled(2 * len(ALARMS))
        stage.http.headers.pop("x-api-key")
        await log_in(stage)
        yield stage


async def get(stage: Stage, path: str, **params: Any) -> str:
    answer = await stage.http.get(path, params=params or None)
    assert answer.status_code == 200, answer.text
    return answer.text


def row_of(page: str, host: str) -> str:
    """The row of a host, as it is drawn."""
    return next(part for part in page.split("<tr>") if f"<bdi>{host}</bdi>" in part)


async def test_each_alarm_stands_once_with_its_last_word(tmp_path: Path) -> None:
    async with a_portal(tmp_path) as stage:
        page = await get(stage, "/alarms")
        assert "3 fit" in page
        assert '<span class="state ok">OK</span>' in row_of(page, "a")
        assert "2026-01-01 00:02:00Z" in row_of(page, "a")
        assert page.index("&lt;script&gt;") < page.index("<bdi>a</bdi>") < page.index("<bdi>b</bdi>")  # newest first
        assert "<script>alert" not in page


async def test_rows_are_chosen_by_values_by_text_and_by_time(tmp_path: Path) -> None:
    async with a_portal(tmp_path) as stage:
        page = await get(stage, "/alarms", **{"c.status": "OK", "c.site": "SITE-A"})
        assert ("1 fits" in page, "<bdi>a</bdi>" in page, "<bdi>b</bdi>" in page) == (True, True, False)
        assert "<bdi>b</bdi>" in await get(stage, "/alarms", q="site-b")
        assert "No row fits." in await get(stage, "/alarms", q="nobody")
        assert "fit" in await get(stage, "/alarms", within="3600")
        both = (await stage.http.get("/alarms?c.site=SITE-A&c.site=SITE-B")).text
        assert "2 fit" in both
        assert both.count(" checked") == 2


async def test_a_column_sorts_both_ways_and_says_so(tmp_path: Path) -> None:
    async with a_portal(tmp_path) as stage:
        page = await get(stage, "/alarms", sort="-host")
        assert 'aria-sort="descending"' in page
        assert page.index("<bdi>b</bdi>") < page.index("<bdi>a</bdi>")
        assert "sort=host" in page


async def test_one_alarm_is_shown_with_all_it_ever_was(tmp_path: Path) -> None:
    async with a_portal(tmp_path) as stage:
        page = await get(stage, "/alarms/row", **{"table": "portal", "k.host": "a"})
        past = page.partition("<h2>History</h2>")[2]
        assert past.index(">OK<") < past.index(">CRITICAL<")
        assert past.count("<tr>") == 3
        assert "There is no such row" in await get(stage, "/alarms/row", **{"k.host": "none"})


async def test_without_a_table_of_it_there_is_no_history_and_the_page_says_so(tmp_path: Path) -> None:
    async with a_portal(tmp_path, page="{}") as stage:
        page = await get(stage, "/alarms/row", **{"k.host": "a"})
        assert "No history is kept" in page
        assert ">Details</a>" in await get(stage, "/alarms")


async def test_the_rows_that_fit_are_files_too(tmp_path: Path) -> None:
    async with a_portal(tmp_path) as stage:
        answer = await stage.http.get("/alarms/export.csv", params={"sort": "host"})
        assert answer.headers["content-disposition"] == 'attachment; filename="portal.csv"'
        rows = list(csv.reader(io.StringIO(answer.text)))
        assert rows[0] == ["status", "host", "site", "changed", "url"]
        assert rows[1] == ["'=1+1", "<script>alert(1)</script>", "SITE-C", "2026-01-01T00:03:00Z", ""]
        exported = json.loads(await get(stage, "/alarms/export.json", **{"c.status": "OK", "sort": "host"}))
        assert exported == {
            "table": "portal",
            "rows": [
                {"status": "OK", "host": "a", "site": "SITE-A", "changed": "2026-01-01T00:02:00Z", "url": ""},
                {"status": "OK", "host": "b", "site": "SITE-B", "changed": "2026-01-01T00:01:00Z", "url": ""},
            ],
        }


async def test_a_stranger_gets_no_file(tmp_path: Path) -> None:
    async with a_portal(tmp_path) as stage:
        stage.http.headers.pop("cookie")
        stage.http.cookies.clear()
        for path in ("/alarms/export.csv", "/alarms/export.json", "/alarms/row", "/alarms"):
            assert (await stage.http.get(path)).status_code == 303


@pytest.mark.parametrize(
    ("address", "status", "text"),
    [
        ("/alarms?table=gone", 404, "there is no table"),
        ("/alarms?c.delivery_id=x", 400, "shows no column delivery_id"),
        ("/alarms?sort=delivery_id", 400, "shows no column delivery_id"),
        ("/alarms/export.csv?c.delivery_id=x", 400, "shows no column delivery_id"),
        ("/alarms/export.csv?e.delivery_id=", 400, "shows no column delivery_id"),
        ("/alarms/export.json?sort=-delivery_id", 400, "shows no column delivery_id"),
        ("/alarms?within=x", 400, "whole number of seconds"),
        ("/alarms?after=x", 400, "begin anew"),
        ("/alarms/row", 400, "is named by host"),
        ("/alarms?" + "&".join(["c.site=x"] * 60), 400, "no more than 50 values"),
    ],
)
async def test_a_wrong_address_is_explained(tmp_path: Path, address: str, status: int, text: str) -> None:
    async with a_portal(tmp_path) as stage:
        answer = await stage.http.get(address)
        assert (answer.status_code, text in answer.text) == (status, True), answer.text


async def test_a_database_that_is_gone_is_told_on_the_page_and_comes_back(tmp_path: Path) -> None:
    async with a_portal(tmp_path) as stage:
        (tmp_path / "alarms.db").rename(tmp_path / "away.db")
        answer = await stage.http.get("/alarms")
        assert (answer.status_code, "there is no file" in answer.text) == (503, True)
        (tmp_path / "away.db").rename(tmp_path / "alarms.db")
        assert "3 fit" in await get(stage, "/alarms")


async def test_many_rows_are_paged_through_and_many_values_are_listed_or_typed(tmp_path: Path) -> None:
    async with a_portal(tmp_path) as stage:
        engine = sa.create_engine(f"sqlite:///{tmp_path}/alarms.db", poolclass=sa.NullPool)
        with engine.begin() as connection:
            text = "INSERT INTO alarms (host, status, site, delivery_id) VALUES (:host, :status, :site, :host)"
            connection.execute(
                sa.text(text),
                [{"host": f"h{nth:04}", "status": f"S{nth % 20}", "site": f"SITE-{nth}"} for nth in range(450)],
            )
        page = await get(stage, "/alarms", sort="host")
        assert "453 fit" in page
        assert '<select name="c.status">' in page
        assert '<input name="c.site"' in page
        seen, following = set[str](), page
        for _ in range(5):
            seen |= {part.partition("<")[0] for part in following.split("<bdi>h")[1:]}
            link = following.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
            following = await get(stage, link) if 'rel="next"' in following else ""
        assert len(seen) == 450


async def test_a_reload_shows_another_page_of_the_same_table(tmp_path: Path) -> None:
    async with a_portal(tmp_path) as stage:
        config = tmp_path / "bridge.yaml"
        config.write_text(config.read_text().replace("newest: changed", "newest: changed, title: Trouble"))
        answer = await stage.http.post("/api/reload", headers={"x-api-key": TOKEN})
        assert answer.status_code == 200, answer.text
        assert "<h1>Trouble</h1>" in await get(stage, "/alarms")


def test_what_a_spreadsheet_would_take_for_a_formula_is_a_text() -> None:
    found = RowsFound(["a"], frozenset(), [{"a": text} for text in ("=1", "+x", "-5", "-x", "@x", "x=1")], "", 6, 9)
    assert rows_as_csv(found).decode().split("\r\n")[1:-1] == ["'=1", "'+x", "-5", "'-x", "'@x", "x=1"]


def test_values_that_json_has_not_are_texts() -> None:
    assert plain_value(b"\xff") == "ff"
    assert plain_value("yesterday", is_time=True) == "yesterday"
    assert plain_value("2026-01-01 00:00:00.500000", is_time=True) == "2026-01-01T00:00:00.500Z"
