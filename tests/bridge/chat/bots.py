"""A daemon whose bot posts into a stand-in Mattermost, for tests of what people can do below such posts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bridge.fakes.mattermost import FakeMattermost, Post
from tests.bridge.chat.conftest import Chat, a_chat


@asynccontextmanager
async def a_bot_chat(folder: Path, mattermost: FakeMattermost, **said: Any) -> AsyncIterator[Chat]:
    """As ``a_chat``, with a bot in place of the webhook."""
    bot = {
        "type": "mattermost_bot",
        "url": mattermost.base_url,
        "token": mattermost.bot_token,
        "channel": "monitoring",
    }
    async with a_chat(folder, mattermost, **(bot | said)) as chat:
        yield chat


def names(post: Post) -> list[str]:
    """What stands on the buttons of a post."""
    return [action["name"] for each in post.attachments for action in each.get("actions", ())]


def now(mattermost: FakeMattermost, post: Post) -> Post:
    """The post as it stands now."""
    found = mattermost.world.board.find(post.id)
    assert found is not None
    return found
