"""If we said it fires, we will say it is over: through edits, removals, restarts and silences of the running daemon."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.fakes.mattermost import FakeMattermost
from tests.line.stage import Stage, a_stage
from tests.line.test_line import chat

RULES = """
topic: projects/P/topics/T
rules:
  - name: site
    match: {$.status: CRITICAL}
    resolved: {$.status: OK}
    key: "{{ data.site }}"
    text: "{{ data.site }} {{ phase }}"
    send: chat
"""
OTHER = """
topic: projects/P/topics/T
rules:
  - {name: another, match: {$.n: {exists: true}}, text: "n", send: chat}
"""


async def say(stage: Stage, status: str) -> None:
    await stage.publish({"site": "A", "status": status})


async def test_an_incident_is_told_when_it_begins_and_when_it_ends(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_stage(tmp_path, RULES, chat(mattermost), store="memory") as stage:
        await say(stage, "OK")
        await say(stage, "CRITICAL")
        await stage.settled(1)
        await say(stage, "OK")
        await stage.settled(2)
        await say(stage, "OK")
        await stage.check_books()
    assert [post.text for post in mattermost.posts] == ["A firing", "A resolved"]


@pytest.mark.parametrize(
    "edited",
    [
        OTHER,
        RULES.replace("$.status: OK", "$.status: GREEN"),
        RULES.replace('key: "{{ data.site }}"', 'key: "x-{{ data.site }}"'),
    ],
    ids=["removed", "other end", "other key"],
)
async def test_what_a_rule_told_is_said_to_be_over_after_it_was_edited_and_the_daemon_restarted(
    tmp_path: Path, mattermost: FakeMattermost, edited: str
) -> None:
    async with a_stage(tmp_path, RULES, chat(mattermost)) as stage:
        await say(stage, "CRITICAL")
        await stage.settled(1)
        (tmp_path / "rules.d" / "rules.yaml").write_text(edited)
        assert (await stage.http.post("/api/reload")).status_code == 200
    async with a_stage(tmp_path, edited, chat(mattermost)) as stage:
        await say(stage, "OK")
        await stage.settled(2)
        await stage.check_books()
    assert [post.text.split("\n")[0] for post in mattermost.posts] == ["A firing", "A resolved"]


async def test_a_reminder_survives_a_restart(tmp_path: Path, mattermost: FakeMattermost) -> None:
    rules = RULES.replace("    send: chat", "    repeat: 1h\n    send: chat")
    async with a_stage(tmp_path, rules, chat(mattermost)) as stage:
        await say(stage, "CRITICAL")
        await stage.settled(1)
    async with a_stage(tmp_path, rules, chat(mattermost)) as stage:
        await stage.clock.advance(3601)
        await stage.settled(2, step_s=1)
        await stage.check_books()
    assert [post.text.split("\n")[0] for post in mattermost.posts] == ["A firing", "A reminder"]


async def test_a_silence_keeps_quiet_and_its_end_tells_what_still_fires(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_stage(tmp_path, RULES, chat(mattermost), store="memory") as stage:
        body = {"matchers": {"rule": "site"}, "for_s": 600, "why": "works"}
        assert (await stage.http.post("/api/silences", content=json.dumps(body))).status_code == 200
        await say(stage, "CRITICAL")
        await stage.clock.advance(300)
        assert mattermost.posts == []
        await stage.clock.advance(301)
        await stage.settled(1, step_s=1)
        await say(stage, "OK")
        await stage.settled(2, step_s=1)
        await stage.check_books()
    assert [post.text.split("\n")[0] for post in mattermost.posts] == ["A firing", "A resolved"]


async def test_a_group_over_two_topics_keeps_both_books_balanced(tmp_path: Path, mattermost: FakeMattermost) -> None:
    rules = """
topic: [projects/P/topics/T, projects/P/topics/OTHER]
rules:
  - name: grouped
    match: {$.n: {exists: true}}
    group: {by: [$.site], wait: 30s, every: 5m}
    text: "{{ events | length }} events"
    send: chat
"""
    async with a_stage(tmp_path, rules, chat(mattermost), store="memory") as stage:
        await stage.publish({"n": 1, "site": "A"})
        await stage.publish({"n": 2, "site": "A"}, topic="OTHER")
        await stage.let_pass(20)
        await stage.check_books()
        await stage.settled(1, step_s=5)
        await stage.check_books()
    assert [post.text for post in mattermost.posts] == ["2 events"]
