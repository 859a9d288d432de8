"""Open incidents: what fires, who was told, who took it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bridge.fakes.mattermost import FakeMattermost
from tests.fakes.control import a_daemon, decided, meanwhile
from tests.line.stage import Stage


async def incidents(stage: Stage, **query: Any) -> list[dict[str, Any]]:
    said = (await stage.http.get("/api/incidents", params=query)).json()
    found: list[dict[str, Any]] = said["incidents"]
    return found


async def test_what_fires_is_listed_with_whom_it_was_told_to_the_longest_open_first(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"host": "web1", "status": "CRITICAL"}, deliveries=1)
        await stage.clock.advance(60)
        await decided(stage, {"host": "web2", "status": "CRITICAL"}, deliveries=2)
        first, second = await incidents(stage)
        assert (first["rule"], first["key"], second["key"]) == ("hosts", "web1", "web2")
        assert [one["destination"] for one in first["told"]] == ["chat"]
        assert (first["topic"], first["offset"], first["ended"], first["taken_by"]) == (
            "projects/P/topics/T",
            0,
            "",
            "",
        )
        assert '"web1"' in first["event"]
        assert await incidents(stage, rule="notes") == []


async def test_an_incident_that_is_over_is_no_longer_listed(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_daemon(tmp_path, mattermost.hook_url) as stage:
        await stage.publish({"host": "web1", "status": "CRITICAL"}, {"host": "web1", "status": "OK"})
        await stage.settled(2)
        assert await incidents(stage) == []


async def test_a_silenced_incident_says_what_keeps_it_quiet(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        made = await stage.http.post("/api/silences", json={"matchers": {"rule": "hosts"}, "for_s": 3600, "why": "w"})
        await stage.publish({"host": "web1", "status": "CRITICAL"})
        await meanwhile(stage, stage.http.get("/api/explain", params={"message": "P/T:0"}))
        found: list[dict[str, Any]] = []
        while not found:
            await stage.clock.advance(0)
            found = await incidents(stage)
        assert found[0]["told"] == []
        assert found[0]["hidden"] == [{"destination": "chat", "by": f"silence:{made.json()['silence']['id']}"}]


async def test_an_incident_can_be_taken_and_one_that_is_not_there_cannot(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"host": "web1", "status": "CRITICAL"}, deliveries=1)
        taken = await stage.http.post("/api/incidents:take", json={"rule": "hosts", "key": "web1", "who": "ann"})
        assert taken.json() == {"taken_by": "ann"}
        assert [one["taken_by"] for one in await incidents(stage)] == ["ann"]
        gone = await stage.http.post("/api/incidents:take", json={"rule": "hosts", "key": "web9"})
        assert (gone.status_code, gone.json()["error"]["message"]) == (404, "there is no such incident, or it is over")
