"""The pages of a running daemon, over real HTTP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.line.stage import TOKEN, Stage, a_stage

RULES = """
topic: projects/P/topics/T
rules:
  - {name: all, match: {$.n: {exists: true}}, text: "**n** is {{ data.n }}", send: inbox}
"""
PAGES = ("/", "/inbox", "/deliveries", "/deliveries?state=dead")


@asynccontextmanager
async def a_daemon(tmp_path: Path) -> AsyncIterator[Stage]:
    async with a_stage(tmp_path, RULES, "  inbox: {type: inbox}", store="memory") as stage:
        await stage.publish({"n": 1}, {"n": "<script>alert(1)</script>"})
        await stage.settled(2)
        stage.http.headers.pop("x-api-key")
        yield stage


async def log_in(stage: Stage, token: str = TOKEN, wanted: str = "/inbox") -> httpx.Response:
    answer = await stage.http.post("/login", data={"token": token, "next": wanted})
    for cookie in answer.headers.get_list("set-cookie"):
        stage.http.headers["cookie"] = cookie.partition(";")[0]
    return answer


@pytest.mark.parametrize("path", PAGES)
async def test_a_stranger_is_asked_to_log_in(tmp_path: Path, path: str) -> None:
    async with a_daemon(tmp_path) as stage:
        answer = await stage.http.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=")


async def test_a_wrong_token_does_not_open_the_pages(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        answer = await log_in(stage, "wrong")
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("wanted", ["https://evil.example", "//evil.example", "/\\evil.example"])
async def test_nobody_is_sent_elsewhere_after_logging_in(tmp_path: Path, wanted: str) -> None:
    async with a_daemon(tmp_path) as stage:
        assert (await log_in(stage, wanted=wanted)).headers["location"] == "/"


async def test_the_inbox_shows_posts_and_runs_nothing(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        answer = await log_in(stage)
        assert "HttpOnly" in answer.headers["set-cookie"]
        page = await stage.http.get("/inbox")
        assert "<strong>n</strong> is 1" in page.text
        assert "<script>alert" not in page.text
        assert "default-src 'self'" in page.headers["content-security-policy"]
        part = await stage.http.get("/inbox?part=1")
        assert "<html" not in part.text
        assert "<strong>n</strong> is 1" in part.text


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_opens(tmp_path: Path, path: str) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        assert (await stage.http.get(path)).status_code == 200


async def test_a_delivery_can_be_looked_at_and_changed_only_from_its_page(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        (path, *_) = re.findall(r"/deliveries/[0-9a-f]{32}", (await stage.http.get("/deliveries")).text)
        assert "Attempts" in (await stage.http.get(path)).text
        refused = await stage.http.post(path, data={"action": "drop", "form_token": "forged"})
        assert refused.status_code == 403
        assert (await stage.http.get("/deliveries/" + "0" * 32)).status_code == 404


async def test_the_overview_shows_the_books(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        page = (await stage.http.get("/")).text
        assert "projects/P/topics/T" in page
        assert "✓ balanced" in page


async def test_static_files_are_served_to_everybody(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        assert (await stage.http.get("/static/bridge.css")).status_code == 200
        assert (await stage.http.get("/static/../bridge.yaml")).status_code == 404


async def test_who_is_logged_in_may_look_at_the_api_and_change_nothing(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        assert (await stage.http.get("/api/ledger")).status_code == 401
        await log_in(stage)
        assert (await stage.http.get("/api/ledger")).status_code == 200
        assert (await stage.http.post("/api/reload")).status_code in (401, 403)
