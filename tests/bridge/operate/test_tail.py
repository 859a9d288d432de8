"""Messages and their decisions as they come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.operate.live_tail import follow_messages
from bridge.operate.operator_errors import LimitReached
from broker.engines.memory.trouble import Trouble
from broker.errors import StoreUnavailable
from tests.bridge.operate.test_use_cases import context_of
from tests.fakes.control import a_daemon, meanwhile, trouble_in
from tests.line.stage import Stage


class Stream:
    """An open stream of events."""

    def __init__(self, stage: Stage, lines: AsyncIterator[str]) -> None:
        self._stage = stage
        self._lines = lines

    async def begun(self) -> None:
        """Return once the daemon follows."""
        assert await meanwhile(self._stage, self._next()) == ": following"

    async def seen(self) -> dict[str, Any]:
        """The next message."""
        while not (line := await meanwhile(self._stage, self._next())).startswith("data:"):
            pass
        found: dict[str, Any] = json.loads(line.removeprefix("data:"))
        return found

    async def end(self) -> bool:
        """Whether nothing comes any more."""
        async for line in self._lines:
            if line.startswith("data:"):
                return False
        return True

    async def _next(self) -> str:
        return await anext(self._lines)


@asynccontextmanager
async def a_stream(stage: Stage, **query: str) -> AsyncIterator[Stream]:
    """A stream that has begun."""
    async with stage.http.stream("GET", "/api/tail", params=query) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = Stream(stage, response.aiter_lines())
        await stream.begun()
        yield stream


async def test_each_message_comes_with_what_was_decided_about_it(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage, a_stream(stage) as stream:
        await stage.publish({"note": "hi"})
        seen = await stream.seen()
        assert (seen["topic"], seen["offset"], seen["fate"]) == ("projects/P/topics/T", 0, "matched")
        assert json.loads(seen["data"]) == {"note": "hi"}
        (decision,) = seen["decisions"]
        assert (decision["rule"], decision["destination"], decision["outcome"]) == ("notes", "board", "sent")


async def test_a_message_nobody_wanted_and_a_topic_nobody_hears_are_named_so(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage, a_stream(stage) as stream:
        await stage.publish("nothing to anybody")
        assert (await stream.seen())["fate"] == "unmatched"
        await stage.publish("x", topic="OTHER")
        assert (await stream.seen())["fate"] == "unrouted"


async def test_what_came_before_the_stream_is_not_shown(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await stage.publish({"note": "before"})
        await stage.settled(1)
        async with a_stream(stage) as stream:
            await stage.publish({"note": "after"})
            assert (await stream.seen())["offset"] == 1


async def test_only_matched_messages_and_only_one_topic_are_shown_on_request(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage, a_stream(stage, topic="P/T", matched="1") as stream:
        await stage.publish("x", topic="OTHER")
        await stage.publish("x", {"note": "hi"})
        assert (await stream.seen())["offset"] == 1


async def test_a_topic_made_meanwhile_is_followed_from_its_first_message(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage, a_stream(stage) as stream:
        await stage.http.put("/v1/projects/P/topics/NEW", json={})
        await stage.publish("first", topic="NEW")
        seen = await stream.seen()
        assert (seen["topic"], seen["offset"]) == ("projects/P/topics/NEW", 0)


async def test_a_long_text_is_cut(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage, a_stream(stage) as stream:
        await stage.publish({"text": "x" * 50_000})
        seen = await stream.seen()
        assert (len(seen["data"]), seen["cut"]) == (8000, True)


async def test_streams_end_when_the_daemon_stops(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage, a_stream(stage) as stream:
        stage.daemon.stopping.set()
        assert await stream.end()


async def test_a_client_that_goes_leaves_no_follower_behind(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        async with a_stream(stage):
            assert followers()
        while followers():
            await stage.clock.advance(0)


async def test_streams_beyond_the_bound_are_refused(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await follow_many(stage, 32)


async def follow_many(stage: Stage, left: int) -> None:
    """Open ``left`` streams inside one another; the one beyond is refused."""
    if not left:
        assert (await stage.http.get("/api/tail")).status_code == 429
        return
    async with a_stream(stage):
        await follow_many(stage, left - 1)


def followers() -> list[str]:
    """What follows topics now."""
    return [one.get_name() for one in asyncio.all_tasks() if one.get_name().startswith("tail:")]


async def test_no_more_streams_than_the_limit_are_open_however_many_ask_at_once(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        context = context_of(stage)
        asked = [asyncio.ensure_future(follow_messages(context)) for _ in range(40)]
        while not all(one.done() for one in asked):
            await stage.clock.advance(0)
        refused = [one for one in asked if one.exception() is not None]
        assert (len(context.streams), len(refused)) == (32, 8)
        assert all(isinstance(one.exception(), LimitReached) for one in refused)
        for one in asked:
            if one.exception() is None:
                await one.result().end()
        assert context.streams == set()


async def test_a_stream_that_cannot_begin_is_none(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        context = context_of(stage)
        trouble_in(stage).add(Trouble("log.bounds", "unavailable"))
        with pytest.raises(StoreUnavailable):
            await meanwhile(stage, follow_messages(context))
        assert context.streams == set()
