"""The stand-in Mattermost server: one object to run, to make trouble with, and to read posts from."""

from __future__ import annotations

import asyncio
import random
from functools import partial
from typing import Any

from aiohttp import web

from bridge.fakes.exchange import Attempt
from bridge.fakes.front import Front
from bridge.fakes.mattermost import people
from bridge.fakes.mattermost.board import Board
from bridge.fakes.mattermost.clicks import Click, click
from bridge.fakes.mattermost.model import Post
from bridge.fakes.mattermost.service import Service
from bridge.fakes.mattermost.settings import Settings
from bridge.fakes.mattermost.sockets import converse
from bridge.fakes.mattermost.telling import tell_of_post, tell_of_reaction
from bridge.fakes.mattermost.town import Ids, Town
from bridge.fakes.mattermost.world import PendingPosts, World
from broker.clock import Clock, SystemClock

_PACKED_FROM_BYTES = 1_400


class FakeMattermost:
    """A Mattermost server with one team, as its incoming webhooks and its bots see it.

    It begins with the people ``hook-owner``, ``alice`` and ``bob``, the bot ``ams-bridge``, the channels
    ``town-square`` and ``monitoring``, and one webhook into ``monitoring``. ``town`` holds these and changes them;
    ``settings`` may be replaced at any time; ``script`` makes trouble. Time is asked of ``clock``, ids of ``rng``.
    """

    def __init__(
        self, settings: Settings | None = None, *, clock: Clock | None = None, rng: random.Random | None = None
    ) -> None:
        ids = Ids(rng or random.Random(0))  # noqa: S311 - ids that repeat from run to run are wanted
        clock = clock or SystemClock()
        settings = settings or Settings()
        self.world = World(settings, clock, ids, Town(ids), Board(settings.keep_last), PendingPosts(clock))
        self.world.board.told = partial(tell_of_post, self.world)
        self.world.board.told_reaction = partial(tell_of_reaction, self.world)
        self.town = self.world.town
        self.base_url = ""
        for name in ("hook-owner", "alice", "bob"):
            self.town.add_user(name)
        bot = self.town.add_user("ams-bridge", is_bot=True)
        for name in ("town-square", "monitoring"):
            self.town.add_channel(name)
        self.hook = self.town.add_hook("monitoring")
        self.bot_token = self.town.add_token(bot.username)
        serve = Service(self.world).respond
        self._front = Front(serve, clock, keep_last=settings.keep_last, packs_from_bytes=_PACKED_FROM_BYTES)
        self.script = self._front.script

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, as ASGI asks for it."""
        await self._front(scope, receive, send)

    async def converse(self, request: web.BaseRequest) -> web.StreamResponse:
        """Speak with one client over its websocket."""
        return await converse(self.world, request)

    def let_go(self) -> None:
        """Release every request that is held."""
        self.script.let_go()

    @property
    def settings(self) -> Settings:
        """The switches and limits in force."""
        return self.world.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self.world.settings = settings

    @property
    def hook_url(self) -> str:
        """The address of the first webhook."""
        return f"{self.base_url}/hooks/{self.hook.id}"

    @property
    def attempts(self) -> list[Attempt]:
        """Every request, whatever became of it, in order of arrival."""
        return self._front.attempts.all()

    @property
    def posts(self) -> list[Post]:
        """The posts that stand in the channels, in the order in which they were made."""
        return [post for post in self.world.board.all() if not post.delete_at_ms]

    @property
    def pings(self) -> frozenset[str]:
        """Everybody that any post would have notified: @channel, @here, @all, @name."""
        return frozenset().union(*(post.pings for post in self.world.board.all()))

    def wait_for_posts(self, count: int, timeout_s: float = 10.0) -> list[Post]:
        """Return the posts once ``count`` have been made. Raises TimeoutError."""
        return self.world.board.wait_for(count, timeout_s)

    async def await_posts(self, count: int, timeout_s: float = 10.0) -> list[Post]:
        """Return the posts once ``count`` have been made: ``wait_for_posts`` for a test that is a coroutine."""
        return await asyncio.to_thread(self.wait_for_posts, count, timeout_s)

    def wait_for_attempts(self, count: int, timeout_s: float = 10.0) -> list[Attempt]:
        """Return once ``count`` requests have ended, however they did. Raises TimeoutError."""
        return self._front.attempts.wait_for(count, timeout_s)

    def break_posting(self, after_parts: int = 0) -> None:
        """Let the next webhook post fail with 500 once ``after_parts`` of its posts are made."""
        self.world.broken_after.append(after_parts)

    def click(self, post_id: str, action: str, username: str = "alice", selected_option: str | None = None) -> Click:
        """Click a button, or choose from a menu, of a post. Blocks until the integration answered."""
        return click(self.world, post_id, action, username, selected_option)

    def react(self, post_id: str, emoji: str, username: str = "alice") -> None:
        """Put an emoji (its name, without colons) on a post as ``username``. Raises KeyError."""
        people.react(self.world, post_id, emoji, username)

    def unreact(self, post_id: str, emoji: str, username: str = "alice") -> None:
        """Take an emoji away again. Raises KeyError."""
        people.unreact(self.world, post_id, emoji, username)

    def reply(self, post_id: str, text: str, username: str = "alice") -> Post:
        """Write in a post's thread as ``username``. Raises KeyError."""
        return people.reply(self.world, post_id, text, username)

    def say(self, channel: str, text: str, username: str = "alice") -> Post:
        """Write in a channel as ``username``. Raises KeyError."""
        return people.say(self.world, channel, text, username)

    def cut_websockets(self) -> int:
        """Cut every websocket off without a word, and say how many there were. ``hub`` knows more trouble."""
        return self.world.hub.cut()

    async def await_websockets(self, count: int, timeout_s: float = 10.0) -> None:
        """Return once so many websockets have been opened since the start. Raises TimeoutError."""
        await asyncio.to_thread(self.world.hub.wait_opened, count, timeout_s)

    def clear(self) -> None:
        """Forget posts and attempts; people, channels, settings and the script stay."""
        self.world.board.clear()
        self._front.attempts.clear()
