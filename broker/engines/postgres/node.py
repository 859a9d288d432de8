"""What one node is to the database: the number under which it holds leases, and where it keeps its sums."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from broker.engines.postgres.ownership import PostgresOwnership
from broker.errors import StoreError

_SHARDS = 16


@dataclass(frozen=True, slots=True)
class Node:
    """A running node; ``holder`` 0 is one that only looks."""

    holder: int
    ownership: PostgresOwnership

    @property
    def shard(self) -> int:
        """Which rows of the books it adds to, so that nodes seldom wait for each other there."""
        return self.holder % _SHARDS

    async def close(self) -> None:
        """Give everything back at once. Idempotent."""
        if self.holder:
            with suppress(StoreError):  # what is not given back is free when nothing is heard of the node any more
                await self.ownership.end()
        await self.ownership.close()
