"""Reactions and replies over the bot's websocket: the whole way, through a daemon nobody can call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.destinations.signed_context import PostContext
from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost, Post
from bridge.fakes.trouble import Answer
from broker.clock import ManualClock, us
from broker.engines.memory.trouble import Trouble
from tests.bridge.chat.bots import a_bot_chat, names, now
from tests.bridge.chat.conftest import DOWN, UP, Chat
from tests.fakes.control import trouble_in


@asynccontextmanager
async def a_listening(
    folder: Path, mattermost: FakeMattermost, *, connected: bool = True, **said: Any
) -> AsyncIterator[Chat]:
    """A daemon without buttons whose bot listens, and does so already if ``connected``."""
    async with a_bot_chat(folder, mattermost, **({"buttons": False, "listen": "both"} | said)) as chat:
        if connected:
            await until(chat, lambda: chat.stage.daemon.listeners.hearings[0].connected)
        yield chat


async def until(chat: Chat, holds: Callable[[], bool], step_s: float = 0.0) -> None:
    """Return once it holds."""
    for _ in range(100_000):
        if holds():
            return
        await chat.stage.daemon.store.cursors.delete("nobody")
        await chat.stage.clock.advance(step_s)
    raise AssertionError("this never came to be")


async def connected(chat: Chat, times: int) -> None:
    """Return once the daemon has connected so many times."""
    hearing = chat.stage.daemon.listeners.hearings[0]
    await until(chat, lambda: hearing.connections == times and hearing.connected, step_s=1)


async def says(chat: Chat, post: Post, word: str) -> Post:
    """The post once it says a word."""
    await until(chat, lambda: word in now(chat.mattermost, post).text)
    return now(chat.mattermost, post)


async def answered(chat: Chat, count: int = 1) -> list[Post]:
    """The replies of the bot, once there are so many."""

    def found() -> list[Post]:
        return [one for one in chat.mattermost.posts if one.root_id and one.username == "ams-bridge"]

    await until(chat, lambda: len(found()) >= count)
    return found()


async def wishes(chat: Chat, count: int) -> dict[tuple[str, str, str], int]:
    """What became of wishes, once so many were heard."""
    hearing = chat.stage.daemon.listeners.hearings[0]
    await until(chat, lambda: sum(hearing.wishes.values()) >= count)
    return dict(hearing.wishes)


async def metric(chat: Chat, line: str) -> bool:
    """Whether Prometheus is told this."""
    return line in (await chat.stage.http.get("/metrics")).text.splitlines()


# --- reactions ---------------------------------------------------------------------------------------------


async def test_eyes_take_the_incident_and_the_post_says_who(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_listening(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        assert names(post) == []
        mattermost.react(post.id, "eyes", "alice")
        taken = await says(chat, post, "Taken")
        assert taken.text.startswith("web1 is CRITICAL\n_Taken by alice, ")
        assert taken.attachments[0]["fields"] == post.attachments[0]["fields"]
        assert await wishes(chat, 1) == {("reaction", "take", "done"): 1}
        assert await metric(
            chat,
            'ams_bridge_chat_wishes_total{action="take",by="reaction",destination="chat",outcome="done"} 1.0',
        )


@pytest.mark.parametrize(("emoji", "hours"), [("zzz", 1), ("no_bell", 4), ("calendar", 24)])
async def test_an_emoji_silences(tmp_path: Path, mattermost: FakeMattermost, emoji: str, hours: int) -> None:
    async with a_listening(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        mattermost.react(post.id, emoji, "bob")
        await says(chat, post, "_Silenced by bob until ")
        (silence,) = await chat.silences()
        assert silence["matchers"] == {"rule": "hosts", "key": "web1"}
        record = next(iter(chat.stage.daemon.in_force.silences.silences)).silence
        assert record.until_us - record.starts_us == hours * 3_600_000_000


async def test_a_question_is_answered_in_the_thread(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_listening(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        mattermost.react(post.id, "question", "alice")
        (answer,) = await answered(chat)
        assert answer.root_id == post.id
        assert answer.text.startswith("**Why this post?** Rule `hosts`, key `web1`")
        assert now(mattermost, post).text == post.text


async def test_other_emoji_other_posts_and_machines_are_nothing_to_us(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    mattermost.town.add_user("robot", is_bot=True)
    async with a_listening(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        other = mattermost.say("monitoring", "web1 is CRITICAL", "bob")
        mattermost.react(other.id, "eyes", "alice")
        mattermost.react(post.id, "thumbsup", "alice")
        mattermost.react(post.id, "eyes", "robot")
        mattermost.react(post.id, "eyes", "ams-bridge")
        mattermost.react(post.id, "zzz", "bob")
        await says(chat, post, "Silenced by bob")
        assert await wishes(chat, 1) == {("reaction", "silence1h", "done"): 1}
        assert "Taken" not in now(mattermost, post).text


async def test_a_forged_card_in_somebodys_post_does_nothing(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_listening(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        other = mattermost.say("monitoring", "look", "bob")
        mattermost.world.board.change(replace(other, props={"ams_bridge": post.props["ams_bridge"]}))
        mattermost.react(other.id, "eyes", "bob")
        mattermost.react(post.id, "zzz", "bob")
        await says(chat, post, "Silenced by bob")
        assert "Taken" not in now(mattermost, post).text


async def test_an_end_can_no_longer_be_taken(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_listening(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        await chat.told(UP, posts=2)
        mattermost.react(post.id, "eyes", "alice")
        await wishes(chat, 1)
        mattermost.reply(post.id, "take", "alice")
        (answer,) = await answered(chat)
        assert answer.text == "This incident is over: there is nothing to take."
        assert now(mattermost, post).text == "web1 is OK"


async def test_a_post_of_no_incident_cannot_be_taken(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_listening(tmp_path, mattermost) as chat:
        post = await chat.told({"note": "hi"})
        mattermost.react(post.id, "eyes", "alice")
        mattermost.reply(post.id, "take", "alice")
        (answer,) = await answered(chat)
        assert answer.text == "There is nothing to take or to silence here: ask why."
        assert now(mattermost, post).text == "note hi"


# --- replies -----------------------------------------------------------------------------------------------


async def test_replies_take_silence_and_ask(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_listening(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        mattermost.reply(post.id, "take", "alice")
        await says(chat, post, "_Taken by alice, ")
        mattermost.reply(post.id, "@ams-bridge silence 30m", "bob")
        await says(chat, post, "_Silenced by bob until ")
        mattermost.reply(post.id, "Why?", "bob")
        (answer,) = await answered(chat)
        assert answer.text.startswith("**Why this post?**")
        assert await wishes(chat, 3) == {
            ("reply", "take", "done"): 1,
            ("reply", "silence", "done"): 1,
            ("reply", "why", "done"): 1,
        }


async def test_who_speaks_to_the_bot_and_is_not_understood_gets_help(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_listening(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        mattermost.reply(post.id, "take a look, somebody", "bob")
        mattermost.say("monitoring", "@ams-bridge help", "bob")
        mattermost.reply(post.id, "@ams-bridge dance", "bob")
        (answer,) = await answered(chat)
        assert answer.text.startswith("Below a post of mine I know `take`")
        assert await wishes(chat, 1) == {("reply", "help", "done"): 1}


async def test_a_webhook_cannot_command_in_the_name_of_its_maker(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_listening(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        answer = await chat.stage.http.post(mattermost.hook_url, json={"text": "take", "root_id": post.id})
        assert answer.text == "ok"
        mattermost.reply(post.id, "silence", "bob")
        await says(chat, post, "Silenced by bob")
        assert "Taken" not in now(mattermost, post).text


async def test_only_what_was_asked_for_is_listened_to(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_listening(tmp_path, mattermost, listen="replies") as chat:
        post = await chat.told(DOWN)
        mattermost.react(post.id, "eyes", "alice")
        mattermost.reply(post.id, "silence", "bob")
        await says(chat, post, "Silenced by bob")
        assert "Taken" not in now(mattermost, post).text


async def test_a_post_older_than_its_card_does_nothing_and_says_so_once(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_listening(tmp_path, mattermost) as chat:
        post = await chat.told({"note": "hi"})
        signed_context, now_us = chat.stage.daemon.buttons.signed_context, chat.stage.clock.wall_us()
        card = signed_context.verify(post.props["ams_bridge"]["card"], now_us)
        assert isinstance(card, PostContext)
        assert card.expires_us == now_us + us(7 * 86_400)
        mark = signed_context.mark(msgspec.structs.replace(card, expires_us=now_us + us(5)))
        mattermost.world.board.change(replace(post, props={"ams_bridge": post.props["ams_bridge"] | {"card": mark}}))
        await chat.stage.clock.advance(5)
        mattermost.react(post.id, "zzz", "bob")
        mattermost.reply(post.id, "silence", "bob")
        (answer,) = await answered(chat)
        assert answer.text.startswith("This post is too old.")
        assert await chat.silences() == []
        outcomes = await wishes(chat, 2)
        assert {outcome for _, _, outcome in outcomes} == {"expired"}


async def test_what_was_done_below_another_post_is_said_below_this_one_too(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_listening(tmp_path, mattermost, edit=False) as chat:
        first = await chat.told(DOWN)
        mattermost.react(first.id, "eyes", "alice")
        await says(chat, first, "Taken by alice")
        mattermost.react(first.id, "raised_hand", "alice")
        assert await wishes(chat, 2) == {("reaction", "take", "done"): 2}
        assert now(mattermost, first).text.count("Taken by") == 1


# --- broken lines ------------------------------------------------------------------------------------------


async def test_what_was_done_while_the_line_was_cut_is_done_once_it_is_back(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_listening(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        hearing = chat.stage.daemon.listeners.hearings[0]
        mattermost.world.hub.refusing = True
        mattermost.cut_websockets()
        await until(chat, lambda: not hearing.connected)
        mattermost.react(post.id, "eyes", "alice")
        mattermost.reply(post.id, "why", "bob")
        await until(chat, lambda: "503" in hearing.reason, step_s=1)
        health = (await chat.stage.http.get("/healthz")).json()["workers"]["listen:chat"]
        assert (health["state"], health["restarts"]) == ("running", 0)
        assert health["reason"].startswith("chat is not heard: cannot connect: 503")
        mattermost.world.hub.refusing = False
        await until(chat, lambda: hearing.connected, step_s=1)
        await says(chat, post, "_Taken by alice, ")
        assert len(await answered(chat)) == 1
        assert (await chat.stage.http.get("/healthz")).json()["workers"]["listen:chat"]["reason"] == ""


async def test_what_was_done_is_not_done_again_by_reading_it_again(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_listening(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        mattermost.react(post.id, "eyes", "alice")
        await says(chat, post, "Taken by alice")
        mattermost.reply(post.id, "take", "bob")
        mattermost.reply(post.id, "@ams-bridge hm", "bob")
        mattermost.react(post.id, "question", "bob")
        await answered(chat, 2)
        await wishes(chat, 4)
        for n in range(2, 4):
            mattermost.cut_websockets()
            await connected(chat, n)
        assert now(mattermost, post).text.count("Taken by") == 2
        assert "_Taken by bob from alice, " in now(mattermost, post).text.splitlines()[-1]
        assert len(await answered(chat)) == 2
        heard = {outcome for _, _, outcome in await wishes(chat, 8)}
        assert heard == {"done", "heard"}


async def test_a_missing_number_is_read_again(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_listening(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        mattermost.world.hub.lose = 1
        mattermost.react(post.id, "eyes", "alice")
        mattermost.say("monitoring", "something else", "bob")
        await until(chat, lambda: "Taken by alice" in now(mattermost, post).text, step_s=1)
        await connected(chat, 2)


async def test_what_was_done_while_the_daemon_was_down_is_done_when_it_is_up(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_listening(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
    mattermost.react(post.id, "eyes", "alice")
    mattermost.react(post.id, "question", "alice")
    async with a_listening(tmp_path, mattermost) as chat:
        await says(chat, post, "_Taken by alice, ")
        assert len(await answered(chat)) == 1
        await chat.told(UP, posts=2)
        assert now(mattermost, post).text.startswith("web1 is OK\n_Taken by alice, ")


async def test_a_reaction_taken_away_and_put_back_counts_anew(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_listening(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        mattermost.react(post.id, "eyes", "alice")
        await says(chat, post, "Taken by alice")
        mattermost.react(post.id, "eyes", "bob")
        await says(chat, post, "Taken by bob from alice")
        mattermost.unreact(post.id, "eyes", "alice")
        mattermost.react(post.id, "eyes", "alice")
        await says(chat, post, "Taken by alice from bob")


async def test_what_was_asked_for_while_the_store_failed_is_done_once_it_is_back(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_listening(tmp_path, mattermost, store="memory") as chat:
        post = await chat.told(DOWN)
        trouble_in(chat.stage).add(Trouble("state.read", "unavailable"))
        mattermost.react(post.id, "eyes", "alice")
        workers = chat.stage.daemon.supervisor.health()
        await until(chat, lambda: workers["listen:chat"].state == "waiting for the store")
        trouble_in(chat.stage).heal()
        await until(chat, lambda: "Taken by alice" in now(mattermost, post).text, step_s=0.2)
        assert workers["listen:chat"].restarts == 0


async def test_a_token_that_is_not_accepted_is_told(tmp_path: Path, mattermost: FakeMattermost) -> None:
    wrong = "wrongwrongwrongwrongwrongw"
    async with a_listening(tmp_path, mattermost, connected=False, token=wrong) as chat:
        hearing = chat.stage.daemon.listeners.hearings[0]
        await until(chat, lambda: "token" in hearing.reason)
        assert wrong not in hearing.reason
        assert await metric(chat, 'ams_bridge_chat_listening{destination="chat"} 0.0')


async def test_an_answer_that_the_server_cannot_take_now_is_given_later(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_listening(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        failing = [True, True]
        mattermost.script.always(
            lambda request: Answer(503) if request.path == "/api/v4/posts" and failing and failing.pop() else None
        )
        mattermost.reply(post.id, "why", "bob")
        await until(chat, lambda: any(one.root_id and "Why" in one.text for one in mattermost.posts), step_s=1)
        assert len(await answered(chat)) == 1


async def test_a_click_that_could_not_be_shown_is_shown_when_the_line_is_back(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_listening(tmp_path, mattermost, buttons=True) as chat:
        post = await chat.told(DOWN)
        mattermost.script.always(lambda request: Answer(503) if request.method == "PUT" else None)
        await chat.click(post, "Take", "alice")
        mattermost.script.clear()
        assert "Taken" not in now(mattermost, post).text
        mattermost.cut_websockets()
        mattermost.react(post.id, "thumbsup", "bob")
        await until(chat, lambda: "Taken by alice" in now(mattermost, post).text, step_s=1)


async def test_a_silence_heard_late_is_as_long_as_it_was_asked_for(tmp_path: Path) -> None:
    clock = ManualClock()
    with running(FakeMattermost(clock=clock)) as mattermost:
        async with a_listening(tmp_path, mattermost) as chat:
            post = await chat.told(DOWN)
        mattermost.react(post.id, "zzz", "bob")
        await clock.advance(1_800)
        async with a_listening(tmp_path, mattermost) as chat:
            await says(chat, post, "Silenced by bob")
            record = next(iter(chat.stage.daemon.in_force.silences.silences)).silence
            assert record.until_us - record.starts_us == 1_800_000_000


async def test_listening_begins_and_ends_with_the_settings(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_listening(tmp_path, mattermost) as chat:
        config = tmp_path / "bridge.yaml"
        config.write_text(config.read_text().replace('"listen": "both"', '"listen": "none"'))
        assert (await chat.stage.http.post("/api/reload")).status_code == 200
        assert "listen:chat" not in (await chat.stage.http.get("/healthz")).json()["workers"]
        config.write_text(config.read_text().replace('"listen": "none"', '"listen": "both"'))
        assert (await chat.stage.http.post("/api/reload")).status_code == 200
        await until(chat, lambda: chat.stage.daemon.listeners.hearings[0].connected)
        post = await chat.told(DOWN)
        mattermost.react(post.id, "eyes", "alice")
        await says(chat, post, "Taken by alice")
