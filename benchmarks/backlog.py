"""A long backlog, as after an outage: deliveries that waited in the store are posted once the daemon is up.

The clock runs from the first arrival to the last. Beside it stands the bare HTTP client posting the same body.
"""

from __future__ import annotations

import statistics
from typing import Final

from benchmarks import bare, daemon
from benchmarks.receiver import receiving
from benchmarks.rows import Row
from benchmarks.scale import Run
from benchmarks.seeding import make_store, store_deliveries

NAME: Final = "backlog"
_WITHIN_S: Final = 240.0
_LIMIT_SHARE: Final = 20  # the bare client posts so small a part of the backlog in each round


async def measure(run: Run) -> list[Row]:
    """One row; each delivery arrives, or it raises RuntimeError."""
    count = run.scale.backlog
    with receiving() as receiver, bare.bare_client() as client:
        config = make_store(run.folder, receiver.url)
        run.tell(f"storing {count:,} deliveries")
        await store_deliveries(config, count)
        run.tell("draining")
        with daemon.running(config):
            seen = await receiver.wait_for(count, _WITHIN_S)
        if seen.distinct != count or seen.posts != count:
            raise RuntimeError(f"{count} deliveries came to {seen.posts} posts, {seen.distinct} of them distinct")
        per_s = (count - 1) / (seen.last_at - seen.first_at)
        body, share = receiver.bodies()[0][1], max(count // _LIMIT_SHARE, 100)
        limit = statistics.median(client.rate(receiver.url, body, share) for _ in range(run.scale.rounds))
    took = f"{count / per_s:,.0f} s, {per_s:,.0f} deliveries/s"
    what = f"{count:,} deliveries drained, {daemon.CONCURRENCY} at once"
    return [Row(NAME, what, took, "bare HTTP client", f"{limit:,.0f} posts/s", f"{per_s / limit:.2f}")]
