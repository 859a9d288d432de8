"""The part of the store contract that is about nodes, and the token under which a worker writes.

Import ``Ownership`` from ``broker.store``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Protocol

from broker.model import NodeStanding, OwnerToken

_OWNER: Final[ContextVar[OwnerToken | None]] = ContextVar("owner", default=None)


@contextmanager
def writing_under(owner: OwnerToken | None) -> Iterator[None]:
    """Let every write that begins in the block, and in what is begun there, be a worker's own, held by ``owner``.

    None is for what nobody owns. See the contract in ``broker.store``.
    """
    before = _OWNER.set(owner)
    try:
        yield
    finally:
        _OWNER.reset(before)


def current_owner() -> OwnerToken | None:
    """The token under which is written here; None where nobody owns what writes."""
    return _OWNER.get()


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
