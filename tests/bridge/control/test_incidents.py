"""Open incidents: what fires, who was told, who took it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bridge.fakes.mattermost import FakeMattermost
from broker.model import Commit, StatePut
from rules.deciding.quiet.rows import KeyRow, row_to_bytes
from tests.fakes.control import a_daemon, decided, meanwhile
from tests.fakes.pages import log_in
from tests.line.stage import Stage

REPEATING = """
topic: projects/P/topics/T
rules:
  - name: repeats
    match: {$.host: {exists: true}, $.kind: a}
    key: "{{ data.host }}"
    resolved: {$.status: OK}
    repeat: 1h
    text: "{{ data.host }}"
    send: board
  - name: quiet
    match: {$.host: {exists: true}, $.kind: b}
    key: "{{ data.host }}"
    resolved: {$.status: OK}
    text: t
    send: board
"""


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


async def test_a_reminder_is_told_only_where_one_will_come(tmp_path: Path) -> None:
    async with a_daemon(tmp_path, rules=REPEATING) as stage:
        await decided(stage, {"host": "a", "kind": "a"}, {"host": "b", "kind": "b"}, deliveries=2)
        silence = {"matchers": {"rule": "quiet"}, "for_s": 60, "why": "w"}
        await stage.http.post("/api/silences", json=silence)
        await stage.publish({"host": "c", "kind": "b"})
        while len(await incidents(stage)) < 3:
            await stage.clock.advance(0.1)
        await decided(stage, deliveries=2)
        for _ in range(20):
            await stage.clock.advance(60)
        found = {one["key"]: one["reminder"] for one in await incidents(stage)}
        assert found["a"] is not None
        assert (found["b"], found["c"]) == (None, None)
        await stage.http.post("/api/incidents:take", json={"rule": "repeats", "key": "a"})
        assert {one["reminder"] for one in await incidents(stage)} == {None}


async def test_what_fires_is_counted_however_much_else_is_remembered(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"host": "web1", "status": "CRITICAL"}, deliveries=1)
        remembered = tuple(
            StatePut(f"k/hosts/{n:05}", row_to_bytes(KeyRow(f"a{n:05}")), "hosts", "t", 2**60) for n in range(12_000)
        )
        await stage.daemon.store.commit(Commit(state=remembered))
        said = (await stage.http.get("/api/incidents")).json()
        assert ([one["key"] for one in said["incidents"]], said["more"]) == (["web1"], False)
        assert (said["firing"], said["complete"]) == (1, True)
        await log_in(stage)
        assert "Nothing fires" not in (await stage.http.get("/incidents")).text
        assert "<b>1</b><span>open incident</span>" in (await stage.http.get("/")).text


async def test_incidents_of_a_rule_that_is_gone_are_listed_too(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"host": "web1", "status": "CRITICAL"}, deliveries=1)
        (row,) = await stage.daemon.store.state.list("k/hosts/", 10)
        put = StatePut("k/older/x", row.value or b"", "older", row.topic_uid, row.expires_us, row.due_us)
        await stage.daemon.store.commit(Commit(state=(put,)))
        assert sorted(one["rule"] for one in await incidents(stage)) == ["hosts", "older"]
        assert [one["rule"] for one in await incidents(stage, rule="older")] == ["older"]
