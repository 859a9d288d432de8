"""The noise report: what told most, and what of it nobody needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.command_line import ask
from tests.line.stage import Stage, a_stage

RULES = """
topic: projects/P/topics/T
rules:
  - name: hosts
    match: {$.host: {exists: true}}
    key: "{{ data.host }}"
    resolved: {$.status: OK}
    text: "{{ data.host }} is {{ data.status }}"
    send: [board, other]
  - {name: notes, match: {$.note: {exists: true}}, text: "note {{ data.note }}", send: board}
"""
BOARDS = "  board: {type: inbox}\n  other: {type: inbox}\n"
INTERVALS = "intervals: {never: {years: [1999]}, always: {times: ['00:00-24:00']}}"


async def say(stage: Stage, host: str, status: str, deliveries: int) -> None:
    await stage.publish({"host": host, "status": status})
    await stage.settled(deliveries)


async def live(stage: Stage, host: str, lasts_s: float, deliveries: int) -> int:
    """A whole life of an alert told to two; how many deliveries there are then."""
    await say(stage, host, "CRITICAL", deliveries + 2)
    await stage.let_pass(lasts_s)
    await say(stage, host, "OK", deliveries + 4)
    return deliveries + 4


async def report(stage: Stage, **query: Any) -> Any:
    answer = await stage.http.get("/api/noise", params=query)
    answer.raise_for_status()
    return answer.json()


async def test_posts_firings_and_brief_lives_are_counted_by_key_and_rule(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, BOARDS) as stage:
        count = await live(stage, "web1", 60, 0)
        count = await live(stage, "web1", 400, count)
        await say(stage, "web2", "CRITICAL", count + 2)
        await stage.publish({"note": "hi"})
        await stage.settled(count + 3)
        shown = await report(stage)
    web1, web2, notes = shown["keys"]
    assert (web1["rule"], web1["key"], web1["posts"], web1["firings"]) == ("hosts", "web1", 8, 2)
    assert (web1["brief"], web1["never_taken"], web1["flapping"]) == (1, 2, False)
    assert (web2["posts"], web2["firings"], web2["brief"], web2["never_taken"]) == (2, 1, 0, 1)
    assert (notes["rule"], notes["posts"], notes["firings"], notes["never_taken"]) == ("notes", 1, 0, 0)
    hosts = shown["rules"][0]
    assert (hosts["rule"], hosts["keys"], hosts["posts"], hosts["brief"], hosts["never_taken"]) == (
        "hosts",
        2,
        10,
        1,
        3,
    )
    assert (shown["complete"], shown["deliveries"]) == (True, 11)


async def test_what_somebody_took_before_its_end_was_needed(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, BOARDS) as stage:
        await say(stage, "web1", "CRITICAL", 2)
        await stage.http.post("/api/incidents:take", json={"rule": "hosts", "key": "web1"})
        await stage.let_pass(30)
        await say(stage, "web1", "OK", 4)
        await live(stage, "web1", 30, 4)
        (web1,) = (await report(stage))["keys"]
    assert (web1["firings"], web1["never_taken"], web1["brief"]) == (2, 1, 1)


async def test_four_firings_within_an_hour_are_flapping(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, BOARDS) as stage:
        count = 0
        for _ in range(4):
            count = await live(stage, "web1", 60, count)
        for _ in range(4):
            count = await live(stage, "web2", 1800, count)
        flapping = {key["key"]: key["flapping"] for key in (await report(stage))["keys"]}
    assert flapping == {"web1": True, "web2": False}


@pytest.mark.parametrize(("hours", "outside"), [("never", 2), ("always", 0)])
async def test_posts_outside_hours_are_counted_and_ends_are_not(tmp_path: Path, hours: str, outside: int) -> None:
    async with a_stage(tmp_path, RULES, BOARDS, more=INTERVALS) as stage:
        await live(stage, "web1", 60, 0)
        shown = await report(stage, hours=hours)
    assert (shown["hours"], shown["keys"][0]["outside_hours"]) == (hours, outside)


async def test_an_interval_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, BOARDS, more=INTERVALS) as stage:
        answer = await stage.http.get("/api/noise", params={"hours": "alway"})
        assert (answer.status_code, "did you mean" in answer.text) == (400, True)


async def test_only_what_arrived_within_the_time_counts(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, BOARDS) as stage:
        await say(stage, "web1", "CRITICAL", 2)
        await stage.let_pass(7200)
        await say(stage, "web2", "CRITICAL", 4)
        assert [key["key"] for key in (await report(stage, since_s=3600))["keys"]] == ["web2"]
        assert [key["key"] for key in (await report(stage, limit=1))["keys"]] == ["web1"]


async def test_the_command_shows_it(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, BOARDS) as stage:
        await live(stage, "web1", 60, 0)
        said = await ask(stage, "report", "noise", "--since", "1d")
        assert (said.code, "By rule" in said.out, "web1" in said.out) == (0, True, True)
        assert (await ask(stage, "report", "noise", "--json")).value["rules"][0]["brief"] == 1
