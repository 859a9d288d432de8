"""The pages of a running daemon, over real HTTP: who may see them, and what stands on them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bridge.admin.page_routes import NAVIGATION
from broker.engines.memory.trouble import Trouble
from tests.fakes.control import trouble_in
from tests.fakes.noting import NotingText
from tests.fakes.pages import SECRET, a_daemon, an_incident, log_in
from tests.line.stage import TOKEN

MORE = (
    "/alarms?q=x&sort=-host",
    "/deliveries?state=dead",
    "/deliveries?destination=gone&rule=all&topic=P/T&since_s=60",
    "/incidents?rule=hosts:%20down",
    "/incidents?part=1",
    "/messages?topic=P/T",
    "/messages/why?message=P/T:0",
    "/rules/hosts:%20down",
    "/rules/quieter",
    "/silences?all=1&rule=all",
    "/find",
    "/quiet?outcome=suppressed&by=silence&topic=P/T&rule=all&destination=inbox&key=x&from=yesterday",
    "/deliveries?from=02:00&to=03:00&zone=Europe/Athens",
    "/messages?from=2h&topic=P/T",
    "/audit?from=2h&to=now",
    "/find?q=web&kind=delivery&fate=dead&topic=P/T&rule=all&from=2h",
    "/find?fate=unmatched",
    "/timeline?from=last+night",
    "/timeline?from=02:00&to=03:00&zone=Europe/Athens&topic=P/T&rule=all&destination=inbox&key=none",
)
PAGES = (*(path for path, _ in NAVIGATION), *MORE)


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


async def test_a_session_ends_when_its_user_may_administer_no_more(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        as_service = {"x-api-key": TOKEN}
        body = {"service_roles": ["service_admin"], "projects": []}
        made = await stage.http.post("/v1/users/boss", json=body, headers=as_service)
        await log_in(stage, made.json()["token"])
        assert (await stage.http.get("/rules")).status_code == 200
        await stage.http.delete("/v1/users/boss", headers=as_service)
        assert (await stage.http.get("/rules")).status_code == 303


async def test_the_inbox_shows_posts_and_runs_nothing(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        answer = await log_in(stage)
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert "SameSite=strict" in answer.headers["set-cookie"]
        page = await stage.http.get("/inbox")
        assert "<strong>n</strong> is 1" in page.text
        assert "<script>alert" not in page.text
        part = await stage.http.get("/inbox?part=1")
        assert "<html" not in part.text
        assert "<strong>n</strong> is 1" in part.text


async def test_every_page_opens_with_something_on_it(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        dead = await an_incident(stage)
        for path in (*PAGES, f"/deliveries/{dead}", "/messages/why?message=P/T:2"):
            page = await stage.http.get(path)
            assert (path, page.status_code) == (path, 200)
            assert "web<1>" not in page.text


async def test_every_page_opens_while_there_is_nothing_yet(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        for path in PAGES:
            assert (path, (await stage.http.get(path)).status_code) == (path, 200)


async def test_no_page_shows_the_secret_of_a_destination(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        dead = await an_incident(stage)
        for path in (*PAGES, f"/deliveries/{dead}"):
            assert SECRET not in (await stage.http.get(path)).text


@pytest.mark.parametrize("path", ["/", "/login", "/deliveries/none"])
async def test_no_page_may_be_framed_or_fetch_from_elsewhere(tmp_path: Path, path: str) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        headers = (await stage.http.get(path)).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


async def test_what_is_not_there_is_told_on_a_page_to_a_browser_and_in_json_to_others(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        page = await stage.http.get("/nowhere", headers={"accept": "text/html"})
        assert (page.status_code, "There is no such page." in page.text) == (404, True)
        assert (await stage.http.get("/nowhere")).json()["error"]["code"] == 404


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/deliveries/none", "There is no such delivery"),
        ("/rules/none", "There is no rule &#34;none&#34; in force"),
        ("/messages/why?message=P/T:99", "there is no message 99"),
        ("/messages?topic=P/U", "there is no topic"),
        ("/deliveries?state=deed", "did you mean &#34;dead&#34;?"),
    ],
)
async def test_a_wrong_address_is_explained(tmp_path: Path, path: str, text: str) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        answer = await stage.http.get(path)
        assert answer.status_code in (400, 404)
        assert text in answer.text


async def test_a_store_that_does_not_answer_is_told_on_the_page(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        trouble_in(stage).add(Trouble("outbox.find", "unavailable"))
        answer = await stage.http.get("/deliveries")
        assert (answer.status_code, "The store does not answer" in answer.text) == (503, True)


async def test_the_overview_shows_health_and_the_books(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        await an_incident(stage)
        page = (await stage.http.get("/")).text
        assert "Ready" in page
        assert "✓ balanced" in page
        assert "nobody takes nothing" in page
        assert "/deliveries?state=dead&amp;destination=nobody" in page


async def test_an_incident_says_who_was_told_and_leads_to_its_message(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        await an_incident(stage)
        page = (await stage.http.get("/incidents")).text
        assert "web&lt;1&gt;" in page
        assert "/messages/why?message=projects/P/topics/T%3A2" in page


async def test_a_rule_shows_its_place_and_what_it_did(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        page = (await stage.http.get("/rules")).text
        assert "rules.yaml:4:5" in page
        assert 'data-label="Posts" class="n">2<' in page


async def test_static_files_are_served_to_everybody_and_kept_while_they_are_the_same(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        css = (await stage.http.get("/login")).text.partition('href="/static/bridge.css')[2].partition('"')[0]
        kept = await stage.http.get(f"/static/bridge.css{css}")
        assert (kept.status_code, "immutable" in kept.headers["cache-control"]) == (200, True)
        assert (await stage.http.get("/static/bridge.css")).headers["cache-control"] == "no-cache"
        assert (await stage.http.get("/static/../bridge.yaml")).status_code == 404


async def test_who_is_logged_in_may_look_at_the_api_and_change_nothing(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        assert (await stage.http.get("/api/ledger")).status_code == 401
        await log_in(stage)
        assert (await stage.http.get("/api/ledger")).status_code == 200
        assert (await stage.http.post("/api/reload")).status_code in (401, 403)


async def test_pages_are_drawn_beside_the_event_loop(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        text = stage.daemon.in_force.degraded = NotingText("drawn elsewhere")
        assert "drawn elsewhere" in (await stage.http.get("/rules")).text
        assert text.threads
        assert threading.get_ident() not in text.threads
