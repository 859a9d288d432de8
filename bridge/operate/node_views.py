"""The nodes that share a store: which live, what each serves, and which of them runs what since when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_times import rfc3339
from bridge.routing.fellow_nodes import NodeWord, read_words
from broker.model import NodeStanding


class WorkerHeld(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that a node runs, since when, and the node it was taken over from ("" for none)."""

    name: str
    since: str
    token: int
    taken_from: str


class NodeView(msgspec.Struct, frozen=True, kw_only=True):
    """A node as it stands.

    ``rules`` is the rule set that it decides by ("" for none), ``files`` the one that its own files make ("" when they
    are bad), ``degraded`` what is not as its files say.
    """

    name: str
    alive: bool
    since: str
    rules: str
    files: str
    degraded: str
    release: str
    workers: list[WorkerHeld]


class NodesPage(msgspec.Struct, frozen=True, kw_only=True):
    """All nodes that ever used the store, none where it is for one daemon alone; ``here`` is the one that answers."""

    here: str
    nodes: list[NodeView]


async def read_nodes(context: OperatorContext) -> NodesPage:
    """The nodes by name. Raises StoreUnavailable."""
    holdings = context.supervisor.holdings
    here = holdings.node if holdings is not None and holdings.is_shared else ""
    standings = await context.store.ownership.nodes()
    return NodesPage(here=here, nodes=view_nodes(standings, read_words(context.broker.cache)))


def view_nodes(standings: Sequence[NodeStanding], words: Mapping[str, NodeWord]) -> list[NodeView]:
    """What the store and the nodes themselves say, together."""
    return [_view(node, words.get(node.name, NodeWord())) for node in standings]


def _view(node: NodeStanding, word: NodeWord) -> NodeView:
    return NodeView(
        name=node.name,
        alive=node.is_alive,
        since=rfc3339(node.since_us),
        rules=word.serves,
        files=word.files,
        degraded=word.degraded,
        release=word.release,
        workers=[
            WorkerHeld(
                name=worker.name, since=rfc3339(worker.since_us), token=worker.token, taken_from=worker.taken_from
            )
            for worker in node.workers
        ],
    )
