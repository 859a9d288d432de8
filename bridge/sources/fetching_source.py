"""A source that fetches, by a plugin: it is asked what is new, its messages are appended, and then it may forget them.

The plugin says what there is and names each message; everything that must not go wrong is done here. A message is
appended once, however often it is fetched, as long as producer keys are kept; what our topic refuses is put aside as
a dead letter (set_aside.py) and acknowledged like the others: it would come for ever.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import structlog
from pydantic import Field

from bridge.core.pauses import grow_pauses, pause_s
from bridge.core.quantities import Duration
from bridge.sources.set_aside import PutAside, RefusedMessage
from bridge.sources.source_config import SourceConfig
from broker.clock import Clock
from broker.errors import NotFound, OutcomeUnknown, Rejected, SchemaUnusable, StoreError
from broker.model import Appended, NewMessage

_LONGEST_PAUSE_S: Final = 300.0

log = structlog.get_logger("source")

AppendMessages: TypeAlias = Callable[[Sequence[NewMessage], str], Awaitable[Appended]]
"""Appends messages to the source's topic, once for each producer key."""


class FetchConfig(SourceConfig):
    """What every source that fetches can be told."""

    poll: Duration = Field(60.0, gt=0, description="Pause between two fetches")


class FetchTrouble(Exception):
    """The service did not give what was asked for now; the text says why, without secrets."""


@dataclass(frozen=True, slots=True)
class FetchedMessage:
    """A message with the name that it has at the service for good: the same name is appended once."""

    id: str
    message: NewMessage


class Fetcher(Protocol):
    """What a plugin makes of the settings of one source that fetches."""

    async def fetch(self) -> Sequence[FetchedMessage]:
        """The messages to append, oldest first; what was fetched before may come again. Raises FetchTrouble."""

    async def acknowledge(self, ids: Sequence[str]) -> None:
        """Take note that these are kept here for good, so that they need not come again. Raises FetchTrouble."""

    async def close(self) -> None:
        """Let go of connections."""


class FetchWorker:
    """Fetches the messages of one source into its topic."""

    def __init__(
        self,
        name: str,
        config: FetchConfig,
        make: Callable[[], Fetcher],
        append: AppendMessages,
        put_aside: PutAside,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._name = name
        self._config = config
        self._make = make
        self._append = append
        self._put_aside = put_aside
        self._clock = clock
        self._rng = rng

    async def run(self) -> None:
        """Fetch for ever; trouble over there or in our store is waited out with growing pauses."""
        fetcher, failures, pauses = self._make(), 0, grow_pauses(self._config.poll, _LONGEST_PAUSE_S)
        try:
            while True:
                rest_s = self._config.poll
                try:
                    await self.step(fetcher)
                    failures = 0
                except (FetchTrouble, StoreError, NotFound, SchemaUnusable) as trouble:
                    failures += 1
                    rest_s = pause_s(pauses, failures) * self._rng.uniform(0.5, 1.0)
                    log.warning("cannot fetch", source=self._name, reason=str(trouble), again_in_s=round(rest_s, 1))
                await self._clock.sleep(rest_s)
        finally:
            await fetcher.close()

    async def step(self, fetcher: Fetcher) -> int:
        """Fetch once, append what came, acknowledge it; says how many came.

        Raises FetchTrouble; and StoreError, NotFound or SchemaUnusable for what only we can mend: it is waited for.
        """
        fetched = await fetcher.fetch()
        for message in fetched:
            await self._keep(message)
        if fetched:
            await fetcher.acknowledge([message.id for message in fetched])
        return len(fetched)

    async def _keep(self, fetched: FetchedMessage) -> None:
        while True:
            try:
                await self._append([fetched.message], f"fetch:{self._name}:{fetched.id}")
            except OutcomeUnknown:
                continue  # the producer key makes asking again safe
            except SchemaUnusable:
                raise
            except Rejected as error:
                refused = RefusedMessage(self._name, f"{self._name}/{fetched.id}", fetched.message, str(error))
                await self._put_aside(refused)
            return
