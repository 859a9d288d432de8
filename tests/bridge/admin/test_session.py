"""Sessions of the pages: begun with a token, known to the store, and ended for every copy of their cookie."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from bridge.admin.session import COOKIE, LASTS_S, SessionProof, Sessions
from broker.broker import Broker, BrokerSettings
from broker.clock import ManualClock
from broker.engines.memory import MemoryStore
from broker.records import SessionRecord
from tests.fakes.pages import a_daemon, log_in, send_form
from tests.line.stage import TOKEN, Stage

ADMIN = {"service_roles": ["service_admin"], "projects": []}


async def an_admin(stage: Stage, name: str = "boss") -> str:
    made = await stage.http.post(f"/v1/users/{name}", json=ADMIN, headers={"x-api-key": TOKEN})
    return str(made.json()["token"])


async def is_in(stage: Stage, cookie: str) -> bool:
    answers = [
        (await stage.http.get(path, headers={"cookie": cookie})).status_code for path in ("/rules", "/api/rules")
    ]
    assert answers in ([200, 200], [303, 401])
    return answers[0] == 200


async def a_session(stage: Stage, token: str) -> str:
    assert (await log_in(stage, token)).status_code == 303
    return str(stage.http.headers.pop("cookie"))


async def test_logging_out_ends_the_session_for_every_copy_of_its_cookie(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        copied, other = await a_session(stage, TOKEN), await a_session(stage, TOKEN)
        assert await is_in(stage, copied)
        assert (await stage.http.post("/logout", headers={"cookie": copied})).headers["location"] == "/login"
        assert not await is_in(stage, copied)
        assert await is_in(stage, other)


async def test_a_new_token_ends_the_sessions_begun_with_the_old_one(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        cookie = await a_session(stage, await an_admin(stage))
        assert await is_in(stage, cookie)
        fresh = await stage.http.post("/v1/users/boss:refreshToken", headers={"x-api-key": TOKEN})
        assert not await is_in(stage, cookie)
        assert await is_in(stage, await a_session(stage, fresh.json()["token"]))


@pytest.mark.parametrize("change", ["removed", "removed and made again", "no administrator"])
async def test_a_session_ends_with_the_rights_of_its_user(tmp_path: Path, change: str) -> None:
    async with a_daemon(tmp_path) as stage:
        cookie = await a_session(stage, await an_admin(stage))
        service = {"x-api-key": TOKEN}
        if change == "no administrator":
            body = {"service_roles": ["metrics_viewer"], "projects": []}
            (await stage.http.put("/v1/users/boss", json=body, headers=service)).raise_for_status()
        else:
            (await stage.http.delete("/v1/users/boss", headers=service)).raise_for_status()
        if change == "removed and made again":
            await an_admin(stage)
        assert not await is_in(stage, cookie)


async def test_a_session_ends_after_twelve_hours_and_leaves_nothing(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        cookie = await a_session(stage, TOKEN)
        await stage.clock.advance(LASTS_S + 1)
        assert not await is_in(stage, cookie)
        await a_session(stage, TOKEN)
        assert len(stage.daemon.broker.cache.list_all(SessionRecord)) == 1


async def test_a_form_of_an_ended_session_changes_nothing(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        page = (await stage.http.get("/silences")).text
        token = page.partition('name="form_token" value="')[2].partition('"')[0]
        await stage.http.post("/logout")
        fields = {"form_token": token, "name": "rule", "operator": "is", "value": "all", "for": "1h", "why": "x"}
        assert (await stage.http.post("/silences", data=fields)).status_code == 403


async def test_the_store_holds_no_cookie_that_opens_a_session(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        cookie = (await a_session(stage, TOKEN)).removeprefix(f"{COOKIE}=")
        (record,) = stage.daemon.broker.cache.list_all(SessionRecord)
        assert cookie not in str(record)
        assert not await is_in(stage, f"{COOKIE}={record.cookie_digest}")


@pytest.mark.parametrize("forged", ["", "x", "ann.99999999999.00", "é"])
async def test_a_forged_cookie_is_nobody(tmp_path: Path, forged: str) -> None:
    async with a_daemon(tmp_path) as stage:
        headers = httpx.Headers({b"cookie": f"{COOKIE}={forged}".encode("latin-1")})
        assert (await stage.http.get("/rules", headers=headers)).status_code == 303


async def test_a_session_outlives_a_restart_and_its_forms_too() -> None:
    clock = ManualClock()
    broker = Broker(MemoryStore(clock), clock, BrokerSettings(sealing_key=b"s" * 32))
    await broker.load()
    first, second = (Sessions(key * 32, clock, broker.cache, os.urandom) for key in (b"a", b"b"))
    cookie = await first.begin(SessionProof("ann", "digest"))
    found = second.find(cookie)
    assert found is not None
    assert found.name == "ann"
    assert second.form_token(cookie) == first.form_token(cookie)


async def test_sessions_of_one_token_are_bounded_and_the_oldest_ends(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        cookies = []
        for _ in range(25):
            cookies.append(await a_session(stage, TOKEN))
            await stage.clock.advance(1)
        assert len(stage.daemon.broker.cache.list_all(SessionRecord)) == 20
        assert [await is_in(stage, cookie) for cookie in (cookies[0], cookies[4], cookies[5], cookies[-1])] == [
            False,
            False,
            True,
            True,
        ]


async def test_a_clock_set_back_prolongs_no_session() -> None:
    clock = ManualClock()
    broker = Broker(MemoryStore(clock), clock, BrokerSettings(sealing_key=b"s" * 32))
    await broker.load()
    sessions = Sessions(b"k" * 32, clock, broker.cache, os.urandom)
    cookie = await sessions.begin(SessionProof("ann", "digest"))
    assert sessions.find(cookie) is not None
    earlier = Sessions(b"k" * 32, ManualClock(clock.wall_us() - 3_600_000_000), broker.cache, os.urandom)
    assert earlier.find(cookie) is None


async def test_what_a_form_did_is_said_once(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        assert "in force" in (await send_form(stage, "/reload", "/rules")).text
