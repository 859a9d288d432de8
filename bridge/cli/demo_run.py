"""``ams-bridge demo``: the whole line on this machine, with sample alerts and an inbox in place of Mattermost.

It is the daemon of ``examples/argo-status``, assembled as always but for its address (a free port of loopback, open
to whoever sits here) and its folder (a temporary one). Samples come in over real HTTP; posts are read from the store.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import uvloop

from bridge.app.build import assemble
from bridge.app.daemon import start, stop_daemon
from bridge.app.parts import Daemon
from bridge.app.signals import handle_signals
from bridge.cli.drawing import message_book, print_post, send_book
from bridge.cli.output import Failed, Output
from bridge.core.posts import post_from_bytes
from bridge.core.waiting import wait_for_first
from bridge.observe.logs import configure_logs
from bridge.routing.ledger import all_balanced
from bridge.routing.routers import full_names
from bridge.settings.model import LogSettings
from bridge.settings.settings_file import read_settings
from broker.clock import SystemClock
from broker.model import Delivery, DeliveryQuery
from broker.names import router_cursor
from broker.tokens import random_hex

TOPIC: Final = "projects/ARGO/topics/status"
_SAMPLES: Final = "status-events.jsonl"
_EVERY_S: Final = 3.0
_LOOK_EVERY_S: Final = 0.05
_LONGEST_WAIT_S: Final = 60.0
_BALANCED: Final = "the books balance: every message, and every send decided for it, stands in one place"
_TOKEN_VARIABLE: Final = "AMS_BRIDGE_TOKEN"  # noqa: S105 - the name of a variable


def run_demo(once: bool, output: Output) -> int:
    """Show the line at work; with ``once`` every sample once, then 0 if the books balance, else 1."""
    configure_logs(LogSettings(level="error", format="console"))
    with tempfile.TemporaryDirectory(prefix="ams-bridge-demo-") as folder:
        shutil.copytree(example_folder(), folder, dirs_exist_ok=True)
        return uvloop.run(_run(Path(folder), output, once=once))


def example_folder() -> Path:
    """The example the demo runs: in a wheel beside the templates, in a checkout at its own place. Raises Failed."""
    root = Path(__file__).parents[2]
    for place in (root / "templates" / "examples" / "argo-status", root / "examples" / "argo-status"):
        if (place / "bridge.yaml").exists():
            return place
    raise Failed("the example of the demo is missing from this installation; install ams-bridge anew")


async def _run(folder: Path, output: Output, *, once: bool) -> int:
    clock = SystemClock()
    environ = {_TOKEN_VARIABLE: random_hex(os.urandom)}
    config = folder / "bridge.yaml"
    settings = read_settings(config, environ, None)
    server = settings.server.model_copy(update={"listen": "127.0.0.1:0", "tls": "off"})
    settings = settings.model_copy(update={"server": server})
    stop = asyncio.Event()
    with handle_signals(stop.set, lambda: None):
        daemon = await assemble(config, settings, environ, clock, open_pages=True)
        await start(daemon)
        url = f"http://127.0.0.1:{daemon.servers[0].port}"
        async with httpx.AsyncClient(base_url=url, headers={"x-api-key": environ[_TOKEN_VARIABLE]}) as http:
            show = _Show(daemon, http, output, _samples(folder))
            try:
                await show.wait_routed()
                await (show.publish_all() if once else show.publish_until(stop))
                return await show.print_ledger()
            finally:
                await stop_daemon(daemon)


def _samples(folder: Path) -> list[bytes]:
    return [line for line in (folder / _SAMPLES).read_bytes().splitlines() if line.strip()]


@dataclass(slots=True)
class _Show:
    """Publishes samples and prints what becomes of them."""

    daemon: Daemon
    http: httpx.AsyncClient
    output: Output
    samples: Sequence[bytes]
    shown: set[str] = field(default_factory=set)
    posts: list[dict[str, Any]] = field(default_factory=list)

    async def wait_routed(self) -> None:
        """Return once the topic's router has its place: what came before would be passed over."""
        (uid,) = (uid for uid, (name, _) in full_names(self.daemon.broker).items() if name == TOPIC)
        while await self.daemon.store.cursors.get(router_cursor(uid)) is None:
            await self.daemon.clock.sleep(_LOOK_EVERY_S)

    async def publish_all(self) -> None:
        """All samples at once."""
        self.output.say(f"ams-bridge is up; publishing {len(self.samples)} status events of ARGO to {TOPIC} ...\n")
        await self._publish(self.samples)
        await self._settle(asyncio.Event())
        await self._print_new()

    async def publish_until(self, stop: asyncio.Event) -> None:
        """One sample every few seconds, over and over, until ``stop``."""
        self._welcome()
        for sample in itertools.cycle(self.samples):
            await self._publish([sample])
            await self._settle(stop)
            if not await self._print_new():
                event = msgspec.json.decode(sample)
                self.output.say(f"  (a {event.get('type')} is {event.get('status')}: no rule wants it)")
            await wait_for_first(self.daemon.clock, _EVERY_S, stop.wait())
            if stop.is_set():
                return

    def _welcome(self) -> None:
        """Say where to look, and what to try."""
        url = str(self.http.base_url).rstrip("/")
        token = self.http.headers["x-api-key"]
        own = '{"type": "endpoint_group", "status": "CRITICAL", "endpoint_group": "MY-SITE", "summary": "my own"}'
        for line in (
            f"ams-bridge is up. Look at {url}/inbox for the posts as people see them,",
            f"  {url}/messages for what came in and why it was told or not, and {url} for all else.",
            "Publish an alert of your own from another terminal:",
            f"  {sys.argv[0]} --url {url} --token {token} publish ARGO/status --data '{own}'",
            f"Meanwhile a sample comes every {_EVERY_S:g} s, to {TOPIC}. Ctrl-C ends it.\n",
        ):
            self.output.say(line)

    async def print_ledger(self) -> int:
        """Print the ledger; 0 when it balances and nothing is left over."""
        books = await self.daemon.books()
        rows = msgspec.to_builtins(books)
        rows = [row | {"balanced": book.balanced} for row, book in zip(rows, books, strict=True)]
        left = any(book.messages.undecided or book.sends.waiting or book.sends.dead for book in books)
        balanced = all_balanced(books) and not left
        if self.output.as_json:
            self.output.print_value({"posts": self.posts, "ledger": rows, "balanced": balanced})
        else:
            self.output.say("")
            self.output.print_rows(rows, message_book(rows), title="Messages")
            self.output.say("")
            self.output.print_rows(rows, send_book(rows), title="Sends")
            self.output.confirm(_BALANCED) if balanced else self.output.warn("the books do not balance")
            self.output.say("Next: `ams-bridge init my-bridge` writes a configuration of your own.")
        return 0 if balanced else 1

    async def _publish(self, samples: Sequence[bytes]) -> None:
        messages = [{"data": base64.b64encode(sample).decode(), "attributes": {}} for sample in samples]
        answer = await self.http.post(f"/v1/{TOPIC}:publish", content=msgspec.json.encode({"messages": messages}))
        if answer.status_code != httpx.codes.OK:
            raise Failed(f"publishing failed: HTTP {answer.status_code} {answer.text}")

    async def _settle(self, stop: asyncio.Event) -> None:
        """Return once everything published is decided and delivered. Raises Failed when that takes too long."""
        clock = self.daemon.clock
        ends = clock.monotonic() + _LONGEST_WAIT_S
        while not stop.is_set():
            books = await self.daemon.books()
            left = any(book.messages.undecided or book.sends.waiting for book in books)
            if all_balanced(books) and not left:
                return
            if clock.monotonic() > ends:
                raise Failed(f"not everything was delivered within {_LONGEST_WAIT_S:g} s")
            await clock.sleep(_LOOK_EVERY_S)

    async def _print_new(self) -> int:
        query = DeliveryQuery(state="delivered", limit=1_000)
        deliveries = [
            delivery for delivery in await self.daemon.store.outbox.find(query) if delivery.id not in self.shown
        ]
        for delivery in reversed(deliveries):
            self.shown.add(delivery.id)
            self._print(delivery)
        return len(deliveries)

    def _print(self, delivery: Delivery) -> None:
        post = msgspec.to_builtins(post_from_bytes(delivery.new.post))
        self.posts.append({"destination": delivery.new.destination, "rule": delivery.new.rule} | post)
        poster = post["overrides"].get("username") or "ams-bridge"
        heading = f"{poster} in {delivery.new.destination}"
        print_post(self.output, post, heading, footer=f"rule {delivery.new.rule}")
