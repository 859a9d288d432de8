"""The stand-in's websocket, spoken with by a real client library."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from bridge.fakes.exchange import Request
from tests.fakes.mattermost import FakeMattermost, Listener, running


class Client:
    """One websocket, as a bot's library has it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def challenge(self, token: str) -> None:
        await self.say("authentication_challenge", token=token)

    async def say(self, action: str, seq: int = 1, **data: Any) -> None:
        await self.socket.send_json({"seq": seq, "action": action, "data": data})

    async def next(self) -> dict[str, Any]:
        said: dict[str, Any] = await self.socket.receive_json(timeout=5)
        return said

    async def event(self, name: str) -> dict[str, Any]:
        while (said := await self.next()).get("event") != name:
            pass
        return said


async def last_of(client: Client) -> aiohttp.WSMessage:
    """What ends the connection, after all that was said."""
    while (said := await client.socket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
        pass
    return said


@asynccontextmanager
async def connected(server: FakeMattermost, headers: dict[str, str] | None = None) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        url = f"{server.base_url}/api/v4/websocket".replace("http", "ws", 1)
        async with session.ws_connect(url, headers=headers) as socket:
            yield Client(socket)


@asynccontextmanager
async def listening(server: FakeMattermost) -> AsyncIterator[Client]:
    opened = server.world.hub.opened
    async with connected(server) as client:
        await client.challenge(server.bot_token)
        await server.await_websockets(opened + 1)
        yield client


async def test_a_right_token_is_greeted_and_then_acknowledged(mattermost: FakeMattermost) -> None:
    async with connected(mattermost) as client:
        await client.challenge(mattermost.bot_token)
        hello, answer = await client.next(), await client.next()
    assert (hello["event"], hello["seq"]) == ("hello", 0)
    assert hello["data"]["connection_id"]
    assert answer == {"status": "OK", "seq_reply": 1}


async def test_a_token_in_the_header_is_greeted_at_once(mattermost: FakeMattermost) -> None:
    async with connected(mattermost, {"Authorization": f"Bearer {mattermost.bot_token}"}) as client:
        assert (await client.next())["event"] == "hello"


async def test_a_wrong_token_is_hung_up_on(mattermost: FakeMattermost) -> None:
    async with connected(mattermost) as client:
        await client.challenge("wrong")
        assert (await client.socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE


async def test_who_has_not_said_who_it_is_is_told_nothing(mattermost: FakeMattermost) -> None:
    async with connected(mattermost) as client:
        await client.say("ping")
        refused = await client.next()
    assert (refused["status"], refused["error"]["status_code"]) == ("FAIL", 401)


async def test_a_ping_is_answered_with_the_servers_time(mattermost: FakeMattermost) -> None:
    async with listening(mattermost) as client:
        await client.say("ping", seq=2)
        while (said := await client.next()).get("seq_reply") != 2:
            pass
    assert said["data"]["text"] == "pong"
    assert said["data"]["server_time"] > 0


async def test_what_people_and_bots_do_is_told_in_order_under_numbers(mattermost: FakeMattermost) -> None:
    async with listening(mattermost) as client:
        post = mattermost.say("monitoring", "hello", "bob")
        mattermost.react(post.id, "eyes", "alice")
        mattermost.unreact(post.id, "eyes", "alice")
        mattermost.reply(post.id, "take", "alice")
        said = [await client.event(name) for name in ("posted", "reaction_added", "reaction_removed", "posted")]
    assert [one["seq"] for one in said] == [1, 2, 3, 4]
    written, reaction, reply = (
        json.loads(said[n]["data"][of]) for n, of in ((0, "post"), (1, "reaction"), (3, "post"))
    )
    assert (written["message"], said[0]["data"]["sender_name"]) == ("hello", "@bob")
    assert (reaction["emoji_name"], reaction["post_id"]) == ("eyes", post.id)
    assert (reply["message"], reply["root_id"]) == ("take", post.id)
    assert said[1]["broadcast"]["channel_id"] == post.channel_id


async def test_edits_and_deletions_are_told(mattermost: FakeMattermost) -> None:
    headers = {"Authorization": f"Bearer {mattermost.bot_token}"}
    channel = mattermost.town.find_channel("monitoring")
    assert channel is not None
    async with listening(mattermost) as client, aiohttp.ClientSession(headers=headers) as rest:
        api = f"{mattermost.base_url}/api/v4/posts"
        made = await (await rest.post(api, json={"channel_id": channel.id, "message": "a"})).json()
        await rest.put(f"{api}/{made['id']}/patch", json={"message": "b"})
        await rest.delete(f"{api}/{made['id']}")
        said = [await client.event(name) for name in ("posted", "post_edited", "post_deleted")]
    assert [json.loads(one["data"]["post"])["message"] for one in said] == ["a", "b", "b"]


async def test_a_channel_is_heard_by_its_members_only(mattermost: FakeMattermost) -> None:
    mattermost.town.add_channel("secret", private=True, members=["alice"])
    async with listening(mattermost) as client:
        mattermost.say("secret", "psst")
        mattermost.say("monitoring", "aloud")
        assert json.loads((await client.event("posted"))["data"]["post"])["message"] == "aloud"


async def test_events_that_are_lost_leave_a_gap_in_the_numbers(mattermost: FakeMattermost) -> None:
    async with listening(mattermost) as client:
        mattermost.world.hub.lose = 1
        mattermost.say("monitoring", "lost")
        mattermost.say("monitoring", "heard")
        assert (await client.event("posted"))["seq"] == 2


async def test_connections_can_be_cut_and_refused(mattermost: FakeMattermost) -> None:
    async with listening(mattermost) as client:
        assert mattermost.cut_websockets() == 1
        assert (await last_of(client)).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    mattermost.world.hub.refusing = True
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with connected(mattermost):
            pass


async def test_a_server_that_stops_closes_its_websockets_and_takes_new_ones_after_it_starts() -> None:
    server = FakeMattermost()
    listener = Listener(server)
    listener.start()
    async with listening(server) as client:
        await asyncio.to_thread(listener.stop)
        assert (await last_of(client)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    listener.start()
    async with listening(server):
        pass
    listener.stop()


def test_no_other_path_speaks_over_websockets() -> None:
    async def ask(url: str) -> int:
        async with aiohttp.ClientSession() as session:
            try:
                await session.ws_connect(url)
            except aiohttp.WSServerHandshakeError as error:
                return error.status
        return 101

    with running(FakeMattermost()) as server:
        assert asyncio.run(ask(f"{server.base_url}/hooks/x".replace("http", "ws", 1))) == 404


def test_a_reaction_counts_as_a_change_of_its_post(mattermost: FakeMattermost) -> None:
    post = mattermost.say("monitoring", "hello")
    before = mattermost.posts[0].update_at_ms
    mattermost.react(post.id, "eyes")
    assert mattermost.posts[0].update_at_ms >= before
    assert len(mattermost.world.board.history(post.id)) == 1
    assert post.request == Request(0, "POST", "/api/v4/posts", "", (), b"", "", 0)
