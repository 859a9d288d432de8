"""How the daemon stands, its books, its rules, and a reload."""

from __future__ import annotations

from pathlib import Path

from bridge.fakes.mattermost import FakeMattermost
from tests.fakes.control import RULES, a_daemon, decided


async def test_the_status_names_rules_workers_and_destinations(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"host": "web1", "status": "CRITICAL"}, {"note": "hi"}, deliveries=2)
        await stage.until(lambda found: found[1].state == "delivered")
        said = (await stage.http.get("/api/status")).json()
        assert (said["ready"], said["reason"], said["degraded"]) == (True, "", "")
        assert (said["rules"]["count"], said["rules"]["degraded"]) == (2, "")
        assert {"catalog", "courier:chat", "router:projects/P/topics/T"} <= {one["name"] for one in said["workers"]}
        assert {one["state"] for one in said["workers"]} == {"running"}
        destinations = {one["name"]: one for one in said["destinations"]}
        assert destinations["board"] == {
            "name": "board",
            "kind": "inbox",
            "configured": True,
            "breaker": "closed",
            "probe_in_s": None,
            "pace": 1.0,
            "under_way": 0,
            "waiting": 0,
            "delivered": 1,
            "dead": 0,
            "last_delivered": destinations["board"]["last_delivered"],
            "trouble": "",
            "trouble_at": None,
        }
        assert (destinations["chat"]["kind"], destinations["chat"]["waiting"]) == ("mattermost", 1)


async def test_the_ledger_shows_both_books_of_every_topic(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await stage.publish({"note": "hi"}, {"else": 1})
        await stage.settled(1)
        said = (await stage.http.get("/api/ledger")).json()
        assert said["balanced"] is True
        books = {one["topic"]: one for one in said["topics"]}
        assert list(books) == ["projects/P/topics/T", "projects/P/topics/OTHER"]
        assert books["projects/P/topics/T"]["messages"] == {
            "received": 2,
            "unmatched": 1,
            "dropped": 0,
            "decided": 1,
            "undecided": 0,
            "unrouted": 0,
            "expired": 0,
        }
        sends = books["projects/P/topics/T"]["sends"]
        assert (sends["decided"], sends["delivered"], sends["suppressed_by"]) == (1, 1, {})
        assert books["projects/P/topics/OTHER"]["routed"] is False


async def test_the_ledger_says_what_came_and_went_since(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await stage.publish({"note": "old"})
        await stage.settled(1)
        await stage.clock.advance(100)
        await stage.publish({"note": "new"}, {"note": "newer"})
        await stage.settled(3)
        said = (await stage.http.get("/api/ledger?since_s=60")).json()
        assert said["since"].startswith("2026-01-01T00:00:4")
        assert said["recent"][0] == {"topic": "projects/P/topics/T", "received": 2, "sends": {"delivered": 2}}


async def test_the_rules_in_force_are_listed_in_the_order_in_which_they_act(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        said = (await stage.http.get("/api/rules")).json()
        hosts, notes = said["rules"]
        assert (hosts["name"], hosts["send"], hosts["quiet"]) == ("hosts", ["chat"], ["resolved"])
        assert hosts["topics"] == ["projects/P/topics/T"]
        assert hosts["place"].endswith("rules.yaml:4:5")
        assert (notes["name"], notes["send"], notes["stop"], notes["drop"]) == ("notes", ["board"], False, False)
        assert said["version"] == stage.daemon.in_force.rule_set.version


async def test_a_reload_puts_new_rules_in_force(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        before = stage.daemon.in_force.rule_set.version
        (tmp_path / "rules.d" / "rules.yaml").write_text(RULES.replace("name: notes", "name: memos"))
        answer = await stage.http.post("/api/reload")
        assert answer.status_code == 200
        assert answer.json()["version"] != before
        assert [one["name"] for one in (await stage.http.get("/api/rules")).json()["rules"]] == ["hosts", "memos"]


async def test_a_refused_reload_names_every_problem_and_changes_nothing(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        bad = RULES.replace("send: board", "send: bord").replace("{$.note: {exists: true}}", "{$.note: {exist: true}}")
        (tmp_path / "rules.d" / "rules.yaml").write_text(bad)
        answer = await stage.http.post("/api/reload")
        assert answer.status_code == 409
        message = answer.json()["error"]["message"]
        assert 'did you mean "exists"?' in message
        assert 'did you mean "board"?' in message
        assert "rules.yaml:11:" in message
        assert [one["name"] for one in (await stage.http.get("/api/rules")).json()["rules"]] == ["hosts", "notes"]


async def test_a_refused_reload_shows_in_readyz_until_one_succeeds(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        file = tmp_path / "rules.d" / "rules.yaml"
        file.write_text(RULES.replace("send: board", "send: bord"))
        await stage.http.post("/api/reload")
        ready = await stage.http.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["degraded"].startswith("the last reload was refused, what was in force stays:")
        assert "rules.yaml:11:" in ready.json()["degraded"]
        file.write_text(RULES)
        await stage.http.post("/api/reload")
        assert (await stage.http.get("/readyz")).json()["degraded"] == ""


async def test_suppressed_sends_are_told_by_what_suppressed_them(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_daemon(tmp_path, mattermost.hook_url) as stage:
        await stage.http.post("/api/silences", json={"matchers": {"rule": "notes"}, "for_s": 60})
        await stage.publish({"note": "hi"}, {"host": "web1", "status": "CRITICAL"})
        await stage.settled(1)
        said = (await stage.http.get("/api/ledger")).json()
        assert said["topics"][0]["sends"]["suppressed_by"] == {"silence": 1}
