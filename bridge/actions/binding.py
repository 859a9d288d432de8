"""Which post a set of buttons stands in, and what clicks have made of it: one row of state a clicked post.

The row is ``b/<rule>/<post>``, written at the first click and gone when the buttons expire; so a context copied into
another post does nothing, after a restart and on another node too. It has no timer, and rules never read it.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from bridge.actions.buttons import Standing
from bridge.actions.seal import Pressed
from broker.errors import StateMoved, StoreUnavailable
from broker.model import Commit, StatePut
from broker.store import Store

_TRIES: Final = 20
_MOST_REMARKS: Final = 8
_ENCODER: Final = msgspec.msgpack.Encoder()


class ClickedPost(msgspec.Struct, frozen=True, omit_defaults=True):
    """A post that was clicked: the chat server's ids of it and of its channel, and what it says since."""

    post_id: str
    channel_id: str
    remarks: tuple[str, ...] = ()
    taken: bool = False


_DECODER: Final = msgspec.msgpack.Decoder(ClickedPost)

Bound: TypeAlias = Standing | Literal["elsewhere"]


async def bind(
    store: Store, pressed: Pressed, *, post_id: str, channel_id: str, remark: str = "", takes: bool = False
) -> Bound:
    """Bind the buttons to a post if they are not yet, add ``remark`` to it, and say how it stands.

    "elsewhere" when they belong to another post or channel; nothing changes then. Raises StoreUnavailable.
    """
    name = f"b/{pressed.rule}/{pressed.post}"
    for _ in range(_TRIES):
        row = (await store.state.read((name,)))[name]
        stands = _DECODER.decode(row.value) if row.value is not None else None
        if stands is not None and (stands.post_id, stands.channel_id) != (post_id, channel_id):
            return "elsewhere"
        stood = stands or ClickedPost(post_id, channel_id)
        now = _with(stood, remark, takes=takes)
        if now != stands:
            put = StatePut(name, _ENCODER.encode(now), pressed.rule, "", pressed.expires_us)
            try:
                await store.commit(Commit(reads={name: row.version}, state=(put,)))
            except StateMoved:
                continue
        return Standing(pressed.post, pressed.expires_us, now.remarks, now.taken)
    raise StoreUnavailable("the post is clicked without a pause")


def _with(post: ClickedPost, remark: str, *, takes: bool) -> ClickedPost:
    if not remark:
        return post
    remarks = (*post.remarks, remark)[-_MOST_REMARKS:]
    return msgspec.structs.replace(post, remarks=remarks, taken=post.taken or takes)
