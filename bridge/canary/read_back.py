"""How a bot looks for canaries in a Mattermost channel, and takes them away again (destinations.md 2.5)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from bridge.destinations.base import Later
from bridge.destinations.config import WHOLE_TRY_MARGIN_S, DestinationConfig
from bridge.destinations.mattermost.attachment import channel_name
from bridge.destinations.mattermost.rest import MOST_PAGES, PAGE, decode_answer, page_path
from broker.clock import Clock, us

if TYPE_CHECKING:
    from bridge.destinations.mattermost.bot import MattermostBot

_CLOCKS_DIFFER_S: Final = 600.0
_US_PER_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class SeenPosts:
    """What stands in the channel: the ids of posts with the canary in question, and of posts with other ones."""

    posts: Sequence[str]
    others: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The bot cannot say what stands in the channel."""

    reason: str


Looked: TypeAlias = SeenPosts | Unreadable


class ChannelReader:
    """Looks into one channel as one bot. ``channel`` is a name or an id; "" is the bot's own channel."""

    def __init__(self, bot: MattermostBot, channel: str, clock: Clock) -> None:
        self._bot = bot
        self._clock = clock
        self._channel = channel_name(channel or bot.config.channel)

    async def look(self, canary: str, others: Collection[str], since_us: int) -> Looked:
        """Look for posts that hold the id of ``canary``, or of ``others``, made about ``since_us`` or later."""
        try:
            async with self._clock.timeout(self._bot.config.timeout + WHOLE_TRY_MARGIN_S):
                return await self._look(canary, others, since_us)
        except TimeoutError:
            return Unreadable(f"no answer within {self._bot.config.timeout:g} s")

    async def take_away(self, posts: Collection[str]) -> str:
        """Delete canary posts. Says why one could not be, or "" when all are gone."""
        why = ""
        for post in posts:
            answer = await self._bot.rest.call("DELETE", f"/posts/{post}")
            if isinstance(answer, Later):
                why = answer.reason
            elif not 200 <= answer.status < 300:
                why = self._bot.rest.classify_failure(answer).reason
        return why

    async def _look(self, canary: str, others: Collection[str], since_us: int) -> Looked:
        channel_id = await self._bot.directory.find_channel_id(self._bot.config.team, self._channel)
        if not isinstance(channel_id, str):
            return Unreadable(channel_id.reason)
        looked = await self._read(channel_id, canary, others, max(0, since_us - us(_CLOCKS_DIFFER_S)) // _US_PER_MS)
        if not isinstance(looked, SeenPosts) or not looked.posts:
            # The name may belong to another channel by now: asked anew at the next look.
            self._bot.directory.forget(self._bot.config.team, self._channel)
        return looked

    async def _read(self, channel_id: str, canary: str, others: Collection[str], since_ms: int) -> Looked:
        """Read the channel, the newest first. By ``since=`` the server gives 1,000 posts, and says of no more."""
        mine: list[str] = []
        late: list[str] = []
        for number in range(MOST_PAGES):
            answer = await self._bot.rest.call("GET", page_path(channel_id, number))
            if isinstance(answer, Later):
                return Unreadable(answer.reason)
            page = decode_answer(answer, _Page)
            if page is None:
                reason = self._bot.rest.classify_failure(answer).reason
                is_outside = answer.status == HTTPStatus.FORBIDDEN
                return Unreadable(f"it is no member there, invite it (/invite): {reason}" if is_outside else reason)
            posts = [post for post in page.posts.values() if not post.delete_at]
            mine += [post.id for post in posts if canary in post.message]
            late += [post.id for post in posts if any(other in post.message for other in others)]
            oldest_ms = min((post.create_at for post in page.posts.values()), default=0)
            if (mine and not others) or len(page.posts) < PAGE or oldest_ms < since_ms:
                break
        return SeenPosts(mine, late)


class _Post(msgspec.Struct, frozen=True):
    """A post of a channel, as far as we look at it."""

    id: str
    message: str = ""
    create_at: int = 0
    delete_at: int = 0


class _Page(msgspec.Struct, frozen=True):
    """Posts of a channel."""

    posts: dict[str, _Post]


def channel_of(config: DestinationConfig) -> str:
    """The channel a destination's canaries go to, as the settings say it; "" when they leave it to the hook."""
    return str(getattr(config, "channel", ""))
