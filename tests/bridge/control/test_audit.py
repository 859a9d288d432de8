"""The audit trail: who did what, from where; on the page, in the API, at the command line and in the log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import structlog

from bridge.core.audit import MOST_ENTRIES, AuditEntry, AuditTrail
from broker.clock import ManualClock
from broker.engines.memory import MemoryStore
from broker.engines.memory.trouble import Trouble
from tests.fakes.command_line import ask
from tests.fakes.control import a_daemon, decided, trouble_in
from tests.fakes.pages import log_in, send_form
from tests.line.stage import TOKEN, Stage

DAY_S = 86_400


async def entries(stage: Stage, **query: Any) -> list[dict[str, Any]]:
    answer = await stage.http.get("/api/audit", params=query, headers={"x-api-key": TOKEN})
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


async def only(stage: Stage, what: str) -> dict[str, Any]:
    (found,) = await entries(stage, what=what)
    return found


async def test_logins_failures_and_logouts_are_on_the_trail_with_their_address(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        stage.http.headers.pop("x-api-key")
        there = {"x-forwarded-for": "192.0.2.7"}
        await stage.http.post("/login", data={"token": "wrong-secret"}, headers=there)
        await stage.http.get("/api/status", headers=there | {"x-api-key": "wrong-secret"})
        await stage.http.get("/v1/projects/P", headers=there | {"x-api-key": "wrong-secret"})
        await log_in(stage)
        await stage.http.post("/logout")
        found = [(e["what"], e["outcome"], e["who"], e["address"], e["target"]) for e in await entries(stage)]
        assert found == [
            ("logout", "done", "service token", "127.0.0.1", ""),
            ("login", "done", "service token", "127.0.0.1", ""),
            ("token", "refused", "", "192.0.2.7", "/v1/projects/P"),
            ("token", "refused", "", "192.0.2.7", "/api/status"),
            ("login", "refused", "", "192.0.2.7", "/login"),
        ]
        text = (await stage.http.get("/api/audit", headers={"x-api-key": TOKEN})).text
        assert "wrong-secret" not in text
        assert TOKEN not in text


async def test_what_people_do_is_on_the_trail_with_what_changed(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"host": "web1", "status": "CRITICAL"}, {"note": "n"}, deliveries=2)
        made = await stage.http.post("/api/silences", json={"matchers": {"rule": "hosts"}, "for_s": 60, "why": "w"})
        silence = made.json()["silence"]["id"]
        await stage.http.post(f"/api/silences/{silence}:expire")
        await stage.http.post("/api/incidents:take", json={"rule": "hosts", "key": "web1", "who": "ann"})
        await stage.http.post("/api/messages:replay", json={"messages": ["P/T:0"]})
        await stage.http.post("/api/send", json={"destination": "chat", "text": "x"})
        await stage.http.post("/api/reload")
        (stage.folder / "rules.d" / "rules.yaml").write_text("rules: 3")
        await stage.http.post("/api/reload")
        whats = [(e["what"], e["outcome"]) for e in await entries(stage)]
        assert whats == [
            ("reload", "refused"),
            ("reload", "done"),
            ("post.send", "done"),
            ("message.replay", "done"),
            ("incident.take", "done"),
            ("silence.expire", "done"),
            ("silence.add", "done"),
        ]
        taken = await only(stage, "incident.take")
        assert (taken["before"], taken["after"]) == ({"taken_by": ""}, {"taken_by": "ann"})
        assert (await only(stage, "silence.add"))["target"] == silence
        assert {e["who"] for e in await entries(stage)} == {"service token"}


async def test_deliveries_that_are_dropped_are_on_the_trail(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        (first,) = await decided(stage, {"host": "web1", "status": "CRITICAL"}, deliveries=1)
        await stage.clock.advance(5)
        await stage.http.post("/api/deliveries:drop", json={"ids": [first]})
        found = await entries(stage, what="delivery.drop")
        assert [(e["target"], e["after"]["count"]) for e in found] in ([(first, 1)], [])


async def test_users_topics_and_certificates_that_change_are_on_the_trail_without_secrets(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        member = {"service_roles": [], "projects": [{"project": "P", "roles": ["publisher"]}]}
        admin = {"service_roles": ["service_admin"], "projects": []}
        token = (await stage.http.post("/v1/users/ann", json=member)).json()["token"]
        boss = (await stage.http.post("/v1/users/boss", json=admin)).json()["token"]
        by_boss = {"x-api-key": boss}
        both = member | {"service_roles": ["metrics_viewer"]}
        await stage.http.put("/v1/users/ann", json=both, headers=by_boss)
        fresh = (await stage.http.post("/v1/users/ann:refreshToken", headers=by_boss)).json()["token"]
        await stage.http.put("/v1/projects/P/topics/NEW", headers=by_boss)
        await stage.http.post(
            "/v1/projects/P/topics/NEW:modifyAcl", json={"authorized_users": ["ann"]}, headers=by_boss
        )
        await stage.http.delete("/v1/projects/P/topics/NEW", headers=by_boss)
        await stage.http.post("/api/certificates", json={"subject": "CN=x,O=y,C=GR", "user": "ann"}, headers=by_boss)
        await stage.http.post("/api/certificates:unbind", json={"subject": "CN=x,O=y,C=GR"}, headers=by_boss)
        await stage.http.delete("/v1/users/ann", headers=by_boss)
        await stage.publish({"note": "no change"})
        found = [(e["what"], e["target"]) for e in await entries(stage, who="boss")]
        assert found == [
            ("users:delete", "ann"),
            ("certificate.unbind", found[1][1]),
            ("certificate.bind", found[2][1]),
            ("topics:delete", "P/NEW"),
            ("topics:modifyAcl", "P/NEW"),
            ("topics:create", "P/NEW"),
            ("users:refreshToken", "ann"),
            ("users:update", "ann"),
        ]
        acl = await only(stage, "topics:modifyAcl")
        assert (acl["before"], acl["after"]) == ({"acl": []}, {"acl": ["ann"]})
        update = await only(stage, "users:update")
        assert (update["before"], update["after"]) == ({"service_roles": []}, {"service_roles": ["metrics_viewer"]})
        assert not await entries(stage, what="topics:publish")
        text = json.dumps(await entries(stage))
        assert not [secret for secret in (token, boss, fresh, TOKEN) if secret in text]


async def test_each_entry_is_one_line_of_the_log(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        with structlog.testing.capture_logs() as lines:
            await stage.http.post("/v1/users/ann", json={"service_roles": [], "projects": []})
        (line,) = [line for line in lines if line["event"] == "audit"]
        assert (line["who"], line["what"], line["target"], line["outcome"]) == (
            "service token",
            "users:create",
            "ann",
            "done",
        )


async def test_the_page_and_the_command_show_the_trail(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await stage.http.post("/v1/users/a<b>n", json={})
        await stage.http.post("/v1/users/ann", json={"service_roles": [], "projects": []})
        said = await ask(stage, "audit")
        assert "service token 127.0.0.1 users:create ann done" in said.words
        shown = (await ask(stage, "audit", "--what", "users", "--since", "1h", "--json")).value
        assert [entry["target"] for entry in shown] == ["ann"]
        assert (await ask(stage, "audit", "--who", "nobody")).out == "No entry fits.\n"
        stage.http.headers.pop("x-api-key")
        await log_in(stage)
        page = (await stage.http.get("/audit")).text
        assert "users:create" in page
        assert "127.0.0.1" in page
        assert (await stage.http.get("/audit?what=users&who=nobody")).text.count("No entry fits.") == 1
        await send_form(stage, "/reload", "/rules")
        assert "reload" in (await stage.http.get("/audit")).text


async def test_only_administrators_see_the_trail(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        stage.http.headers.pop("x-api-key")
        assert (await stage.http.get("/api/audit")).status_code == 401
        assert (await stage.http.get("/audit")).status_code == 303


async def test_pages_of_the_trail_go_on_where_the_last_one_ended(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        for n in range(5):
            await stage.http.post(f"/v1/users/u{n}", json={"service_roles": [], "projects": []})
        seen, before = [], None
        while True:
            query = {"limit": 2} | ({} if before is None else {"before": before})
            page = (await stage.http.get("/api/audit", params=query)).json()
            seen += [entry["target"] for entry in page["entries"]]
            before = page["next"]
            if before is None:
                break
        assert seen == [f"u{n}" for n in range(4, -1, -1)]


async def test_a_store_that_does_not_answer_undoes_nothing(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        trouble_in(stage).add(Trouble("log.append", "unavailable"))
        with structlog.testing.capture_logs() as lines:
            made = await stage.http.post("/v1/users/ann", json={"service_roles": [], "projects": []})
        assert made.status_code == 200
        assert [line["what"] for line in lines if line["event"] == "audit"] == ["users:create"]


async def test_entries_go_when_they_are_past_their_time() -> None:
    clock = ManualClock()
    trail = AuditTrail(MemoryStore(clock).log, clock, keep_s=DAY_S)
    await trail.note(AuditEntry(what="old"))
    await clock.advance(DAY_S / 2)
    await trail.note(AuditEntry(what="young"))
    await clock.advance(DAY_S / 2 + 1)
    await trail.trim()
    assert [one.entry.what for one in (await trail.list_newest(10))[0]] == ["young"]
    await clock.advance(DAY_S)
    await trail.trim()
    assert await trail.list_newest(10) == ([], None)


async def test_the_trail_outlives_the_sweep_of_logs_without_a_topic(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await stage.http.post("/v1/users/ann", json={"service_roles": [], "projects": []})
        await stage.clock.advance(200)
        assert [entry["target"] for entry in await entries(stage)] == ["ann"]
        assert await stage.daemon.sweeper._retention.sweep_orphans() == 0
        assert [entry["target"] for entry in await entries(stage)] == ["ann"]


async def test_a_long_trail_is_read_page_by_page() -> None:
    clock = ManualClock()
    trail = AuditTrail(MemoryStore(clock).log, clock, keep_s=DAY_S)
    for n in range(1_200):
        await trail.note(AuditEntry(what="rare" if n == 3 else "often", who=str(n)))
    found, following = await trail.list_newest(5, wanted={"what": "rare"})
    assert [one.number for one in found] == [3]
    assert following is None
    assert MOST_ENTRIES >= 1_200
    assert pytest.approx(len((await trail.list_newest(1_000))[0])) == 1_000
