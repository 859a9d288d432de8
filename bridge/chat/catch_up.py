"""What a listening bot asks the server: who somebody is, what a post says, and what happened while nobody listened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

import msgspec
import structlog

from bridge.chat.events import ChatPost
from bridge.chat.websocket import Lost
from bridge.destinations.base import Later
from bridge.destinations.mattermost.rest import MOST_PAGES, PAGE, Rest, decode_answer, page_path

_MOST_CHANGED: Final = 1_000  # of changed posts the server gives so many, and no word that there are more
_MOST_KNOWN: Final = 1_000
T = TypeVar("T")

log = structlog.get_logger("listening")


class Account(msgspec.Struct, frozen=True):
    """A user of the chat server."""

    id: str
    username: str
    is_bot: bool = False
    delete_at: int = 0


class Posts(msgspec.Struct, frozen=True):
    """Posts of a channel or a thread, by id."""

    posts: dict[str, ChatPost]


class Reader:
    """Reads posts and accounts of the chat server as the bot.

    What it learned of people is kept as long as the connection for which it was made.
    """

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._accounts: dict[str, Account] = {}

    async def fetch_account(self) -> Account:
        """The account of the bot itself. Raises Lost, also when the token is not accepted."""
        answer = await self._rest.call("GET", "/users/me")
        if isinstance(answer, Later):
            raise Lost(answer.reason)
        me = decode_answer(answer, Account)
        if me is None:
            raise Lost(self._rest.classify_failure(answer).reason)
        return me

    async def account(self, user_id: str) -> Account | None:
        """A user of the chat server, or None when nobody knows. Raises Lost."""
        known = self._accounts.get(user_id)
        if known is None:
            known = await self._ask(f"/users/{user_id}", Account)
            if known is not None:
                if len(self._accounts) >= _MOST_KNOWN:
                    self._accounts.clear()
                self._accounts[user_id] = known
        return known

    async def post(self, post_id: str) -> ChatPost | None:
        """A post, or None when it is gone or not to be seen. Raises Lost."""
        return await self._ask(f"/posts/{post_id}", ChatPost)

    async def fetch_thread(self, post_id: str) -> Iterable[ChatPost]:
        """The posts of a thread. Raises Lost."""
        page = await self._ask(f"/posts/{post_id}/thread", Posts)
        return page.posts.values() if page is not None else ()

    async def fetch_changed(self, channel_id: str, since_ms: int) -> dict[str, ChatPost]:
        """The posts of a channel that were written, edited or reacted to from then on, and what they reply to.

        Raises Lost. Empty when the bot may not read there any more.
        """
        page = await self._ask(f"/channels/{channel_id}/posts?since={since_ms - 1}", Posts)
        posts = dict(page.posts) if page is not None else {}
        if sum(post.update_at >= since_ms for post in posts.values()) < _MOST_CHANGED:
            return posts
        log.warning("so much happened that reactions to older posts may be missed", channel=channel_id)
        for number in range(MOST_PAGES):
            page = await self._ask(page_path(channel_id, number), Posts)
            by_id = page.posts if page is not None else {}
            posts |= by_id
            if len(by_id) < PAGE or min(post.create_at for post in by_id.values()) < since_ms:
                break
        return posts

    async def _ask(self, path: str, kind: type[T]) -> T | None:
        answer = await self._rest.call("GET", path)
        if isinstance(answer, Later):
            raise Lost(answer.reason)
        value = decode_answer(answer, kind)
        if value is None:
            failure = self._rest.classify_failure(answer)
            if isinstance(failure, Later) or failure.destination_gone:  # a token that is not accepted any more
                raise Lost(failure.reason)
        return value
