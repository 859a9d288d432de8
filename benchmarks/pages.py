"""Where each page goes that a lone message writes: ``python -m benchmarks.pages``.

Of each transaction the tables and indexes are named whose pages it wrote; and how many bytes of the store stay taken.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Final

import uvloop

from benchmarks import daemon
from benchmarks.deliveries import batches, publish_all
from benchmarks.receiver import receiving
from benchmarks.wal import transactions
from broker.clock import SystemClock

_WARM: Final = 5
_MESSAGES: Final = 20
_MORE: Final = 1_000
_SETTLES_S: Final = 0.1
_WITHIN_S: Final = 60.0
_CLOCK: Final = SystemClock()


async def look(folder: Path) -> tuple[Counter[tuple[str, ...]], float]:
    """How often which transaction was seen, as the tables and indexes it wrote; and the bytes a message keeps."""
    with receiving() as receiver:
        config = daemon.write_config(folder, receiver.url)
        store = folder / "state" / "bridge.db"
        with daemon.running(config) as started:
            for n in range(_WARM):
                await publish_all(started.server, batches(1, f"warm-{n}"))
                await receiver.wait_for(n + 1, _WITHIN_S)
                await _CLOCK.sleep(_SETTLES_S)
            before = len(transactions(store))
            for n in range(_MESSAGES):
                await publish_all(started.server, batches(1, f"lone-{n}"))
                await receiver.wait_for(_WARM + n + 1, _WITHIN_S)
                await _CLOCK.sleep(_SETTLES_S)
            names = _names(store)
            written = transactions(store)[before:]
            seen = Counter(tuple(sorted(names.get(page, f"page {page}") for page in pages)) for pages in written)
        bytes_before = _used(store)
        with daemon.running(config) as started:
            await publish_all(started.server, batches(_MORE, "more"))
            await receiver.wait_for(_WARM + _MESSAGES + _MORE, _WITHIN_S)
            await _CLOCK.sleep(_SETTLES_S)
        return seen, (_used(store) - bytes_before) / _MORE


def _names(store: Path) -> dict[int, str]:
    with closing(sqlite3.connect(store)) as db:
        return dict(db.execute("SELECT pageno, name FROM dbstat"))


def _used(store: Path) -> int:
    with closing(sqlite3.connect(store)) as db:
        pages, free, size = (
            db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)


def main() -> None:
    """Look, and print."""
    with tempfile.TemporaryDirectory(prefix="benchmark-pages-") as folder:
        seen, kept = uvloop.run(look(Path(folder)))
    for names, times in seen.most_common():
        print(f"{times:4} times {len(names):3} pages: {', '.join(names)}")
    print(f"{kept:.0f} bytes kept for each message")


if __name__ == "__main__":
    main()
