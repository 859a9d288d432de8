"""A source that fetches, as a plugin adds it: a queue over HTTP that gives its items until they are acknowledged."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

import httpx

from bridge.contract.http_trials import NOBODY
from bridge.contract.source_contract import FetchRig
from bridge.fakes.exchange import Reply, Request
from bridge.fakes.listening import running
from bridge.fakes.served import Served, json_reply
from bridge.plugin import Clock, FetchConfig, FetchedMessage, FetchPlugin, FetchTrouble, Secret, message_of
from broker.clock import SystemClock


class QueueConfig(FetchConfig):
    """Settings of a queue."""

    type: Literal["queue"] = "queue"
    url: str
    token: Secret


class QueueFetcher:
    """Asks the queue for its items."""

    def __init__(self, name: str, config: QueueConfig, clock: Clock) -> None:
        self._name = name
        self._config = config
        self._http = httpx.AsyncClient(headers={"x-token": config.token.reveal()}, timeout=5.0)

    async def fetch(self) -> Sequence[FetchedMessage]:
        """See Fetcher."""
        items = (await self._ask("GET")).json()
        return [
            FetchedMessage(one["id"], message_of(json.dumps(one["data"]).encode(), {"source": self._name}))
            for one in items
        ]

    async def acknowledge(self, ids: Sequence[str]) -> None:
        """See Fetcher."""
        await self._ask("DELETE", ",".join(ids))

    async def close(self) -> None:
        """See Fetcher."""
        await self._http.aclose()

    async def _ask(self, method: str, body: str = "") -> httpx.Response:
        try:
            answer = await self._http.request(method, self._config.url, content=body)
        except httpx.HTTPError as error:
            raise FetchTrouble(f"the queue does not answer: {type(error).__name__}") from error
        if answer.status_code != 200:
            raise FetchTrouble(f"the queue answers {answer.status_code}")
        return answer


PLUGIN = FetchPlugin(promise=1, config=QueueConfig, make=QueueFetcher)


class FakeQueue(Served):
    """A queue with these items, oldest first."""

    TOKEN = "the-token-of-the-queue"

    def __init__(self, **items: object) -> None:
        super().__init__(self._respond, SystemClock())
        self.items = dict(items)

    def _respond(self, request: Request) -> Reply:
        if request.header("x-token") != self.TOKEN:
            return Reply(401)
        if request.method == "DELETE":
            for name in request.text.split(","):
                self.items.pop(name, None)
        return json_reply([{"id": name, "data": data} for name, data in self.items.items()])


@asynccontextmanager
async def queue() -> AsyncIterator[FetchRig]:
    """A queue with three items."""
    with running(FakeQueue(a=1, b={"two": 2}, c="three")) as service:
        token = {"token": FakeQueue.TOKEN}
        yield FetchRig({"url": service.base_url, **token}, {"url": NOBODY, **token}, (FakeQueue.TOKEN,))
