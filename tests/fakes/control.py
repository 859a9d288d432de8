"""A running daemon whose destinations can be shut, for tests of the product's own API and of the command line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from broker.engines.memory import MemoryStore
from broker.engines.memory.trouble import Gate
from tests.line.stage import Stage, a_stage

T = TypeVar("T")

RULES = """
topic: projects/P/topics/T
rules:
  - name: hosts
    match: {$.host: {exists: true}}
    key: "{{ data.host }}"
    resolved: {$.status: OK}
    severity: "{{ data.severity | default('warning') }}"
    text: "{{ data.host }} is {{ data.status }}"
    send: chat
  - {name: notes, match: {$.note: {exists: true}}, text: "note {{ data.note }}", send: board}
"""
BOARD = "  board: {type: inbox}\n"
NOBODY_THERE = "http://127.0.0.1:9/hooks/aaaaaaaaaaaaaaaaaaaaaaaaaa"


def chat(url: str = NOBODY_THERE) -> str:
    """The destination ``chat``: a Mattermost hook, by default one where nobody answers."""
    return f"  chat: {{type: mattermost, url: {url}, rate: null, timeout: 5s}}\n"


@asynccontextmanager
async def a_daemon(folder: Path, url: str = NOBODY_THERE, rules: str = RULES, **said: Any) -> AsyncIterator[Stage]:
    """A daemon on a store in memory with the destinations ``chat`` (at ``url``) and ``board`` (an inbox)."""
    async with a_stage(folder, rules, chat(url) + BOARD, store="memory", **said) as stage:
        await routed(stage)
        yield stage


async def routed(stage: Stage) -> None:
    """Return once every topic that rules hear has its router at its place."""
    while not await stage.daemon.store.cursors.list("r/"):
        await stage.clock.advance(0)


def trouble_in(stage: Stage) -> Gate:
    """Where the store is told to fail."""
    store = stage.daemon.store
    assert isinstance(store, MemoryStore)
    return store.gate


async def meanwhile(stage: Stage, waiting: Awaitable[T], step_s: float = 0.05) -> T:
    """What is waited for, while virtual time goes on."""
    future = asyncio.ensure_future(waiting)
    while not future.done():
        await stage.clock.advance(step_s)
    return future.result()


async def decided(stage: Stage, *payloads: Any, deliveries: int) -> list[str]:
    """Publish to T, and give the ids of all deliveries, oldest first, once there are so many."""
    await stage.publish(*payloads)
    return [one.id for one in await stage.until(lambda found: len(found) == deliveries)]
