"""Fills the index of words behind the line: reads what came since, and forgets what is past its retention.

It reads the log and the outbox as everybody may, from marks that the index keeps, and takes nothing from who publishes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from itertools import takewhile
from typing import Final

import structlog

from bridge.core.posts import post_from_bytes
from bridge.operate.hidden_values import hide_in_text
from bridge.operate.topic_names import topic_names
from bridge.routing.active_config import ActiveConfig
from broker.beside import Beside
from broker.broker import Broker
from broker.clock import Clock, us
from broker.errors import StoreError
from broker.model import Delivery, DeliveryQuery, Message
from broker.search import DocumentKind, SearchDocument
from rules.events.decode import AUTO, DecodeSpec, decode

_EVERY_S: Final = 30.0
_PAUSE_S: Final = 0.05
"""Between two parts of a backlog, so that others come to the disk and to the interpreter."""
_PART: Final = 200
_PART_BYTES: Final = 1024 * 1024
_SHOWN_RUNES: Final = 8_000
_FORGOTTEN: Final = 1_000
_PARTS_AT_ONCE: Final = 5
OUTBOX_MARK: Final = ""

log = structlog.get_logger("search")


class SearchFilling:
    """Keeps the index in step with the store. ``messages_s`` and ``deliveries_s`` are how long these are kept.

    ``settles_s`` is how much younger a delivery with a lower number may be: several nodes number theirs by themselves.
    """

    def __init__(
        self,
        broker: Broker,
        in_force: ActiveConfig,
        clock: Clock,
        *,
        messages_s: float,
        deliveries_s: float,
        settles_s: float = 0.0,
    ) -> None:
        self._store = broker.store
        self._broker = broker
        self._in_force = in_force
        self._clock = clock
        self._kept_s: tuple[tuple[DocumentKind, float], ...] = (("message", messages_s), ("delivery", deliveries_s))
        self._settles_s = settles_s
        self._turn = asyncio.Lock()
        self._beside = Beside()

    async def run(self) -> None:
        """Fill it every half minute, for ever; what is far behind is taken in part by part."""
        while True:
            await self._clock.sleep(_EVERY_S)
            try:
                while await self.step():
                    await self._clock.sleep(_PAUSE_S)
                await self.forget()
            except StoreError as error:
                log.warning("the index of words waits", reason=str(error))

    async def catch_up(self) -> bool:
        """Take in what came lately, as much as one who waits for an answer can wait for; False when there is more."""
        for _ in range(_PARTS_AT_ONCE):
            if not await self.step():
                return True
        return False

    async def step(self) -> bool:
        """Take in one part of what came since; True when there may be more. Raises StoreUnavailable."""
        async with self._turn:
            marks = await self._store.search.marks()
            if await self._is_of_another_past(marks.get(OUTBOX_MARK, 0)):
                log.warning("the index of words is made anew: the store is older than it")
                await self._store.search.clear()
                marks = {}
            documents, ends, more = await self._messages(dict(marks))
            deliveries = await self._deliveries(marks.get(OUTBOX_MARK, 0))
            if deliveries:
                documents += await self._beside.run(partial(_of_deliveries, deliveries), large=True)
                ends[OUTBOX_MARK] = deliveries[-1].seq
            if documents or ends:
                await self._store.search.add(documents, ends)
            return more or len(deliveries) == _PART

    async def forget(self) -> None:
        """Forget what is past its time. Raises StoreUnavailable."""
        now_us = self._clock.wall_us()
        for kind, kept_s in self._kept_s:
            while await self._store.search.forget(kind, now_us - us(kept_s), _FORGOTTEN) == _FORGOTTEN:
                await self._clock.sleep(_PAUSE_S)

    async def _is_of_another_past(self, mark: int) -> bool:
        """Whether the store is an older one than was read: the newest number that it gave is below the mark."""
        newest = await self._store.outbox.find(DeliveryQuery(limit=1)) if mark else ()
        return bool(newest) and newest[0].seq < mark

    async def _deliveries(self, mark: int) -> Sequence[Delivery]:
        """Deliveries that came since, up to those that others may still put another before."""
        deliveries = await self._store.outbox.list_after(mark, _PART)
        settled_us = self._clock.wall_us() - us(self._settles_s)
        return [*takewhile(lambda delivery: delivery.new.created_us <= settled_us, deliveries)]

    async def _messages(self, marks: dict[str, int]) -> tuple[list[SearchDocument], dict[str, int], bool]:
        """Messages that came since, as documents; where each topic's mark is then, and whether there are more."""
        documents: list[SearchDocument] = []
        ends: dict[str, int] = {}
        for uid, name in topic_names(self._broker).items():
            if len(documents) >= _PART:
                return documents, ends, True
            bounds = await self._store.log.bounds(uid)
            begin = max(marks.get(uid, 0), bounds.first)
            if begin >= bounds.end:
                continue
            messages = await self._store.log.read(uid, begin, _PART, _PART_BYTES)
            spec = self._in_force.rule_set.decode.get(name, AUTO)
            documents += await self._beside.run(partial(_of_messages, uid, messages, spec), large=True)
            ends[uid] = messages[-1].offset + 1 if messages else bounds.end
            if ends[uid] < bounds.end:
                return documents, ends, True
        return documents, ends, False


def _of_messages(topic_uid: str, messages: Sequence[Message], spec: DecodeSpec) -> list[SearchDocument]:
    return [_of_message(topic_uid, message, spec) for message in messages]


def _of_deliveries(deliveries: Sequence[Delivery]) -> list[SearchDocument]:
    return [_of_delivery(delivery) for delivery in deliveries]


def _of_message(topic_uid: str, message: Message, spec: DecodeSpec) -> SearchDocument:
    text = hide_in_text(decode(message.data, spec).text[:_SHOWN_RUNES])
    named = " ".join(message.attributes.values())
    return SearchDocument("message", topic_uid, message.offset, message.publish_time_us, f"{text} {named}")


def _of_delivery(delivery: Delivery) -> SearchDocument:
    new = delivery.new
    post = post_from_bytes(new.post)
    fields = " ".join(f"{field.title} {field.value}" for field in post.fields)
    texts = (new.key, new.rule, new.destination, post.title, post.text, fields, new.severity)
    return SearchDocument(
        kind="delivery",
        topic_uid=new.topic_uid,
        place=delivery.seq,
        at_us=new.created_us,
        text=hide_in_text(" ".join(texts)[:_SHOWN_RUNES]),
        id=delivery.id,
        rule=new.rule,
        destination=new.destination,
        key=new.key,
    )
