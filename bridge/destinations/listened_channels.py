"""Where we listen: for each destination the channels in which its posts stand, and until when everything was heard.

One row of state a destination, ``l/<destination>``. A channel is noted before the first post goes there, so nothing
that people do below it is missed, whenever the connection or the daemon breaks. Times are milliseconds of the chat
server's clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from broker.clock import Clock, moment_of, us
from broker.conflicts import retry_on_conflict
from broker.errors import StateMoved
from broker.model import Commit, StatePut
from broker.store import Store

_KEPT_S: Final = 90 * 86_400.0
_MOST_CHANNELS: Final = 200
_ENCODER: Final = msgspec.msgpack.Encoder()


class ListenedChannel(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of one destination. ``began_ms`` is when we listened first: what was done before was not for us."""

    began_ms: int = 0
    heard_ms: int = 0
    channels: tuple[str, ...] = ()


_DECODER: Final = msgspec.msgpack.Decoder(ListenedChannel)
NOWHERE: Final = ListenedChannel()


class ListenedChannels:
    """The rows of one store that say where its destinations listen."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._noted: set[tuple[str, str]] = set()

    async def read(self, destination: str) -> ListenedChannel:
        """The row as it stands. Raises StoreUnavailable."""
        key = f"l/{destination}"
        value = (await self._store.state.read((key,)))[key].value
        return _DECODER.decode(value) if value is not None else NOWHERE

    async def note(self, destination: str, channel_id: str) -> None:
        """Note that a post is about to go to this channel. Raises StoreUnavailable, OutcomeUnknown."""
        if (destination, channel_id) in self._noted:
            return

        def add_place(place: ListenedChannel) -> ListenedChannel:
            if channel_id in place.channels:
                return place
            return msgspec.structs.replace(place, channels=(*place.channels, channel_id)[-_MOST_CHANNELS:])

        await self._change(destination, add_place)
        self._noted.add((destination, channel_id))

    async def begin(self, destination: str, now_ms: int) -> None:
        """Note that we listen from now on, if we did not before. Raises StoreUnavailable, OutcomeUnknown."""
        await self._change(
            destination, lambda place: place if place.began_ms else msgspec.structs.replace(place, began_ms=now_ms)
        )

    async def note_heard(self, destination: str, heard_ms: int) -> None:
        """Note that all that happened before then was heard. Raises StoreUnavailable, OutcomeUnknown."""
        await self._change(
            destination, lambda place: msgspec.structs.replace(place, heard_ms=max(place.heard_ms, heard_ms))
        )

    async def _change(self, destination: str, change: Callable[[ListenedChannel], ListenedChannel]) -> None:
        key = f"l/{destination}"

        async def step() -> None:
            row = (await self._store.state.read((key,)))[key]
            channel = _DECODER.decode(row.value) if row.value is not None else NOWHERE
            now = change(channel)
            if now == channel and row.value is not None:
                return
            told_at = moment_of(self._clock)
            put = StatePut(key, _ENCODER.encode(now), "", "", told_at.wall_us + us(_KEPT_S))
            await self._store.commit(Commit(reads={key: row.version}, state=(put,), told_at=told_at))

        await retry_on_conflict(step, what="where we listen", on=StateMoved)
