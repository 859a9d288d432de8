"""Writes until the disk fails (a limit on the size of files), and tells what it saw, line by line."""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from broker.clock import ManualClock
from broker.engines.sqlite import open_sqlite
from broker.errors import OutcomeUnknown, StoreUnavailable
from broker.model import NewMessage

_LARGE = [NewMessage("x" * 20_000, {})]


def tell(*words: object) -> None:
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")


async def main(path: Path) -> None:
    store = await open_sqlite(path, ManualClock())
    await store.log.append("t", _LARGE)
    standing = path.with_name(path.name + "-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (standing + 12_000, resource.RLIM_INFINITY))
    answered = 1
    refused = set()
    for _ in range(6):
        try:
            await asyncio.gather(*(store.log.append("t", _LARGE) for _ in range(2)))
            answered += 2
        except (OutcomeUnknown, StoreUnavailable) as error:
            refused.add(type(error).__name__)
        try:
            tell("end", (await store.log.bounds("t")).end)
        except StoreUnavailable:
            tell("end unknown")
    tell("refused", *sorted(refused))
    tell("writable", (await store.health()).writable)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    tell("writable", (await store.health()).writable)
    end = (await store.log.bounds("t")).end
    tell("goes on", (await store.log.append("t", _LARGE)).first == end >= answered)
    await store.close()


asyncio.run(main(Path(sys.argv[1])))
