"""The whole daemon inside a test: real store file, real HTTP on loopback, real rules, and a clock moved by hand."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bridge.app.build import assemble
from bridge.app.daemon import start, stop_daemon
from bridge.app.parts import Daemon
from bridge.settings.settings_file import read_settings
from broker.clock import ManualClock
from broker.model import Delivery, DeliveryQuery

_STEP_S = 5.0  # well below a lease, which must not end while a test waits for real HTTP
TOKEN = "stage-token"
CONFIG = """
server: {{listen: "127.0.0.1:{port}", tls: {tls}, max_body: 2MiB, public_url: "{public_url}"}}
store: {store}
auth: {{service_token: {token}{auth_more}}}
projects:
  P:
    topics: {{T: {{}}, OTHER: {{}}}}
    subscriptions: {{S: {{topic: T}}}}
sources:
  hook: {{type: webhook, topic: projects/P/topics/T, token: hook-token}}
{sources}
destinations:
{destinations}
{more}
"""


@dataclass
class Stage:
    """A running daemon, its clock, and a client that speaks to it."""

    daemon: Daemon
    clock: ManualClock
    http: httpx.AsyncClient
    folder: Path

    async def publish(self, *payloads: Any, topic: str = "T") -> list[str]:
        """Publish payloads (bytes as they are, everything else as JSON) in one call and give their ids."""
        messages = [{"data": wire(payload), "attributes": {}} for payload in payloads]
        answer = await self.http.post(f"/v1/projects/P/topics/{topic}:publish", json={"messages": messages})
        answer.raise_for_status()
        ids: list[str] = answer.json()["messageIds"]
        return ids

    async def deliveries(self) -> list[Delivery]:
        """All deliveries, oldest first."""
        found = await self.daemon.store.outbox.find(DeliveryQuery(limit=10_000))
        return list(reversed(found))

    async def until(self, holds: Callable[[Sequence[Delivery]], bool], *, step_s: float = 0.0) -> list[Delivery]:
        """The deliveries once ``holds`` is true of them.

        Between looks ``step_s`` of virtual time passes.
        """
        for _ in range(100_000):  # many, for machines whose disk is slow
            found = await self.deliveries()
            if holds(found):
                return found
            await self.let_pass(step_s)
        raise AssertionError(f"this never came to be: {[(d.state, d.by, d.tries) for d in found]}")

    async def let_pass(self, seconds: float) -> None:
        """Let virtual time pass in small steps, but none while a try is under way: that is real HTTP."""
        left_s = seconds
        await self.clock.advance(0)
        while left_s > 0:
            await self.daemon.store.cursors.delete(
                "nobody"
            )  # the writer's thread has answered all that was asked before
            step_s = 0.0 if self.is_trying else min(left_s, _STEP_S)
            await self.clock.advance(step_s)
            left_s -= step_s

    @property
    def is_trying(self) -> bool:
        """Whether a courier has a try under way."""
        return any(route.courier.under_way for route in self.daemon.couriers.routes.values())

    async def settled(self, count: int, *, step_s: float = 0.0) -> list[Delivery]:
        """The deliveries once ``count`` of them exist and none waits."""
        return await self.until(
            lambda found: len(found) >= count and all(one.state != "waiting" for one in found), step_s=step_s
        )

    async def check_books(self) -> None:
        """Both books of every topic balance."""
        for book in await self.daemon.books():
            assert book.balanced, book


def wire(payload: Any) -> str:
    """A payload as it goes over an AMS wire."""
    return base64.b64encode(payload if isinstance(payload, bytes) else json.dumps(payload).encode()).decode()


@asynccontextmanager
async def a_stage(
    folder: Path,
    rules: str,
    destinations: str,
    *,
    store: str = "sqlite:state/bridge.db",
    more: str = "",
    sources: str = "",
    tls: bool = False,
    port: int = 0,
    public_url: str = "",
    auth_more: str = "",
) -> AsyncIterator[Stage]:
    """A daemon with these rules and destinations (YAML texts, destinations indented by two)."""
    (folder / "rules.d").mkdir(exist_ok=True)
    (folder / "rules.d" / "rules.yaml").write_text(rules)
    config = folder / "bridge.yaml"
    config.write_text(
        CONFIG.format(
            store=store,
            token=TOKEN,
            destinations=destinations,
            more=more,
            sources=sources,
            tls="self-signed" if tls else "off",
            port=port,
            public_url=public_url,
            auth_more=auth_more,
        )
    )
    clock = ManualClock()
    daemon = await assemble(config, read_settings(config, {}, None), {}, clock)
    await start(daemon)
    try:
        base_url = f"{'https' if tls else 'http'}://127.0.0.1:{daemon.servers[0].port}"
        trust = ssl.create_default_context(cafile=folder / "state" / "certificate.pem") if tls else True
        async with httpx.AsyncClient(base_url=base_url, headers={"x-api-key": TOKEN}, timeout=20, verify=trust) as http:
            yield Stage(daemon, clock, http, folder)
    finally:
        await stop_daemon(daemon)
