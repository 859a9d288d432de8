"""Waiting for the first of several things."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any

from broker.clock import Clock


async def wait_for_first(clock: Clock, timeout_s: float | None, *things: Coroutine[Any, Any, object]) -> None:
    """Return once one of ``things`` is done or ``timeout_s`` have passed; the others are cancelled.

    What the finished one raised is raised here.
    """
    pending: list[asyncio.Task[object]] = [asyncio.ensure_future(thing) for thing in things]
    try:
        async with clock.timeout(timeout_s):
            done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError:
        return
    finally:
        await _cancelled(pending)
    for finished in done:
        finished.result()


async def _cancelled(pending: list[asyncio.Task[object]]) -> None:
    for one in pending:
        one.cancel()
    waiting: list[Awaitable[object]] = list(pending)
    await asyncio.gather(*waiting, return_exceptions=True)
