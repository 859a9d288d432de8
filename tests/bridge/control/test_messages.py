"""The newest stored messages, with what was decided about them."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.control import a_daemon, decided


async def test_the_newest_messages_come_first_with_their_fate(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"note": "hi"}, {"else": 1}, deliveries=1)
        said = (await stage.http.get("/api/messages")).json()
        assert [(one["offset"], one["fate"]) for one in said["messages"]] == [(1, "unmatched"), (0, "matched")]
        assert [one["rule"] for one in said["messages"][1]["decisions"]] == ["notes"]
        assert said["next"] is None


async def test_messages_of_a_topic_are_paged_from_the_newest_to_the_oldest(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await stage.publish(*({"n": n} for n in range(5)))
        seen: list[int] = []
        before = ""
        while before is not None:
            query = {"topic": "P/T", "limit": "2"} | ({"before": str(before)} if before else {})
            said = (await stage.http.get("/api/messages", params=query)).json()
            seen += [one["offset"] for one in said["messages"]]
            before = said["next"]
        assert seen == [4, 3, 2, 1, 0]


async def test_paging_over_all_topics_is_refused(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        answer = await stage.http.get("/api/messages", params={"before": "3"})
        assert answer.status_code == 400
        assert "name it with topic" in answer.json()["error"]["message"]


async def test_a_rule_says_what_it_did_and_when(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await stage.http.post("/api/silences", json={"matchers": {"key": "web2"}, "for_s": 3600, "why": "w"})
        await decided(
            stage,
            {"host": "web1", "status": "CRITICAL"},
            {"host": "web2", "status": "CRITICAL"},
            {"note": "hi"},
            deliveries=2,
        )
        rules = {one["name"]: one for one in (await stage.http.get("/api/rules")).json()["rules"]}
        counts = rules["hosts"]["counts"]
        assert (counts["decided"], counts["sent"], counts["posts"]) == (2, 1, 1)
        assert counts["suppressed_by"] == {"silence": 1}
        assert rules["notes"]["counts"]["posts"] == 1
        assert rules["notes"]["last"] is not None
