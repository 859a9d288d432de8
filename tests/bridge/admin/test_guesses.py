"""Wrong tokens are slowed down wherever tokens are taken, for those who guess and for nobody else."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.fakes.control import a_daemon
from tests.line.stage import TOKEN, Stage

PLACES = ["/login", "/api/status", "/v1/projects/P", "/v1/projects/P/topics/T:publish", "/v1/users/profile"]
FREE = 10


async def give(stage: Stage, place: str, token: str, address: str = "192.0.2.1") -> httpx.Response:
    headers = {"x-api-key": token, "x-forwarded-for": address}
    if place == "/login":
        return await stage.http.post(place, data={"token": token}, headers={"x-forwarded-for": address})
    if place.endswith(":publish"):
        return await stage.http.post(place, json={"messages": [{"data": "eA=="}]}, headers=headers)
    return await stage.http.get(place, headers=headers)


async def guess(stage: Stage, place: str, count: int, address: str = "192.0.2.1") -> list[int]:
    return [(await give(stage, place, f"wrong{n}", address)).status_code for n in range(count)]


@pytest.mark.parametrize("place", PLACES)
async def test_after_ten_wrong_tokens_an_address_waits_and_is_told_how_long(tmp_path: Path, place: str) -> None:
    async with a_daemon(tmp_path) as stage:
        assert await guess(stage, place, FREE + 2) == [401] * FREE + [429] * 2
        refused = await give(stage, place, "wrong")
        assert refused.headers["retry-after"] == "1"
        assert "wrong tokens" in refused.text
        await stage.clock.advance(1)
        assert (await give(stage, place, "wrong")).status_code == 401
        assert (await give(stage, place, "wrong")).headers["retry-after"] == "2"
        for _ in range(10):
            await stage.clock.advance(60)
            await give(stage, place, "wrong")
        assert (await give(stage, place, "wrong")).headers["retry-after"] == "60"
        await stage.clock.advance(901)
        assert (await give(stage, place, "wrong")).status_code == 401


async def test_wrong_tokens_count_together_wherever_they_are_given(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        for place in PLACES[:3]:
            await guess(stage, place, 4)
        assert {(await give(stage, place, "wrong")).status_code for place in PLACES} == {429}


async def test_while_an_address_waits_a_guess_that_is_right_is_not_looked_at(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        stage.http.headers.pop("x-api-key")
        made = await stage.http.post(
            "/v1/users/boss", json={"service_roles": ["service_admin"], "projects": []}, headers={"x-api-key": TOKEN}
        )
        await guess(stage, "/login", FREE)
        assert (await give(stage, "/login", made.json()["token"])).status_code == 429
        await stage.clock.advance(1)
        assert (await give(stage, "/login", made.json()["token"])).status_code == 303


async def test_others_behind_the_same_trusted_proxy_do_not_wait(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await guess(stage, "/login", FREE + 1)
        for place in PLACES:
            assert (await give(stage, place, "wrong", "192.0.2.2")).status_code == 401
        assert (await give(stage, "/login", TOKEN, "192.0.2.3")).status_code == 303


async def test_a_token_that_was_right_from_an_address_goes_on_being_taken_there(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        assert (await give(stage, "/v1/projects/P", TOKEN)).status_code == 200
        await guess(stage, "/api/status", FREE + 1)
        statuses = {place: (await give(stage, place, TOKEN)).status_code for place in PLACES[:4]}
        assert statuses == {PLACES[0]: 303, PLACES[1]: 200, PLACES[2]: 200, PLACES[3]: 200}


async def test_known_tokens_without_the_right_and_requests_without_one_are_no_guesses(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        made = await stage.http.post("/v1/users/guest", json={"service_roles": ["metrics_viewer"], "projects": []})
        guest = made.json()["token"]
        for _ in range(2 * FREE):
            assert (await give(stage, "/api/status", guest)).status_code == 401
            assert (await give(stage, "/login", "")).status_code == 401
        assert (await give(stage, "/api/status", "wrong")).status_code == 401


async def test_an_ipv6_network_counts_as_one(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        for n in range(FREE):
            await give(stage, "/api/status", "wrong", f"2001:db8:0:1::{n}")
        assert (await give(stage, "/api/status", "wrong", "2001:db8:0:1:ffff::1")).status_code == 429
        assert (await give(stage, "/api/status", "wrong", "2001:db8:0:2::1")).status_code == 401


@pytest.mark.parametrize(("setting", "without"), [("open", 200), ("token", 401)])
async def test_metrics_ask_for_a_token_where_the_settings_say_so(tmp_path: Path, setting: str, without: int) -> None:
    async with a_daemon(tmp_path, public_url=f'", metrics: "{setting}') as stage:
        tokens = {}
        for role in ("metrics_viewer", "service_admin", "push_worker"):
            body = {"service_roles": [role], "projects": []}
            tokens[role] = (await stage.http.post(f"/v1/users/{role}", json=body)).json()["token"]
        stage.http.headers.pop("x-api-key")
        assert (await stage.http.get("/metrics")).status_code == without
        for token in (TOKEN, tokens["metrics_viewer"], tokens["service_admin"]):
            answer = await stage.http.get("/metrics", headers={"Authorization": f"Bearer {token}"})
            assert (answer.status_code, "ams_bridge_" in answer.text) == (200, True)
        for token in (tokens["push_worker"], "wrong"):
            assert (await stage.http.get("/metrics", headers={"x-api-key": token})).status_code == without
        assert (await stage.http.get("/healthz")).status_code == 200
