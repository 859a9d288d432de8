"""What people made of a post, kept in the store: a row of state a card (``signed_context.py``), ``b/<rule>/<name>``.

The row says in which posts the card stands, what each of them shows, and what people did. A click writes it, and so
does a destination that changes its posts, *before* it draws: whoever draws a post reads the row first, and looks again
afterwards. So of a click and news that come at once, whichever is drawn last shows both (``redrawn``).

A card copied into another post does nothing, after a restart and on another node too. Rows are gone when the card
expires; they have no timer, belong to no rule's limit of keys, and rules never read them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from bridge.destinations.signed_context import PostContext
from broker.conflicts import retry_on_conflict
from broker.errors import StateMoved
from broker.model import Commit, StatePut
from broker.store import Store

_MOST_REMARKS: Final = 8
_MOST_SHOWN: Final = 8
_MOST_HEARD: Final = 60
_ENCODER: Final = msgspec.msgpack.Encoder()


class ShownPost(msgspec.Struct, frozen=True, array_like=True):
    """One post of a card: its id and its channel's, the delivery it shows, and the course that it told."""

    post_id: str
    channel_id: str
    delivery: str = ""
    course: str = ""


class PostRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a card. ``shown`` are its posts, the newest last; ``heard`` what was done already, by name."""

    shown: tuple[ShownPost, ...] = ()
    remarks: tuple[str, ...] = ()
    taken: bool = False
    heard: tuple[str, ...] = ()
    expires_us: int = 0

    def find(self, post_id: str, channel_id: str) -> ShownPost | None:
        """The post of these ids, if it is one of the card's."""
        return next((post for post in self.shown if (post.post_id, post.channel_id) == (post_id, channel_id)), None)

    def looks_like(self, other: PostRecord) -> bool:
        """Whether posts drawn from both look the same."""
        return (self.shown, self.remarks, self.taken) == (other.shown, other.remarks, other.taken)


NOBODY_YET: Final = PostRecord()
_DECODER: Final = msgspec.msgpack.Decoder(PostRecord)


class PostRecords:
    """The cards' rows in one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, rule: str, name: str) -> PostRecord:
        """The row as it stands; an empty one when nobody did anything yet. Raises StoreUnavailable."""
        key = _key(rule, name)
        value = (await self._store.state.read((key,)))[key].value
        return _DECODER.decode(value) if value is not None else NOBODY_YET

    async def change(self, rule: str, name: str, change: Callable[[PostRecord], PostRecord]) -> PostRecord:
        """Write what ``change``, which may be asked more than once, makes of the row, and give it.

        Raises StoreUnavailable, OutcomeUnknown.
        """
        key = _key(rule, name)

        async def step() -> PostRecord:
            row = (await self._store.state.read((key,)))[key]
            record = _DECODER.decode(row.value) if row.value is not None else NOBODY_YET
            now = change(record)
            if now == record:
                return record
            put = StatePut(key, _ENCODER.encode(now), "", "", now.expires_us)
            await self._store.commit(Commit(reads={key: row.version}, state=(put,)))
            return now

        return await retry_on_conflict(step, what="what people made of the post", on=StateMoved)

    async def bind(
        self,
        card: PostContext,
        post_id: str,
        channel_id: str,
        *,
        remark: str = "",
        takes: bool = False,
        heard: str = "",
    ) -> PostRecord | None:
        """Bind the card to a post if it is bound to none yet, add what was done, and give the row.

        None when it belongs to other posts; nothing changes then. Raises as ``change`` does.
        """
        elsewhere = False

        def bind_post(row: PostRecord) -> PostRecord:
            nonlocal elsewhere
            elsewhere = bool(row.shown) and row.find(post_id, channel_id) is None
            if elsewhere:
                return row
            shown = row.shown or (ShownPost(post_id, channel_id, card.delivery),)
            remarks = (*row.remarks, remark)[-_MOST_REMARKS:] if remark else row.remarks
            done = (*row.heard, heard)[-_MOST_HEARD:] if heard and heard not in row.heard else row.heard
            expires_us = max(row.expires_us, card.expires_us)
            return PostRecord(shown, remarks, row.taken or takes, done, expires_us)

        row = await self.change(card.rule, card.post, bind_post)
        return None if elsewhere else row

    async def tell(self, rule: str, name: str, shown: ShownPost, expires_us: int, *, anew: bool = False) -> PostRecord:
        """Note that a post of the card is about to show ``shown``, or does already; it is the newest one now.

        ``anew``: a new incident begins in it, which nobody took. Raises as ``change`` does.
        """

        def tell_post(row: PostRecord) -> PostRecord:
            others = tuple(post for post in row.shown if post.post_id != shown.post_id)
            return PostRecord(
                (*others, shown)[-_MOST_SHOWN:],
                row.remarks,
                row.taken and not anew,
                row.heard,
                max(row.expires_us, expires_us),
            )

        return await self.change(rule, name, tell_post)


def _key(rule: str, name: str) -> str:
    return f"b/{rule}/{name}"
