"""All sources that fetch: a worker per remote AMS subscription and per fetching plugin, as the settings change."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from bridge.core.supervisor import Supervisor
from bridge.core.tls_settings import digest_tls
from bridge.core.tracing import Tracer
from bridge.sources.set_aside import PutAside, RefusedMessage, put_aside
from bridge.sources.source_config import SourceConfig
from bridge.sources.source_kinds import KINDS, FetcherMaker
from broker.broker import Broker
from broker.clock import Clock, moment_of
from broker.errors import StoreUnavailable
from broker.model import Appended, NewMessage
from broker.records import Topic

if TYPE_CHECKING:
    from bridge.sources.ams import AmsSourceConfig, Append

Run: TypeAlias = Callable[[], Awaitable[None]]
"""What a worker runs, for ever."""
_Wanted: TypeAlias = tuple[SourceConfig, Callable[[], Run]]


class PullWorkers:
    """Keeps a worker at work for each remote subscription and each fetching plugin that the settings name."""

    def __init__(
        self,
        broker: Broker,
        clock: Clock,
        supervisor: Supervisor,
        rng: random.Random,
        told_refused: Callable[[str], None] = lambda source: None,
        tracer: Tracer | None = None,
    ) -> None:
        self._broker = broker
        self._told_refused = told_refused
        self._clock = clock
        self._supervisor = supervisor
        self._rng = rng
        self._tracer = tracer
        self._at_work: dict[str, tuple[SourceConfig, bytes]] = {}

    async def swap(self, sources: Mapping[str, SourceConfig]) -> None:
        """Put these sources to work: end workers that are gone or changed, begin those that are missing.

        One whose certificate files were renewed counts as changed.
        """
        wanted = {**self._wanted_pulls(sources), **self._wanted_fetches(sources)}
        now = {worker: (config, digest_tls(config)) for worker, (config, _) in wanted.items()}
        for worker in [worker for worker, begun in self._at_work.items() if now.get(worker) != begun]:
            del self._at_work[worker]
            await self._supervisor.stop(worker)
        for worker, (_, begin) in wanted.items():
            if worker not in self._at_work:
                self._at_work[worker] = now[worker]
                self._supervisor.start(worker, begin(), on_one_node=True)

    async def stop(self) -> None:
        """End all workers."""
        await self.swap({})

    def _wanted_pulls(self, sources: Mapping[str, SourceConfig]) -> Mapping[str, _Wanted]:
        return {
            f"pull:{name}:{subscription}": (config, partial(self._begin_pull, name, config, subscription))
            for name, config in _ams_sources(sources)
            for subscription in config.subscriptions
        }

    def _begin_pull(self, name: str, config: AmsSourceConfig, subscription: str) -> Run:
        from bridge.sources.ams import AmsSource  # with aiohttp, which who pulls nothing may never need

        append, aside = self._appender(config), self._put_aside(name, config)
        return AmsSource(config, subscription, append, aside, self._clock, self._rng).run

    def _wanted_fetches(self, sources: Mapping[str, SourceConfig]) -> Mapping[str, _Wanted]:
        made = ((name, config, getattr(KINDS.get(config.type), "make", None)) for name, config in sources.items())
        return {
            f"fetch:{name}": (config, partial(self._begin_fetch, name, config, make))
            for name, config, make in made
            if make is not None
        }

    def _begin_fetch(self, name: str, config: Any, make: FetcherMaker) -> Run:
        from bridge.sources.fetching_source import FetchWorker

        append, aside = self._appender(config), self._put_aside(name, config)
        fetcher = partial(make, name, config, self._clock)
        return FetchWorker(name, config, fetcher, append, aside, self._clock, self._rng).run

    def _appender(self, config: SourceConfig) -> Append:
        async def append(messages: Sequence[NewMessage], producer_key: str) -> Appended:
            publish = partial(self._broker.publish, self._topic(config), producer_key=producer_key)
            if self._tracer is None:
                return await publish(messages)
            from bridge.core.traced_receipt import Arrival, append_traced  # only where traces are told

            arrival = Arrival(config.topic, "consumer", self._clock.wall_us())
            return (await append_traced(self._tracer, self._clock, arrival, messages, publish)).appended

        return append

    def _put_aside(self, name: str, config: SourceConfig) -> PutAside:
        async def keep_aside(refused: RefusedMessage) -> None:
            await put_aside(self._broker.store, self._topic(config), config.topic, refused, moment_of(self._clock))
            self._told_refused(name)

        return keep_aside

    def _topic(self, config: SourceConfig) -> Topic:
        _, project_name, _, topic_name = config.topic.split("/")
        project = self._broker.cache.project(project_name)
        topic = self._broker.cache.topic(project.uid, topic_name) if project is not None else None
        if topic is None:
            raise StoreUnavailable(f"the topic {config.topic} does not exist; name it under projects:")
        return topic


def _ams_sources(sources: Mapping[str, SourceConfig]) -> Sequence[tuple[str, AmsSourceConfig]]:
    """The sources that are remote AMS services."""
    if not any(config.type == "ams" for config in sources.values()):
        return ()
    from bridge.sources.ams import AmsSourceConfig

    return [(name, config) for name, config in sources.items() if isinstance(config, AmsSourceConfig)]
