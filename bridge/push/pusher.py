"""The pusher of one push subscription: read at its offset, post, advance only after success (ams-api.md 8.4, 8.5).

Messages go out in order, at least once. A message that fails for longer than ``give_up_after_s`` becomes a dead letter
in one commit with the cursor, and the subscription goes on (semantics.md item 12); a dead letter that is replayed is
pushed again as it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from bridge.api.push_texts import describe_active, describe_failed_cycle
from bridge.core.posts import post_from_bytes, post_to_bytes
from bridge.core.push_trouble import PushTrouble
from bridge.core.tracing import Tracer
from bridge.core.waiting import wait_for_first
from bridge.push.http import PostCall
from bridge.push.progress import PushProgress
from bridge.push.push_stages import may_push, push_stage, push_stage_after
from bridge.push.retry_schedule import Cycle, begin
from bridge.push.send import body_of, send
from broker.admitted import read_admitted
from broker.broker import Broker
from broker.clock import US_PER_S, Clock
from broker.errors import CursorMoved, LeaseLost, StoreError
from broker.model import Attempt, Cursor, Message, NewDelivery, SettleDead, SettleDelivered
from broker.names import subscription_cursor
from broker.records import Project, PushConfig, Subscription, Topic
from rules.model import Post as RenderedPost

_READ_BYTES: Final = 8 * 1024 * 1024
_IDLE_S: Final = 5.0  # how long to sleep on an empty topic before looking whether somebody moved the offset
_LEASE_S: Final = 90.0

log = structlog.get_logger("pusher")


def destination_of(subscription: str) -> str:
    """The name under which the dead letters of a push subscription are listed."""
    return f"push:{subscription}"


class Pusher:
    """Pushes one subscription until it is told to stop, or pushes no more. ``give_up_after_s`` None never gives up."""

    def __init__(
        self,
        subscription_uid: str,
        broker: Broker,
        clock: Clock,
        post: PostCall,
        give_up_after_s: float | None,
        tracer: Tracer | None = None,
    ) -> None:
        self._tracer = tracer
        self._uid = subscription_uid
        self._broker = broker
        self._clock = clock
        self._post = post
        self._give_up_after_s = give_up_after_s
        self._progress = PushProgress(broker.store, clock, subscription_uid, lambda why: self._fail("acknowledge", why))
        self._failing_since: tuple[int, float] | None = None  # the offset at the head, and when it first failed
        self._changed = asyncio.Event()
        self._stopping = False
        self.status = describe_active(self._name() or "")
        self.trouble: PushTrouble | None = None
        self._push = PushConfig()

    async def run(self) -> None:
        """Push the subscription for ever; returns when stopped, or when there is nothing to push any more."""
        push, rhythm = None, None
        while True:
            self._changed.clear()
            subscription = self._subscription()
            if self._stopping or subscription is None:
                return
            if rhythm is None or subscription.push != push:
                push, rhythm = subscription.push, begin(subscription.push)
                await self._rest(rhythm.pause_s)
                continue
            self._push = push
            cycle = await self._cycle(subscription)
            rhythm = rhythm.follow_cycle(cycle)
            await self._rest(rhythm.pause_s)
            if cycle == "nothing" and not self._changed.is_set():
                await self._wait_for_messages(subscription)

    def stop(self) -> None:
        """End after the push under way."""
        self._stopping = True
        self._changed.set()

    def nudge(self) -> None:
        """Look again at once: the subscription was changed."""
        self._changed.set()

    def _subscription(self) -> Subscription | None:
        """The subscription as it stands, or None when it does not push (any more)."""
        subscription = self._broker.cache.find_by_uid(Subscription, self._uid)
        return subscription if subscription is not None and is_active(subscription) else None

    def _name(self) -> str | None:
        subscription = self._broker.cache.find_by_uid(Subscription, self._uid)
        return None if subscription is None else full_name(self._broker, subscription)

    async def _cycle(self, subscription: Subscription) -> Cycle:
        name = full_name(self._broker, subscription)
        topic = self._broker.subscriptions.topic_of(subscription)
        if topic is None:
            self._fail("consume", "Subscription's topic doesn't exist")
            return "failed"
        try:
            await self._push_replayed(subscription, name)
            cursor = await self._progress.load_cursor(topic.uid)
            wanted = max(subscription.push.max_messages, 1)
            log_of_topic = self._broker.store.log
            looked = await read_admitted(
                log_of_topic, topic.uid, subscription.filter, cursor.offset, wanted, _READ_BYTES
            )
            messages = looked.messages
            if not messages and looked.end > cursor.offset:
                await self._progress.pass_over(cursor, looked.end)
                self._changed.set()  # there may be more behind it
        except CursorMoved:
            return "nothing"  # somebody moved it first: look there
        except StoreError as why:
            self._fail("consume", str(why))
            return "failed"
        if not messages:
            return "nothing"
        why_not = await self._send(subscription.push, name, messages)
        if why_not is not None:
            self._fail("send", why_not)
            await self._give_up(subscription, topic, cursor, messages, why_not)
            return "failed"
        await self._progress.advance(cursor, messages)
        self._failing_since = None
        self._succeed(name)
        return "pushed"

    async def _send(self, push: PushConfig, name: str, messages: Sequence[Message]) -> str | None:
        """Push messages; why not, if they were not taken."""
        body = body_of(push, name, messages)
        if self._tracer is None:
            return await send(self._post, push, body)
        from bridge.push.traced_send import send_traced  # only where traces are told

        return await send_traced(self._tracer, self._clock, name, messages, self._post, push, body)

    async def _give_up(
        self, subscription: Subscription, topic: Topic, cursor: Cursor, messages: Sequence[Message], why: str
    ) -> None:
        """Let go of the first message once it has failed for too long, by itself too."""
        head, now = messages[0], self._clock.monotonic()
        if self._failing_since is None or self._failing_since[0] != head.offset:
            self._failing_since = head.offset, now
        if self._give_up_after_s is None or now - self._failing_since[1] < self._give_up_after_s:
            return
        name = full_name(self._broker, subscription)
        body = body_of(subscription.push, name, [head])
        if len(messages) > 1:
            why_alone = await self._send(subscription.push, name, [head])
            if why_alone is None:
                await self._progress.advance(cursor, [head])
                return
            why = why_alone
        log.error("a message could not be pushed and becomes a dead letter", subscription=name, offset=head.offset)
        await self._progress.give_up(cursor, head, self._dead_letter(name, topic, cursor, head, body, why))

    def _dead_letter(
        self, name: str, topic: Topic, cursor: Cursor, message: Message, body: bytes, why: str
    ) -> NewDelivery:
        """Outside the topic's books: push subscriptions keep their own (semantics.md item 21)."""
        now_us = self._clock.wall_us()
        return NewDelivery(
            id=self._broker.entropy(16).hex(),
            origin=f"s/{self._uid}/{message.offset}",
            rule="",
            send=cursor.rev,
            part=0,
            parts=1,
            destination=destination_of(name),
            order_key=self._uid,
            priority=1,
            post=post_to_bytes(RenderedPost(text=body.decode(), footer=why)),
            phase="",
            key=str(message.offset),
            incident="",
            stands_for=0,
            topic_uid=subscription_cursor(self._uid),
            offset=message.offset,
            version="",
            places={},
            severity="",
            due_us=now_us,
            created_us=now_us,
        )

    async def _push_replayed(self, subscription: Subscription, name: str) -> None:
        """Push dead letters that somebody wants tried again. Raises StoreError."""
        if self._give_up_after_s is None:
            return
        outbox = self._broker.store.outbox
        for leased in await outbox.lease(destination_of(name), 1, _LEASE_S):
            began, at_us = self._clock.monotonic(), self._clock.wall_us()
            body = post_from_bytes(leased.delivery.new.post).text.encode()
            why_not = await send(self._post, subscription.push, body)
            took_us = round((self._clock.monotonic() - began) * 1_000_000)
            settled = SettleDelivered() if why_not is None else SettleDead(why_not)
            attempt = Attempt(at_us, took_us, "delivered" if why_not is None else "refused", why_not or "", True)
            try:
                await outbox.settle(leased.token, settled, attempt)
            except LeaseLost:
                log.warning("a replayed push was taken over", subscription=name)

    async def _rest(self, pause_s: float) -> None:
        if pause_s <= 0:
            await self._clock.sleep(0)
        elif not self._changed.is_set():
            await wait_for_first(self._clock, pause_s, self._changed.wait())

    async def _wait_for_messages(self, subscription: Subscription) -> None:
        """Sleep until there may be something, not longer than a few seconds: an offset can be moved without a sound."""
        topic = self._broker.subscriptions.topic_of(subscription)
        if topic is None:
            return
        try:
            cursor = await self._progress.load_cursor(topic.uid)
            await wait_for_first(
                self._clock,
                _IDLE_S,
                self._broker.store.log.wait_for(topic.uid, cursor.offset),
                self._changed.wait(),
            )
        except StoreError as why:
            self._fail("consume", str(why))

    def _fail(self, step: str, why: str) -> None:
        push_stage_after(push_stage(self._push, self.trouble), "a push fails")
        now_us = self._clock.wall_us()
        self.status = describe_failed_cycle(now_us, step, why)
        since_us = now_us if self.trouble is None else self.trouble.since_us
        if self.trouble is None:
            log.warning("the pushes of a subscription fail", subscription=self._name(), step=step, reason=why)
        self.trouble = PushTrouble(since_us, why)

    def _succeed(self, name: str) -> None:
        push_stage_after(push_stage(self._push, self.trouble), "a push succeeds")
        self.status = describe_active(name)
        if self.trouble is not None:
            failed_s = (self._clock.wall_us() - self.trouble.since_us) / US_PER_S
            log.warning("the pushes of a subscription succeed again", subscription=name, failed_s=round(failed_s))
            self.trouble = None


def is_active(subscription: Subscription) -> bool:
    """Whether somebody must push the subscription."""
    return may_push(subscription.push)


def full_name(broker: Broker, subscription: Subscription) -> str:
    """``projects/P/subscriptions/S`` as of now."""
    project = broker.cache.find_by_uid(Project, subscription.project_uid)
    return f"projects/{'' if project is None else project.name}/subscriptions/{subscription.name}"
