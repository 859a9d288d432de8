"""All pushers of the daemon: one worker for each push subscription that is verified, as they come and go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog

from bridge.api.push_texts import describe_inactive
from bridge.core.push_trouble import PushTrouble
from bridge.core.supervisor import Supervisor
from bridge.core.tracing import Tracer
from bridge.push.http import PostCall
from bridge.push.pusher import Pusher, full_name, is_active
from broker.broker import Broker
from broker.clock import Clock
from broker.records import PushConfig, Subscription

_LAST_PUSH_S: Final = 10.0

log = structlog.get_logger("pushers")


@dataclass(slots=True)
class _Running:
    """A pusher at work, the name of its worker, and the configuration it was last told of."""

    pusher: Pusher
    worker: str
    push: PushConfig


class Pushers:
    """Keeps a pusher at work for every subscription that needs one. ``give_up_after_s`` None never gives up."""

    def __init__(
        self,
        broker: Broker,
        clock: Clock,
        supervisor: Supervisor,
        post: PostCall,
        give_up_after_s: float | None,
        tracer: Tracer | None = None,
    ) -> None:
        self._tracer = tracer
        self._broker = broker
        self._clock = clock
        self._supervisor = supervisor
        self._post = post
        self._give_up_after_s = give_up_after_s
        self._running: dict[str, _Running] = {}

    async def follow(self) -> None:
        """Keep up with the subscriptions of the catalog, for ever."""
        seen = 0
        while True:
            await self.sync()
            seen = await self._broker.cache.wait_change(seen)

    async def sync(self) -> None:
        """Begin pushers that are missing, end those that nobody needs, tell those whose configuration changed."""
        needed = {
            subscription.uid: subscription
            for subscription in self._broker.cache.list_all(Subscription)
            if is_active(subscription)
        }
        for uid in [uid for uid in self._running if uid not in needed]:
            running = self._running.pop(uid)
            running.pusher.stop()
            await self._supervisor.stop(running.worker)
            log.info("a subscription is no longer pushed", worker=running.worker)
        for uid, subscription in needed.items():
            known = self._running.get(uid)
            if known is None:
                self._begin(subscription)
            elif known.push != subscription.push:
                known.push = subscription.push
                known.pusher.nudge()

    async def stop(self) -> None:
        """End all pushers after the push under way; one that lasts too long is pushed again after the next start."""
        for running in self._running.values():
            running.pusher.stop()
        await self._supervisor.finish([running.worker for running in self._running.values()], _LAST_PUSH_S)
        self._running.clear()

    def status(self, subscription: Subscription) -> str:
        """The state of one subscription's pushes, in AMS's words."""
        running = self._running.get(subscription.uid)
        return describe_inactive(full_name(self._broker, subscription)) if running is None else running.pusher.status

    def trouble(self, subscription: Subscription) -> PushTrouble | None:
        """Since when, and why, the pushes of a subscription fail; None while they do not."""
        running = self._running.get(subscription.uid)
        return None if running is None else running.pusher.trouble

    def _begin(self, subscription: Subscription) -> None:
        pusher = Pusher(subscription.uid, self._broker, self._clock, self._post, self._give_up_after_s, self._tracer)
        worker = f"pusher:{full_name(self._broker, subscription)}#{subscription.uid[:8]}"
        self._running[subscription.uid] = _Running(pusher, worker, subscription.push)
        self._supervisor.start(worker, pusher.run, on_one_node=True)
        log.info("a subscription is pushed", worker=worker)
