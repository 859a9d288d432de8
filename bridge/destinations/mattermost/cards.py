"""What a bot's posts carry beside the news: buttons, what people did, and the card by which a post is known again.

An incident keeps its card from post to post, so what was done stands below each of them. Before a post is changed the
card's row says what it is about to show (``bridge/destinations/post_records.py``), and after it the row is read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from bridge.destinations.base import Parcel
from bridge.destinations.buttons import Buttons, PostState, buttons_for, card_of, may_have_card, strip_tokens
from bridge.destinations.kit.receipt import Receipt, begins_anew, find_card_to_continue
from bridge.destinations.post_records import PostRecord, ShownPost
from bridge.destinations.signed_context import PostContext
from broker.errors import StoreError

CARD: Final = "card"
"""Where the card stands in a post's marker."""

log = structlog.get_logger("actions")


@dataclass(frozen=True, slots=True)
class Face:
    """What a post shows beside the news: its buttons, lines on what people did, and its signed card."""

    actions: Sequence[Mapping[str, Any]] = ()
    remarks: Sequence[str] = ()
    card: str = ""


PLAIN: Final = Face()


class Deck:
    """Gives posts their cards. Without ``buttons``, or with nobody to use them, posts have none."""

    def __init__(
        self, destination: str, buttons: Buttons | None, *, draws_buttons: bool, listens: bool, asks: bool = False
    ) -> None:
        """``asks``: with buttons, also whether posts are of use."""
        self._destination = destination
        self._listens = listens
        draws = buttons is not None and bool(buttons.url) and draws_buttons
        self._buttons = buttons if draws or listens else None
        self._draws_buttons = draws
        self._asks = asks

    async def note(self, channel_id: str) -> None:
        """Note that news are about to go to a channel; if we listen, it is kept.

        Raises StoreUnavailable, OutcomeUnknown.
        """
        if self._buttons is not None and self._listens and channel_id:
            await self._buttons.places.note(self._destination, channel_id)

    async def begin(self, parcel: Parcel) -> PostState | None:
        """The state of a new post: that of its incident's post before it, else as nobody touched it.

        None when it has no card. Raises StoreUnavailable.
        """
        if self._buttons is None or not may_have_card(parcel):
            return None
        fresh, name = self._buttons.begin(), find_card_to_continue(parcel)
        if not name:
            return fresh
        return self._standing(name, await self._buttons.cards.read(parcel.rule, name))

    async def record_post(self, parcel: Parcel, name: str, shown: ShownPost) -> None:
        """Record a new post with the card of that name, which works in it alone from now on."""
        if self._buttons is None:
            return
        try:
            await self._buttons.cards.tell(parcel.rule, name, shown, self._buttons.expires_us)
        except StoreError as error:  # it is delivered all the same; the next news of the incident make up for it
            log.warning("a post cannot be asked about yet", post=shown.post_id, error=str(error))

    async def tell(self, parcel: Parcel, earlier: Receipt, course: str) -> PostState | None:
        """The state of a post that is about to show this delivery. Raises StoreUnavailable, OutcomeUnknown."""
        if self._buttons is None or not may_have_card(parcel):
            return None
        name = earlier.card or self._buttons.begin().post
        shown = ShownPost(earlier.post, earlier.channel, parcel.id, course)
        row = await self._buttons.cards.tell(
            parcel.rule, name, shown, self._buttons.expires_us, anew=begins_anew(parcel, earlier)
        )
        return self._standing(name, row)

    async def check_moved(self, parcel: Parcel, state: PostState) -> PostState | None:
        """The state of the post now, if somebody did something while it was being drawn."""
        if self._buttons is None:
            return None
        try:
            row = await self._buttons.cards.read(parcel.rule, state.post)
        except StoreError as error:  # the post is changed; whoever did something draws it too
            log.warning("nobody knows whether a post was clicked meanwhile", error=str(error))
            return None
        now = replace(state, remarks=row.remarks, taken=row.taken)
        return None if now == state else now

    def draw_face(self, parcel: Parcel, state: PostState | None) -> Face:
        """The face of a post: what it shows beside the news."""
        if self._buttons is None or state is None:
            return PLAIN
        draws = self._draws_buttons
        actions = buttons_for(parcel, self._buttons, state, feedback=self._asks) if draws else []
        return Face(actions, state.remarks, self._buttons.signed_context.mark(card_of(parcel, state)))

    def draw_sample(self, parcel: Parcel) -> Face:
        """The face of a new post, without a proof in it."""
        if self._buttons is None or not may_have_card(parcel):
            return PLAIN
        face = self.draw_face(parcel, self._buttons.begin())
        return Face(strip_tokens(face.actions), (), "***")

    def name_in(self, card: object) -> str:
        """The name of the card that stands in a post's marker; "" when it is none of ours."""
        if self._buttons is None or not isinstance(card, str):
            return ""
        read = self._buttons.signed_context.verify(card, self._buttons.clock.wall_us())
        return read.post if isinstance(read, PostContext) else ""

    def _standing(self, name: str, row: PostRecord) -> PostState:
        expires_us = self._buttons.expires_us if self._buttons is not None else 0
        return PostState(name, expires_us, row.remarks, row.taken)
