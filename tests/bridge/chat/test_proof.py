"""What a button carries is the only proof there is: what is forged, old, or from elsewhere does nothing."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.destinations.buttons import may_have_card
from bridge.destinations.signed_context import Pressed, SignedContext
from bridge.fakes.mattermost import FakeMattermost
from broker.clock import us
from broker.engines.memory.trouble import Trouble
from tests.bridge.chat.conftest import DOWN, Chat, a_chat, free_port
from tests.bridge.destinations.parcels import a_parcel
from tests.fakes.control import trouble_in

Change = Callable[[str], Any]


def changed(token: str, change: Callable[[list[Any]], None]) -> str:
    """The token with its body changed, and its signature as it was."""
    body, _, signature = token.partition(".")
    said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    change(said)
    return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode() + "." + signature


def another_key(token: str) -> str:
    """The same button, signed by somebody else."""
    body = base64.urlsafe_b64decode(token.partition(".")[0] + "==")
    return SignedContext(b"\1" * 32).sign(msgspec.json.decode(body, type=Pressed))


async def nothing_was_done(chat: Chat) -> None:
    """No silence was added and no post changed."""
    assert await chat.silences() == []
    assert [post.edit_at_ms for post in chat.mattermost.posts] == [0]


FORGED: list[Any] = [
    pytest.param(lambda token: "", id="empty"),
    pytest.param(lambda token: "abc", id="no signature"),
    pytest.param(lambda token: ".", id="a dot"),
    pytest.param(lambda token: "é.ü", id="not ASCII"),
    pytest.param(lambda token: token.partition(".")[0] + ".", id="signature cut off"),
    pytest.param(lambda token: token[:-8], id="signature cut short"),
    pytest.param(another_key, id="another key"),
    pytest.param(lambda token: changed(token, lambda said: said.__setitem__(0, "silence1d")), id="another action"),
    pytest.param(lambda token: changed(token, lambda said: said.__setitem__(3, "notes")), id="another rule"),
    pytest.param(lambda token: changed(token, lambda said: said.__setitem__(4, "web2")), id="another key of the rule"),
    pytest.param(lambda token: changed(token, lambda said: said.__setitem__(6, 2**62)), id="a later end"),
    pytest.param(lambda token: ["a", "list"], id="a list"),
    pytest.param(lambda token: None, id="null"),
    pytest.param(lambda token: 17, id="a number"),
]


@pytest.mark.parametrize("change", FORGED)
async def test_what_we_did_not_sign_is_refused_politely(
    tmp_path: Path, mattermost: FakeMattermost, change: Change
) -> None:
    async with a_chat(tmp_path, mattermost, store="memory") as chat:
        post = await chat.told(DOWN)
        token = chat.context(post, "Silence 1h")["token"]
        said = await chat.call({"token": change(token)}, post_id=post.id, channel_id=post.channel_id)
        assert "Nothing was done" in said["ephemeral_text"]
        assert set(said) == {"ephemeral_text", "skip_slack_parsing"}
        await nothing_was_done(chat)
        assert await chat.clicks("", "forged") == 1


async def test_a_call_without_context_is_refused_politely(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_chat(tmp_path, mattermost, store="memory") as chat:
        assert "Nothing was done" in (await chat.call({}))["ephemeral_text"]


async def test_a_button_past_its_end_is_refused_politely(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_chat(tmp_path, mattermost, store="memory") as chat:
        post = await chat.told(DOWN)
        signed_context, now_us = chat.stage.daemon.buttons.signed_context, chat.stage.clock.wall_us()
        pressed = signed_context.open(chat.context(post, "Silence 1h")["token"], now_us)
        assert isinstance(pressed, Pressed)
        assert pressed.expires_us == now_us + us(7 * 86_400)
        token = signed_context.sign(msgspec.structs.replace(pressed, expires_us=now_us + us(5)))
        where = {"post_id": post.id, "channel_id": post.channel_id}
        await chat.stage.clock.advance(5)
        late = await chat.call({"token": token}, **where)
        assert late["ephemeral_text"].startswith("This button is too old.")
        await nothing_was_done(chat)
        assert await chat.clicks("", "expired") == 1


async def test_a_post_drawn_anew_does_not_make_its_buttons_younger(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_chat(tmp_path, mattermost, store="memory") as chat:
        signed_context, born_us = chat.stage.daemon.buttons.signed_context, chat.stage.clock.wall_us()
        post = await chat.told(DOWN)
        await chat.stage.clock.advance(60)
        anew = (await chat.click(post, "Take")).post
        assert anew is not None
        kept = signed_context.open(chat.context(anew, "Why?")["token"], born_us)
        assert kept == signed_context.open(chat.context(post, "Why?")["token"], born_us)


@pytest.mark.parametrize("elsewhere", [{"post_id": "another"}, {"channel_id": "another"}, {"post_id": ""}])
async def test_a_button_that_was_pressed_works_in_its_own_post_only_also_after_a_restart(
    tmp_path: Path, mattermost: FakeMattermost, elsewhere: dict[str, str]
) -> None:
    port = free_port()
    async with a_chat(tmp_path, mattermost, port=port) as chat:
        post = await chat.told(DOWN)
        assert (await chat.click(post, "Why?")).error == ""
        token = chat.context(post, "Silence 1h")
    async with a_chat(tmp_path, mattermost, port=port) as chat:
        said = await chat.call(token, **({"post_id": post.id, "channel_id": post.channel_id} | elsewhere))
        assert said["ephemeral_text"] == "This button belongs to another post. Nothing was done."
        await nothing_was_done(chat)
        assert await chat.clicks("silence1h", "elsewhere") == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x" * 70_000, 413),
        (b'{"context": "' + b"x" * 70_000 + b'"}', 413),
        (b"", 400),
        (b"not JSON", 400),
        (b"[1, 2]", 400),
        (b'{"context": 5}', 400),
        (b'{"post_id": {}}', 400),
        (b'{"user_name": "\\ud800"}', 400),
        (b"\xff\xfe", 400),
        (b"[" * 20_000, 400),
    ],
    ids=lambda value: str(value)[:24],
)
async def test_what_no_chat_server_sends_is_refused_plainly(
    tmp_path: Path, mattermost: FakeMattermost, body: bytes, status: int
) -> None:
    async with a_chat(tmp_path, mattermost, store="memory") as chat:
        answer = await chat.stage.http.post("/actions/mattermost", content=body)
        assert answer.status_code == status
        assert answer.json()["error"]["code"] == status
        assert await chat.clicks("", "malformed") == 1


async def test_a_click_is_a_post(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_chat(tmp_path, mattermost, store="memory") as chat:
        assert (await chat.stage.http.get("/actions/mattermost")).status_code == 405


async def test_a_store_that_does_not_answer_is_told_politely(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_chat(tmp_path, mattermost, store="memory") as chat:
        post = await chat.told(DOWN)
        trouble_in(chat.stage).add(Trouble("state.read", "unavailable"))
        failed = await chat.click(post, "Take")
        trouble_in(chat.stage).heal()
        assert (failed.status, failed.error) == (200, "")
        assert failed.ephemeral_text.startswith("The bridge cannot reach its store.")
        assert await chat.clicks("take", "failed") == 1
        assert (await chat.click(post, "Take")).ephemeral_text == "It is yours: no more reminders."


async def test_many_who_click_at_once_all_stand_in_the_post(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_chat(tmp_path, mattermost) as chat:
        post = await chat.told(DOWN)
        names = ["Take", "Silence 1h", "Silence 4h", "Silence 1d"]
        where = {"post_id": post.id, "channel_id": post.channel_id}
        answers = await asyncio.gather(*(chat.call(chat.context(post, name), **where) for name in names))
        longest = max((said["update"]["message"] for said in answers if "update" in said), key=len)
        assert "Taken by mallory" in longest
        assert len(longest.splitlines()) == 1 + sum("update" in said for said in answers)


def test_a_key_too_long_to_carry_leaves_the_post_without_buttons() -> None:
    """Rules shorten keys to much less; a delivery may be older than that."""
    assert not may_have_card(a_parcel(key="k" * 2_001))
    assert may_have_card(a_parcel(key="k" * 2_000))


async def test_a_key_that_rules_shortened_is_silenced_as_such(tmp_path: Path, mattermost: FakeMattermost) -> None:
    long = DOWN | {"host": "h" * 3_000}
    async with a_chat(tmp_path, mattermost, store="memory") as chat:
        post = await chat.told(long)
        assert (await chat.click(post, "Silence 1h")).ephemeral_text.startswith("Silent until ")
        await chat.stage.publish(long, DOWN)
        found = await chat.stage.settled(2)
        assert [one.new.key for one in found][1:] == ["web1"]


async def test_the_longest_key_still_fits_a_call(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_chat(tmp_path, mattermost, store="memory") as chat:
        post = await chat.told(DOWN | {"host": "😀" * 2_000})
        taken = await chat.click(post, "Take")
        assert taken.ephemeral_text == "It is yours: no more reminders."
