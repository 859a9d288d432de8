"""What people say of posts, by button, reaction or reply, is counted for the rule: the last word of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridge.chat.commands import request_of_reaction, request_of_reply
from bridge.chat.requests import Verdict
from bridge.fakes.mattermost import FakeMattermost
from tests.bridge.chat.bots import a_bot_chat
from tests.bridge.chat.conftest import DOWN, Chat, a_chat


async def words(chat: Chat) -> dict[str, Any]:
    """The rule's line of the noise report."""
    rules: list[dict[str, Any]] = (await chat.stage.http.get("/api/noise")).json()["rules"]
    return next(rule for rule in rules if rule["rule"] == "hosts")


async def test_the_last_word_of_each_person_counts_once(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_chat(tmp_path, mattermost, feedback=True) as chat:
        post = await chat.told(DOWN)
        for action, who in [("Useful", "alice"), ("Noise", "bob"), ("Noise", "bob")]:
            clicked = await chat.click(post, action, who)
            assert clicked.ephemeral_text.startswith("Thank you: it counts as")
            assert clicked.post is None or clicked.post.text == post.text
        assert ((await words(chat))["useful"], (await words(chat))["noise"]) == (1, 1)
        await chat.click(post, "Noise", "alice")
        await chat.click(post, "Useful", "bob")
        await chat.click(post, "Useful", "alice")
        assert ((await words(chat))["useful"], (await words(chat))["noise"]) == (2, 0)
        entries = (await chat.stage.http.get("/api/audit", params={"what": "feedback."})).json()["entries"]
        assert len(entries) == 5
        assert await chat.clicks("noise", "done") == 3


async def test_posts_have_these_buttons_only_where_they_are_asked_for(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_bot_chat(tmp_path, mattermost, feedback=True) as chat:
        post = await chat.told(DOWN)
        buttons = [action["name"] for each in post.attachments for action in each.get("actions", ())]
        assert buttons == ["Take", "Silence 1h", "Silence 4h", "Silence 1d", "Why?", "Useful", "Noise"]


@pytest.mark.parametrize(
    ("word", "useful"),
    [("useful", True), ("Useful!", True), ("noise", False), ("not useful", False), ("this is noise to me", None)],
)
def test_a_reply_that_is_nothing_but_the_word_counts(word: str, useful: bool | None) -> None:
    wanted = None if useful is None else Verdict(useful)
    assert request_of_reply(word, "alarms", feedback=True) == wanted
    assert request_of_reply(word, "alarms") is None


@pytest.mark.parametrize(("emoji", "useful"), [("+1", True), ("thumbsdown", False), ("+1_medium_skin_tone", True)])
def test_thumbs_count_where_they_are_asked_for(emoji: str, useful: bool) -> None:
    assert request_of_reaction(emoji, feedback=True) == Verdict(useful)
    assert request_of_reaction(emoji) is None


async def test_a_thumb_below_a_bots_post_counts_and_the_post_stays(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_bot_chat(tmp_path, mattermost, buttons=False, listen="both", feedback=True) as chat:
        while not chat.stage.daemon.listeners.hearings[0].connected:
            await chat.stage.daemon.store.cursors.delete("nobody")
            await chat.stage.clock.advance(0)
        post = await chat.told(DOWN)
        mattermost.react(post.id, "-1")
        while not (await words(chat))["noise"]:
            await chat.stage.clock.advance(0)
        found = mattermost.world.board.find(post.id)
        assert found is not None
        assert found.text == post.text
