"""A daemon that a stand-in Mattermost can call back, with one alert that has buttons."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bridge.fakes.mattermost import Click, FakeMattermost, Post
from tests.fakes.control import routed
from tests.line.stage import Stage, a_stage

RULES = """
topic: projects/P/topics/T
rules:
  - name: hosts
    match: {$.host: {exists: true}}
    key: "{{ data.host }}"
    resolved: {$.status: OK}
    repeat: 1h
    text: "{{ data.host }} is {{ data.status }}"
    fields: {vo: ops}
    send: chat
  - {name: notes, match: {$.note: {exists: true}}, text: "note {{ data.note }}", send: {to: chat, card: "more"}}
"""
DOWN = {"host": "web1", "status": "CRITICAL"}
UP = {"host": "web1", "status": "OK"}


class Chat:
    """A running daemon and the Mattermost it posts to."""

    def __init__(self, stage: Stage, mattermost: FakeMattermost) -> None:
        self.stage = stage
        self.mattermost = mattermost

    async def told(self, *payloads: Any, posts: int = 1) -> Post:
        """Publish, and give the last post once there are so many."""
        await self.stage.publish(*payloads)
        await self.stage.settled(posts)
        return self.mattermost.posts[-1]

    async def click(self, post: Post, action: str, username: str = "alice") -> Click:
        """Press a button of a post, by name, over HTTP."""
        return await asyncio.to_thread(self.mattermost.click, post.id, action, username)

    async def silences(self) -> list[dict[str, Any]]:
        """What the API says of silences."""
        answer = await self.stage.http.get("/api/silences")
        found: list[dict[str, Any]] = answer.json()["silences"]
        return found

    def context(self, post: Post, name: str) -> dict[str, Any]:
        """What the server keeps of a button, which no client sees."""
        actions = [action for each in post.attachments for action in each.get("actions", ())]
        context: dict[str, Any] = next(one for one in actions if one["name"] == name)["integration"]["context"]
        return context

    async def call(self, context: Any, **said: Any) -> dict[str, Any]:
        """What is answered to a click that does not come of a button we drew; always a 200."""
        body = {"user_id": "u", "user_name": "mallory", "channel_id": "c", "post_id": "p", "context": context} | said
        answer = await self.stage.http.post("/actions/mattermost", json=body)
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    async def clicks(self, action: str, outcome: str) -> float:
        """How many clicks the metrics page counts."""
        page = (await self.stage.http.get("/metrics")).text
        wanted = f'ams_bridge_button_clicks_total{{action="{action}",outcome="{outcome}"}} '
        return sum(float(line.removeprefix(wanted)) for line in page.splitlines() if line.startswith(wanted))


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def a_chat(
    folder: Path,
    mattermost: FakeMattermost,
    *,
    rules: str = RULES,
    port: int | None = None,
    store: str = "sqlite:state/bridge.db",
    **said: Any,
) -> AsyncIterator[Chat]:
    """A daemon whose posts have buttons that lead back to it."""
    settings = {"type": "mattermost", "url": mattermost.hook_url, "rate": None, "timeout": "5s", "buttons": True} | said
    port = port or free_port()
    url = f"http://127.0.0.1:{port}/"
    chat = f"  chat: {json.dumps(settings)}"
    async with a_stage(folder, rules, chat, store=store, port=port, public_url=url) as stage:
        await routed(stage)
        yield Chat(stage, mattermost)
