"""The outbox and its dead letters over the API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bridge.fakes.mattermost import FakeMattermost
from bridge.fakes.trouble import Answer
from tests.fakes.control import a_daemon, decided
from tests.line.stage import Stage


async def listed(stage: Stage, **query: Any) -> list[Any]:
    found: list[Any] = (await stage.http.get("/api/deliveries", params=query)).json()["deliveries"]
    return found


async def changed(stage: Stage, verb: str, **body: Any) -> int:
    answer = await stage.http.post(f"/api/deliveries:{verb}", content=json.dumps(body))
    count: int = answer.json()["count"]
    return count


async def test_a_delivery_is_listed_with_what_people_ask_for(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_daemon(tmp_path, mattermost.hook_url) as stage:
        await stage.publish({"host": "web1", "status": "CRITICAL", "severity": "critical"})
        await stage.settled(1)
        (one,) = await listed(stage)
        told = {name: one[name] for name in ("state", "destination", "rule", "topic", "offset", "key", "severity")}
        assert told == {
            "state": "delivered",
            "destination": "chat",
            "rule": "hosts",
            "topic": "projects/P/topics/T",
            "offset": 0,
            "key": "web1",
            "severity": "critical",
        }
        assert (one["summary"], one["tries"], one["phase"]) == ("web1 is CRITICAL", 1, "firing")
        assert one["created"].startswith("2026-01-01T00:00:0")
        assert one["created"].endswith("Z")


async def test_filters_choose_and_pages_go_on_where_the_last_one_ended(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        hosts = [{"host": f"web{n}", "status": "CRITICAL"} for n in range(5)]
        ids = await decided(stage, *hosts, {"note": "hi"}, deliveries=6)
        await stage.until(lambda found: found[-1].state == "delivered")
        assert [one["summary"] for one in await listed(stage, destination="board")] == ["note hi"]
        assert len(await listed(stage, state="waiting", rule="hosts", topic="P/T")) == 5
        assert await listed(stage, topic="P/OTHER") == []
        first = (await stage.http.get("/api/deliveries", params={"limit": 4})).json()
        second = (await stage.http.get("/api/deliveries", params={"limit": 4, "before": first["next"]})).json()
        assert [one["id"] for one in [*first["deliveries"], *second["deliveries"]]] == ids[::-1]
        assert second["next"] is None


async def test_since_leaves_out_what_was_decided_before(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"note": "old"}, deliveries=1)
        await stage.clock.advance(100)
        await decided(stage, {"note": "new"}, deliveries=2)
        assert [one["summary"] for one in await listed(stage, since_s=60)] == ["note new"]


async def test_one_delivery_is_shown_with_its_attempts_and_its_post(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        (delivery_id,) = await decided(stage, {"host": "web1", "status": "CRITICAL"}, deliveries=1)
        await stage.until(lambda found: found[0].tries == 1)
        found = (await stage.http.get(f"/api/deliveries/{delivery_id}")).json()
        assert found["delivery"]["id"] == delivery_id
        assert found["post"]["text"] == "web1 is CRITICAL"
        (attempt,) = found["attempts"]
        assert (attempt["outcome"], attempt["counted"]) == ("later", False)
        assert attempt["reason"].startswith("no connection")
        assert "aaaaaaaaaaaaaaaaaaaaaaaaaa" not in json.dumps(found)


async def test_dead_letters_are_replayed_oldest_first_and_keep_their_ids(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_daemon(tmp_path, mattermost.hook_url) as stage:
        mattermost.script.always(lambda request: Answer(401, "who are you?"))
        for n in range(3):
            await stage.publish({"host": "web1", "status": f"CRITICAL {n}"})
        letters = await stage.settled(3)
        assert {one.state for one in letters} == {"dead"}
        mattermost.script.clear()
        assert await changed(stage, "replay", destination="chat") == 3
        found = await stage.settled(3, step_s=1)
        assert {one.state for one in found} == {"delivered"}
        assert {one.id for one in found} == {one.id for one in letters}
    assert [post.text for post in mattermost.posts] == [f"web1 is CRITICAL {n}" for n in range(3)]


async def test_replaying_what_is_not_dead_changes_nothing(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        ids = await decided(stage, {"note": "hi"}, deliveries=1)
        await stage.settled(1)
        assert await changed(stage, "replay", ids=ids) == 0


async def test_a_dropped_delivery_says_who_dropped_it(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"host": "a", "status": "CRITICAL"}, {"host": "b", "status": "CRITICAL"}, deliveries=2)
        await stage.until(lambda found: all(one.tries for one in found))
        assert await changed(stage, "drop", state="waiting", rule="hosts") == 2
        assert {(one["state"], one["by"]) for one in await listed(stage)} == {("dropped", "service token")}
        await stage.check_books()


async def test_a_filter_without_a_state_means_dead_letters(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"host": "a", "status": "CRITICAL"}, deliveries=1)
        assert await changed(stage, "drop", destination="chat") == 0
