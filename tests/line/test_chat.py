"""An alert that somebody takes from chat, where nobody may call the daemon: from the first post to the end."""

from __future__ import annotations

from pathlib import Path

from bridge.fakes.mattermost import FakeMattermost, Post
from tests.fakes.control import routed
from tests.line.stage import Stage, a_stage

RULES = """
topic: projects/P/topics/T
rules:
  - name: hosts
    match: {$.status: CRITICAL}
    resolved: {$.status: OK}
    key: "{{ data.host }}"
    repeat: 1h
    text: "{{ data.host }} {{ phase }}"
    send: chat
"""


def bot(mattermost: FakeMattermost) -> str:
    """The destination ``chat``: a bot that listens, without a public address anywhere."""
    said = f"url: {mattermost.base_url}, token: {mattermost.bot_token}, channel: monitoring, rate: null, timeout: 5s"
    return f"  chat: {{type: mattermost_bot, {said}, listen: both}}\n"


async def until_listening(stage: Stage) -> None:
    """Return once the bot hears chat."""
    while not all(one.connected for one in stage.daemon.listeners.hearings):
        await stage.let_pass(0)


async def until_said(stage: Stage, mattermost: FakeMattermost, word: str) -> Post:
    """The only post, once it says a word."""
    while word not in mattermost.posts[0].text:
        await stage.let_pass(0)
    (post,) = mattermost.posts
    return post


async def test_an_incident_is_taken_by_a_reaction_reminded_of_no_more_and_ends_in_the_same_post(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_stage(tmp_path, RULES, bot(mattermost)) as stage:
        await routed(stage)
        await until_listening(stage)
        await stage.publish({"host": "web1", "status": "CRITICAL"})
        await stage.settled(1)
        await stage.settled(2, step_s=900)
        (post,) = mattermost.posts
        assert post.text.startswith("web1 reminder")
        mattermost.react(post.id, "eyes", "alice")
        await until_said(stage, mattermost, "_Taken by alice, ")
        for _ in range(10):
            await stage.clock.advance(1800)
        assert len(await stage.deliveries()) == 2
        await stage.publish({"host": "web1", "status": "OK"})
        await stage.settled(3)
        end = await until_said(stage, mattermost, "web1 resolved")
        assert end.id == post.id
        assert "_Taken by alice, " in end.text
        assert end.attachments[0]["color"] == "#3db887"
        assert "update 2" in end.attachments[0]["footer"]
        await stage.check_books()


async def test_what_people_do_while_the_daemon_restarts_counts(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_stage(tmp_path, RULES, bot(mattermost)) as stage:
        await routed(stage)
        await until_listening(stage)
        await stage.publish({"host": "web1", "status": "CRITICAL"})
        await stage.settled(1)
    mattermost.reply(mattermost.posts[0].id, "Take!", "bob")
    async with a_stage(tmp_path, RULES, bot(mattermost)) as stage:
        while "_Taken by bob, " not in mattermost.posts[0].text:
            await stage.let_pass(0)
        for _ in range(10):
            await stage.clock.advance(1800)
        assert len(await stage.deliveries()) == 1
        await stage.check_books()
