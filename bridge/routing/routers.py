"""All routers of the daemon: one worker for each topic that some rule hears, as topics and rules come and go."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from bridge.core.poison import PoisonGuard
from bridge.core.supervisor import Supervisor
from bridge.core.tracing import Tracer
from bridge.core.waiting import wait_for_first
from bridge.routing.active_config import CURRENT, ActiveConfig
from bridge.routing.commit_batch import RoutedTopic as RoutedTopic
from bridge.routing.nudges import Nudges
from bridge.routing.router import KeepRoom, Routed, Router
from broker.broker import Broker
from broker.clock import Clock
from broker.names import router_cursor
from broker.records import Project, ServiceNote, Topic
from broker.store import Store

_LAST_BATCH_S: Final = 5.0

log = structlog.get_logger("routers")


class Routers:
    """Keeps a router at work for every topic that needs one."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        in_force: ActiveConfig,
        clock: Clock,
        supervisor: Supervisor,
        notify: Callable[[Routed], None],
        guard: PoisonGuard,
        keep_room: KeepRoom,
        tracer: Tracer | None = None,
    ) -> None:
        self._store = store
        self._broker = broker
        self._in_force = in_force
        self._clock = clock
        self._supervisor = supervisor
        self._notify = notify
        self._guard = guard
        self._keep_room = keep_room
        self._tracer = tracer
        self._nudges = Nudges()
        self._routers: dict[str, Router] = {}

    async def follow(self) -> None:
        """Keep up with the catalog and the rules, for ever."""
        seen = 0
        while True:
            version = self._in_force.decides_by
            await self.sync()
            await wait_for_first(
                self._clock, None, self._broker.cache.wait_change(seen), self._in_force.wait_change(version)
            )
            seen = await self._broker.cache.wait_change(-1)

    async def sync(self) -> None:
        """Begin routers that are missing, end those that nobody needs.

        When it returns, each router has its place: what is published from then on is decided. Raises StoreUnavailable.
        """
        if not self._in_force.decides_by:
            await self._leave_to_others()
            return
        needed = await self._needed_topics()
        for uid in [uid for uid in self._routers if uid not in needed]:
            await self._end(uid)
        for uid, (name, created_us) in needed.items():
            if uid not in self._routers:
                await self._begin(uid, name, created_us)

    async def stop(self) -> None:
        """End all routers after the batch under way; one that the store does not take is decided at the next start."""
        routers = list(self._routers.values())
        self._routers.clear()
        for router in routers:
            router.stop()
        await self._supervisor.finish([f"router:{router.topic.name}" for router in routers], _LAST_BATCH_S)

    async def _needed_topics(self) -> dict[str, tuple[str, int]]:
        """Topics (uid to name and birth) that a rule hears, or that have a timer to fire."""
        topics = full_names(self._broker)
        heard = set(self._in_force.rule_set.list_heard_topics(name for name, _ in topics.values()))
        return {
            uid: (name, created_us)
            for uid, (name, created_us) in topics.items()
            if name in heard or await self._store.state.next_due_us(uid) is not None
        }

    async def _begin(self, uid: str, name: str, created_us: int) -> None:
        if self._is_younger(uid):
            created_us = max(created_us, self._in_force.since_us)
        router = Router(
            RoutedTopic(name, uid),
            created_us,
            self._store,
            self._in_force,
            self._clock,
            self._nudges,
            self._notify,
            self._guard,
            self._keep_room,
            partial(self._supervisor.token, f"router:{name}"),
            self._tracer,
        )
        await router.take_place()
        self._routers[uid] = router
        self._supervisor.start(f"router:{name}", router.run, on_one_node=True)
        log.info("a topic is routed", topic=name)

    def _is_younger(self, uid: str) -> bool:
        """Whether the topic was made after the rules in force were, by the catalog's own count: no clock turns it back.

        Of a topic that was changed since, the catalog does not say; then only its birth time does.
        """
        cache = self._broker.cache
        topic, note = cache.find_by_uid(Topic, uid), cache.find(ServiceNote, CURRENT)
        if topic is None or note is None:
            return False
        born, current = cache.get_stored(topic), cache.get_stored(note)
        return born is not None and current is not None and born.version == 1 and born.seq > current.seq

    async def _leave_to_others(self) -> None:
        """Run no router here; their places stay, for other nodes to go on from."""
        routers = list(self._routers.values())
        self._routers.clear()
        for router in routers:
            router.stop()
            await self._supervisor.stop(f"router:{router.topic.name}")

    async def _end(self, uid: str) -> None:
        """End a router whose topic no rule hears; heard again later, it begins at the end (semantics.md item 14)."""
        router = self._routers.pop(uid)
        router.stop()
        await self._supervisor.stop(f"router:{router.topic.name}")
        await self._store.cursors.delete(router_cursor(uid))
        log.info("a topic is no longer routed", topic=router.topic.name)


def full_names(broker: Broker) -> dict[str, tuple[str, int]]:
    """Every topic's uid with its full name and birth time."""
    names = {}
    for topic in broker.cache.list_all(Topic):
        project = broker.cache.find_by_uid(Project, topic.project_uid)
        if project is not None:
            names[topic.uid] = (f"projects/{project.name}/topics/{topic.name}", topic.created_us)
    return names
