"""A click in chat goes to the daemon and shows in the post: the whole way, over HTTP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bridge.fakes.mattermost import FakeMattermost
from tests.bridge.chat.conftest import DOWN, UP, a_chat, free_port
from tests.line.stage import a_stage


def names(actions: object) -> list[str]:
    """What stands on the buttons of an attachment."""
    assert isinstance(actions, list)
    return [action["name"] for action in actions]


async def test_an_incident_can_be_taken_silenced_and_asked_about(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        (attachment,) = post.attachments
        assert names(attachment["actions"]) == ["Take", "Silence 1h", "Silence 4h", "Silence 1d", "Why?"]
        assert all(action["id"].isalnum() for action in attachment["actions"])


async def test_take_names_who_took_it_and_keeps_the_rest_of_the_post(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        taken = await chat.click(post, "Take", "alice")
        assert (taken.status, taken.ephemeral_text) == (200, "It is yours: no more reminders.")
        assert taken.post is not None
        assert taken.post.text.startswith("web1 is CRITICAL\n_Taken by alice, ")
        (attachment,) = taken.post.attachments
        assert attachment["fields"] == post.attachments[0]["fields"]
        assert names(attachment["actions"]) == ["Take over", "Silence 1h", "Silence 4h", "Silence 1d", "Why?"]
        assert await chat.clicks("take", "done") == 1
        over = await chat.click(taken.post, "Take over", "bob")
        assert over.post is not None
        assert "_Taken by bob from alice, " in over.post.text


async def test_an_incident_that_was_taken_is_reminded_of_no_more_and_still_ends(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        await chat.stage.settled(2, step_s=900)
        assert len(mattermost.posts) == 2
        assert "Reminder" in mattermost.posts[-1].text
        await chat.click(post, "Take")
        for _ in range(20):
            await chat.stage.clock.advance(1800)
        assert len(mattermost.posts) == 2
        assert "web1 is OK" in (await chat.told(UP, posts=3)).text
        await chat.stage.check_books()


async def test_a_second_person_may_take_over(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_chat(tmp_path, mattermost) as chat:
        first = await chat.told(DOWN)
        reminder = (await chat.stage.settled(2, step_s=900), mattermost.posts[-1])[1]
        await chat.click(first, "Take", "alice")
        again = await chat.click(reminder, "Take", "bob")
        assert again.post is not None
        assert "_Taken by bob from alice, " in again.post.text


async def test_what_is_over_cannot_be_taken(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        end = await chat.told(UP, posts=2)
        assert names(end.attachments[0]["actions"]) == ["Why?"]
        late = await chat.click(post, "Take")
        assert late.ephemeral_text == "This incident is over: there is nothing to take."
        assert late.post == post


async def test_silence_holds_for_rule_and_key_and_says_who_and_until_when(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        quiet = await chat.click(post, "Silence 4h", "bob")
        assert quiet.post is not None
        assert "_Silenced by bob until " in quiet.post.text
        (silence,) = await chat.silences()
        assert (silence["matchers"], silence["who"]) == ({"rule": "hosts", "key": "web1"}, "bob")
        await chat.stage.publish(DOWN, DOWN | {"host": "web2"})
        found = await chat.stage.settled(2)
        assert [one.new.key for one in found] == ["web1", "web2"]


async def test_clicking_again_adds_no_second_silence_and_a_longer_one_does(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        await chat.click(post, "Silence 1h", "alice")
        again = await chat.click(post, "Silence 1h", "bob")
        assert again.ephemeral_text.startswith("It is silent already, until ")
        assert again.ephemeral_text.endswith(", by alice.")
        assert len(await chat.silences()) == 1
        longer = await chat.click(post, "Silence 1d", "bob")
        assert longer.post is not None
        assert longer.post.text.count("Silenced by") == 2
        assert len(await chat.silences()) == 2


async def test_without_a_key_a_silence_covers_the_rule_and_the_button_says_so(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_chat(tmp_path, mattermost) as chat:
        post = await chat.told({"note": "hi"})
        assert names(post.attachments[0]["actions"])[0] == "Silence rule 1h"
        quiet = await chat.click(post, "Silence rule 1h")
        assert quiet.post is not None
        assert quiet.post.text.endswith(": everything rule notes says_")
        assert quiet.post.props["card"] == "more"
        assert [one["matchers"] for one in await chat.silences()] == [{"rule": "notes"}]


async def test_why_is_told_to_the_one_who_asks_and_changes_nothing(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        asked = await chat.click(post, "Why?")
        assert asked.post == post
        for said in (
            "Rule `hosts`, key `web1`",
            "Its incident fires since ",
            "because of message `projects/P/topics/T:0`",
            "decided for `chat`: sent",
            "computed anew",
            'saw `"web1"`',
            "over when:",
            "`rules.yaml:",
        ):
            assert said in asked.ephemeral_text
        assert str(tmp_path) not in asked.ephemeral_text


async def test_why_knows_a_reminder_that_no_message_caused(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_chat(tmp_path, mattermost) as chat:
        await chat.told(DOWN)
        await chat.stage.settled(2, step_s=900)
        asked = await chat.click(mattermost.posts[-1], "Why?")
        assert "Told as *reminder*" in asked.ephemeral_text
        assert "when a timer was due" in asked.ephemeral_text


async def test_buttons_work_after_a_restart(tmp_path: Path, mattermost: FakeMattermost) -> None:
    port = free_port()
    async with a_chat(tmp_path, mattermost, port=port) as chat:
        post = await chat.told(DOWN)
        taken = await chat.click(post, "Take", "alice")
    async with a_chat(tmp_path, mattermost, port=port) as chat:
        assert taken.post is not None
        quiet = await chat.click(taken.post, "Silence 1h", "bob")
        assert quiet.post is not None
        assert "_Taken by alice, " in quiet.post.text
        assert "_Silenced by bob until " in quiet.post.text
        assert "Take" not in names(quiet.post.attachments[0]["actions"])


async def test_a_name_from_chat_cannot_draw_or_ping(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        said = await chat.call(
            chat.context(post, "Take"),
            post_id=post.id,
            channel_id=post.channel_id,
            user_name="@all [x](http://evil.example) _o_",
        )
        shown = replace(post, text=said["update"]["message"])
        assert shown.pings == frozenset()
        assert "[x](" not in shown.text


async def test_without_a_public_address_posts_have_no_buttons(tmp_path: Path, mattermost: FakeMattermost) -> None:
    chat = f"  chat: {{type: mattermost, url: '{mattermost.hook_url}', rate: null, buttons: true}}"
    rules = "topic: projects/P/topics/T\nrules: [{name: r, match: {}, key: k, text: hi, send: chat}]"
    async with a_stage(tmp_path, rules, chat, store="memory") as stage:
        await stage.publish({"n": 1})
        await stage.settled(1)
    assert [post.attachments for post in mattermost.posts] == [()]


async def test_a_preview_shows_buttons_and_not_what_proves_them(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_chat(tmp_path, mattermost) as chat:
        await chat.told(DOWN)
        said = {"destination": "chat", "text": "hi"}
        preview = (await chat.stage.http.post("/api/preview", json=said)).text
        assert "Why?" in preview
        assert '"token":"***"' in preview.replace(" ", "")


async def test_where_the_chat_server_may_not_call_us_the_click_fails_in_chat(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    mattermost.settings = replace(mattermost.settings, allowed_internal_connections=())
    async with a_chat(tmp_path, mattermost) as chat:
        refused = await chat.click(await chat.told(DOWN), "Take")
        assert "AllowedUntrustedInternalConnections" in refused.error
