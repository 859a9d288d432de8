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


async def call(stage: Stage, address: str = "192.0.2.1", **headers: str) -> httpx.Response:
    """A call of the webhook receiver ``hook``, whose token is ``hook-token``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await stage.http.post("/hooks/hook", content=b"{}", headers=named | {"x-forwarded-for": address})


@pytest.mark.parametrize("given", ["x_api_key", "x_gitlab_token", "authorization"])
async def test_wrong_tokens_of_a_receiver_are_slowed_and_on_the_trail(tmp_path: Path, given: str) -> None:
    async with a_daemon(tmp_path) as stage:
        stage.http.headers.pop("x-api-key")
        prefix = "Bearer " if given == "authorization" else ""
        guesses = [(await call(stage, **{given: f"{prefix}wrong{n}"})).status_code for n in range(FREE + 2)]
        assert guesses == [401] * FREE + [429] * 2
        refused = await call(stage, **{given: f"{prefix}wrong"})
        assert (refused.headers["retry-after"], refused.json()["error"]["status"]) == ("1", "RESOURCE_EXHAUSTED")
        entries, _ = await stage.daemon.audit.list_newest(100, wanted={"target": "/hooks/hook"})
        assert len(entries) == FREE
        assert {(one.entry.what, one.entry.address, one.entry.outcome) for one in entries} == {
            ("token", "192.0.2.1", "refused")
        }
        assert "wrong" not in repr(entries)


async def test_wrong_tokens_of_receivers_and_of_the_api_count_together(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await guess(stage, "/api/status", FREE // 2)
        for n in range(FREE // 2):
            assert (await call(stage, x_api_key=f"wrong{n}")).status_code == 401
        assert (await call(stage, x_api_key="wrong")).status_code == 429
        assert (await give(stage, "/v1/projects/P", "wrong")).status_code == 429


async def test_a_sender_whose_token_was_right_goes_on_while_others_guess_at_its_receiver(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        assert (await call(stage, x_api_key="hook-token")).status_code == 200
        for n in range(FREE + 1):
            await call(stage, x_api_key=f"wrong{n}")
        assert (await call(stage, x_api_key="hook-token")).status_code == 200
        assert (await call(stage, "198.51.100.7", x_api_key="wrong")).status_code == 401


async def test_a_call_without_a_token_is_refused_and_is_no_guess(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        stage.http.headers.pop("x-api-key")
        assert {(await call(stage)).status_code for _ in range(FREE + 5)} == {401}
        entries, _ = await stage.daemon.audit.list_newest(100, wanted={"target": "/hooks/"})
        assert entries == []


async def test_wrong_passwords_of_a_receiver_are_guesses_too(tmp_path: Path) -> None:
    sources = '  gate: {type: webhook, topic: projects/P/topics/T, auth: {basic: "ann:secret"}}\n'
    async with a_daemon(tmp_path, sources=sources) as stage:
        stage.http.headers.pop("x-api-key")
        answers = [await stage.http.post("/hooks/gate", content=b"{}", auth=("ann", f"no{n}")) for n in range(FREE + 1)]
        assert [one.status_code for one in answers] == [401] * FREE + [429]
        await stage.clock.advance(1)
        assert (await stage.http.post("/hooks/gate", content=b"{}", auth=("ann", "secret"))).status_code == 200
