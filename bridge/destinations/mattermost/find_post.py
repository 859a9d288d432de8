"""Looking for a post of ours that an earlier try may have made, by the marker in its props.

The channel is read page by page, newest first. The other way, by ``since=``, gives 1,000 changed posts at most and no
word that there are more, so in a busy channel ours might be missing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from bridge.destinations.base import Later
from bridge.destinations.mattermost.bodies import MARKER
from bridge.destinations.mattermost.cards import CARD
from bridge.destinations.mattermost.rest import MOST_PAGES, PAGE, Rest, decode_answer, page_path


class Marked(msgspec.Struct, frozen=True):
    """A post, as far as we look for ours."""

    id: str
    props: dict[str, Any] | None = None
    create_at: int = 0
    delete_at: int = 0

    @property
    def delivery(self) -> object:
        """The id of the delivery it was made for."""
        return self._marker.get("delivery")

    @property
    def card(self) -> object:
        """The card it carries; nobody says that it is ours."""
        return self._marker.get(CARD)

    @property
    def _marker(self) -> dict[str, Any]:
        marker = (self.props or {}).get(MARKER)
        return marker if isinstance(marker, dict) else {}


class ChannelPage(msgspec.Struct, frozen=True):
    """Posts of a channel."""

    posts: dict[str, Marked]


async def find_marked(rest: Rest, channel_id: str, marker: str, since_ms: int) -> Marked | Later | None:
    """The post made since then that has our marker; None when there is none to be seen; Later when nobody can say."""
    for number in range(MOST_PAGES):
        answer = await rest.call("GET", page_path(channel_id, number))
        if isinstance(answer, Later):
            return replace(answer, unclear=False)
        page = decode_answer(answer, ChannelPage)
        if page is None:
            failure = rest.classify_unanswered(answer)
            return failure if isinstance(failure, Later) else None
        posts = list(page.posts.values())
        marked = next((post for post in posts if post.delivery == marker and not post.delete_at), None)
        if marked is not None or len(posts) < PAGE or min(post.create_at for post in posts) < since_ms:
            return marked
    return None
