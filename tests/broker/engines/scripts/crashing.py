"""Opens a store, publishes as many messages as asked, and is gone without closing it: what a crash leaves behind."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from broker.clock import SystemClock
from broker.engines.sqlite import open_sqlite
from broker.model import NewMessage


async def _crash(path: Path, count: int) -> None:
    store = await open_sqlite(path, SystemClock())
    for number in range(count):
        await store.log.append("crashed", [NewMessage(f"{number}." + "x" * 3_000, {})])
    os._exit(0)


asyncio.run(_crash(Path(sys.argv[1]), int(sys.argv[2])))
