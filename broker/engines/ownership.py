"""Ownership where there is one node: everything is ours, for ever, with token 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from broker.errors import NotOwner
from broker.model import NodeStanding, OwnerToken

_TOKEN = 1


class SoleOwnership:
    """See broker.store.Ownership."""

    ttl_s = math.inf

    async def hold(self, node: str, wanted: Sequence[str]) -> Mapping[str, OwnerToken]:
        """See Ownership."""
        return {worker: OwnerToken(worker, _TOKEN) for worker in wanted}

    async def release(self, node: str) -> None:
        """See Ownership."""

    async def nodes(self) -> Sequence[NodeStanding]:
        """See Ownership. Who asks is the only one."""
        return []


def check_owner(owner: OwnerToken | None) -> None:
    """Raise NotOwner for a token that was never given out here."""
    if owner is not None and owner.token != _TOKEN:
        raise NotOwner(owner)
