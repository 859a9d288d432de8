"""Buttons below a bot's posts, which the courier changes too: what people did survives every later edit."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from bridge.fakes.mattermost import FakeMattermost, Settings
from bridge.fakes.trouble import Answer, Hang
from tests.bridge.chat.bots import a_bot_chat, names, now
from tests.bridge.chat.conftest import DOWN, UP, free_port

ALL = ["Take", "Silence 1h", "Silence 4h", "Silence 1d", "Why?"]


async def test_a_bots_post_has_the_buttons_of_a_hooks_post(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_bot_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        assert names(post) == ALL
        quiet = await chat.click(post, "Silence 4h", "bob")
        assert quiet.ephemeral_text.startswith("Silent until ")
        assert "_Silenced by bob until " in now(mattermost, post).text
        assert names(now(mattermost, post)) == ALL
        assert [one["matchers"] for one in await chat.silences()] == [{"rule": "hosts", "key": "web1"}]
        assert await chat.clicks("silence4h", "done") == 1


async def test_the_bot_changes_the_post_itself_and_the_answer_does_not(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_bot_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        await chat.click(post, "Take")
        last = mattermost.attempts[-1].request
        assert (last.method, last.path) == ("PUT", f"/api/v4/posts/{post.id}/patch")
        after = now(mattermost, post)
        assert after.text.startswith("web1 is CRITICAL\n_Taken by alice, ")
        assert after.attachments[0]["fields"] == post.attachments[0]["fields"]
        assert after.props["ams_bridge"]["delivery"] == post.props["ams_bridge"]["delivery"]
        assert names(after) == ["Take over", *ALL[1:]]
        over = await chat.click(after, "Take over", "bob")
        assert over.ephemeral_text == "It is yours: no more reminders."
        assert "_Taken by bob from alice, " in now(mattermost, post).text


async def test_what_was_done_is_said_by_the_reminder_the_news_and_the_end(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_bot_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        await chat.stage.settled(2, step_s=900)
        await chat.click(now(mattermost, post), "Take", "alice")
        await chat.told(UP, posts=3)
        end = now(mattermost, post)
        assert end.text.startswith("web1 is OK\n_Taken by alice, ")
        assert names(end) == ["Why?"]
        assert end.attachments[0]["color"] == "#3db887"
        assert "update 2" in end.attachments[0]["footer"]
        assert len(mattermost.posts) == 1


async def test_the_end_is_asked_why_and_tells_of_itself(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_bot_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        await chat.told(UP, posts=2)
        asked = await chat.click(now(mattermost, post), "Why?")
        assert "Told as *resolved*" in asked.ephemeral_text
        assert "Its incident is over." in asked.ephemeral_text


async def test_buttons_and_what_was_done_survive_a_restart(tmp_path: Path, mattermost: FakeMattermost) -> None:
    port = free_port()
    async with a_bot_chat(tmp_path, mattermost, port=port) as chat:
        post = await chat.told(DOWN)
        await chat.click(post, "Take", "alice")
    async with a_bot_chat(tmp_path, mattermost, port=port) as chat:
        await chat.told(UP, posts=2)
        end = now(mattermost, post)
        assert end.text.startswith("web1 is OK\n_Taken by alice, ")
        assert (await chat.click(end, "Why?")).ephemeral_text.startswith("**Why this post?**")


async def test_a_new_post_in_place_of_a_deleted_one_says_what_was_done_and_can_be_pressed(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_bot_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        await chat.click(post, "Silence 1h", "bob")
        mattermost.world.board.change(replace(now(mattermost, post), delete_at_ms=1))
        (silence,) = await chat.silences()
        assert (await chat.stage.http.post(f"/api/silences/{silence['id']}:expire")).status_code == 200
        await chat.stage.settled(2, step_s=900)
        (anew,) = mattermost.posts
        assert anew.id != post.id
        assert "_Silenced by bob until " in anew.text
        assert (await chat.click(anew, "Take", "alice")).ephemeral_text == "It is yours: no more reminders."
        assert "_Taken by alice, " in now(mattermost, anew).text


async def test_a_click_while_the_courier_draws_the_end_leaves_both_in_the_post(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_bot_chat(tmp_path, mattermost, timeout="30s") as chat:
        post = await chat.told(DOWN)
        held = hold_next(mattermost)
        await chat.stage.publish(UP)
        await asyncio.to_thread(held.wait_until_held)
        clicked = await chat.click(post, "Silence 1h", "bob")
        assert clicked.ephemeral_text.startswith("Silent until ")
        held.release()
        await chat.stage.settled(2)
        end = now(mattermost, post)
        assert end.text.startswith("web1 is OK\n_Silenced by bob until ")
        assert names(end) == ["Why?"]


async def test_news_while_a_click_is_drawn_leave_both_in_the_post(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_bot_chat(tmp_path, mattermost, timeout="30s") as chat:
        post = await chat.told(DOWN)
        held = hold_next(mattermost)
        clicking = asyncio.create_task(chat.click(post, "Take", "alice"))
        await asyncio.to_thread(held.wait_until_held)
        await chat.told(UP, posts=2)
        held.release()
        await clicking
        end = now(mattermost, post)
        assert end.text.startswith("web1 is OK\n_Taken by alice, ")
        assert names(end) == ["Why?"]


async def test_many_who_click_at_once_all_stand_in_the_post(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_bot_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        where = {"post_id": post.id, "channel_id": post.channel_id}
        contexts = [chat.context(post, name) for name in ALL[:4]]
        answers = await asyncio.gather(*(chat.call(context, **where) for context in contexts))
        assert not any("update" in said for said in answers)
        text = now(mattermost, post).text
        assert "Taken by mallory" in text
        assert text.count("Silenced by mallory") == len(await chat.silences())


async def test_a_post_that_cannot_be_changed_is_no_reason_not_to_do_it(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_bot_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        mattermost.script.always(lambda request: Answer(503) if request.method == "PUT" else None)
        taken = await chat.click(post, "Take")
        assert taken.ephemeral_text.endswith("The post itself could not be changed.")
        mattermost.script.clear()
        await chat.told(UP, posts=2)
        assert "_Taken by alice, " in now(mattermost, post).text


async def test_a_button_copied_into_another_post_does_nothing(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_bot_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)  # and nobody clicked there yet
        said = await chat.call(chat.context(post, "Take"), post_id="another", channel_id=post.channel_id)
        assert said["ephemeral_text"] == "This button belongs to another post. Nothing was done."


async def test_the_buttons_of_a_long_key_fit_into_an_old_servers_post_and_work(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    mattermost.settings = Settings(version=(5, 37))
    host = "web" * 600
    async with a_bot_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN | {"host": host})
        assert names(post) == ALL
        assert all(len(chat.context(post, name)["token"]) < 300 for name in ALL)
        await chat.click(post, "Take", "alice")
        assert "_Taken by alice, " in now(mattermost, post).text
        await chat.click(now(mattermost, post), "Silence 1h", "bob")
        (silence,) = await chat.silences()
        assert silence["matchers"]["key"].startswith("web" * 100)
        assert "Its incident fires since" in (await chat.click(now(mattermost, post), "Why?")).ephemeral_text


async def test_in_a_channel_that_is_archived_by_now_the_wish_is_granted_and_the_post_stays(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_bot_chat(tmp_path, mattermost, fallback_channel="town-square") as chat:
        post = await chat.told(DOWN)
        mattermost.town.change_channel("monitoring", archived=True)
        taken = await chat.click(post, "Take")
        assert taken.ephemeral_text.endswith("The post itself could not be changed.")
        await chat.told(UP, posts=2)
        end = mattermost.posts[-1]
        assert (end.channel, "web1 is OK" in end.text, "_Taken by alice, " in end.text) == ("town-square", True, True)


async def test_what_everybody_can_read_in_a_post_presses_no_button(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_bot_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        card = post.props["ams_bridge"]["card"]
        said = await chat.call({"token": card}, post_id=post.id, channel_id=post.channel_id)
        assert said["ephemeral_text"].startswith("This button does not come from here")


async def test_where_edits_are_off_each_post_of_the_incident_says_what_was_done_before(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_bot_chat(tmp_path, mattermost, edit=False) as chat:
        post = await chat.told(DOWN)
        await chat.click(post, "Take", "alice")
        end = await chat.told(UP, posts=2)
        assert end.id != post.id
        assert end.text.startswith("web1 is OK\n_Taken by alice, ")
        assert names(end) == ["Why?"]


async def test_the_next_incident_begins_with_nobody(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_bot_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        await chat.click(post, "Take")
        await chat.told(UP, posts=2)
        again = await chat.told(DOWN, posts=3)
        assert again.id != post.id
        assert names(again) == ALL
        assert "Taken" not in again.text


async def test_a_preview_shows_buttons_and_no_proof(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_bot_chat(tmp_path, mattermost) as chat:
        preview = (await chat.stage.http.post("/api/preview", json={"destination": "chat", "text": "hi"})).text
        assert "Why?" in preview
        assert '"token":"***"' in preview.replace(" ", "")
        assert '"card":"***"' in preview.replace(" ", "")


async def test_without_buttons_a_post_carries_no_card(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_bot_chat(tmp_path, mattermost, buttons=False) as chat:
        post = await chat.told(DOWN)
        assert "card" not in post.props["ams_bridge"]
        assert names(post) == []


def hold_next(mattermost: FakeMattermost) -> Hang:
    """The next request hangs before the server accepts it."""
    held = Hang()
    mattermost.script.next(held)
    return held


async def test_whoever_comes_last_of_clicks_and_news_the_post_shows_all_of_them(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_bot_chat(tmp_path, mattermost, concurrency=16, timeout="30s") as chat:
        hosts = [f"web{n}" for n in range(4)]
        await chat.told(*(DOWN | {"host": host} for host in hosts), posts=4)
        posts = list(mattermost.posts)
        takes = [
            chat.call(chat.context(post, "Take"), post_id=post.id, channel_id=post.channel_id, user_name=f"{name}{n}")
            for n, post in enumerate(posts)
            for name in ("ann", "ben", "cid")
        ]
        ends = chat.stage.publish(*(UP | {"host": host} for host in reversed(hosts)))
        *answers, _ = await asyncio.gather(*takes, ends)
        await chat.stage.settled(8)
        for n, post in enumerate(posts):
            end = now(mattermost, post)
            mine = answers[3 * n : 3 * n + 3]
            done = sum("no more reminders" in said["ephemeral_text"] for said in mine)
            assert not any("could not be changed" in said["ephemeral_text"] for said in mine)
            assert end.text.startswith(f"web{n} is OK")
            assert end.text.count("Taken by") == done
            assert names(end) == ["Why?"]
