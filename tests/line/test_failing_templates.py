"""A template that fails: people read it in the post, programs get nothing of it, and whoever runs it is told."""

from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from tests.line.stage import a_stage

RULES = """
topic: projects/P/topics/T
rules:
  - {name: titled, match: {$.kind: titled}, text: all well, title: "{{ data.nothing }}", send: people}
  - {name: exact, match: {$.kind: exact}, text: for people, body: {site: "{{ data.nothing }}"}, send: machine}
"""
DESTINATIONS = """
  people: {type: inbox}
  machine: {type: topic, topic: projects/P/topics/OTHER}
"""


async def test_a_failed_body_is_a_dead_letter_with_the_reason_and_stays_one(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, DESTINATIONS) as stage:
        await stage.publish({"kind": "exact"})
        (dead,) = await stage.until(lambda found: len(found) == 1 and found[0].state == "dead")
        assert 'there is no "nothing"' in dead.by
        await stage.http.post("/api/deliveries:replay", json={"ids": [dead.id]})
        await stage.until(lambda found: found[0].state == "dead" and found[0].tries == 2)
        other = next(one for one in await stage.daemon.books() if one.topic.endswith("/OTHER"))
        assert other.messages.received == 0
        await stage.check_books()


async def test_a_failing_part_is_told_in_post_log_and_page(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, DESTINATIONS) as stage:
        with capture_logs() as logs:
            await stage.publish(*[{"kind": "titled"}] * 3)
            found = await stage.settled(3)
            assert all(one.state == "delivered" for one in found)
        told = [one for one in logs if one["event"] == "a template failed"]
        assert [(one["rule"], 'there is no "nothing"' in one["reason"]) for one in told] == [("titled", True)]
        rules = {one["name"]: one["failure"] for one in (await stage.http.get("/api/rules")).json()["rules"]}
        assert rules["exact"] is None
        assert 'there is no "nothing"' in rules["titled"]["reason"]
