"""The part of the store contract that is about nodes. Import it from ``broker.store``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from broker.model import NodeStanding, OwnerToken


class Ownership(Protocol):
    """Which node runs which worker. One node: everything is ours, for ever, with token 1."""

    @property
    def ttl_s(self) -> float:
        """How long what is held stays held without being renewed; infinite where there is one node."""

    async def hold(self, node: str, wanted: Sequence[str]) -> Mapping[str, OwnerToken]:
        """Renew what this node holds of ``wanted``, claim its fair share of the free ones, and say what it holds.

        Call it each second; a worker not renewed within its TTL may be claimed by another node with a higher token.
        What this node held and wants no longer is given back.
        """

    async def release(self, node: str) -> None:
        """Give everything back at once (a clean stop)."""

    async def nodes(self) -> Sequence[NodeStanding]:
        """The nodes that are known, by name, with what each runs."""
