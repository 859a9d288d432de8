"""The page of nodes: the daemons that share the store, what each serves and runs, and who was taken over."""

from __future__ import annotations

from typing import Any

from bridge.control.http_answers import OperatorRequest
from bridge.operate.node_views import read_nodes


async def view_nodes_page(asked: OperatorRequest) -> dict[str, Any]:
    """The page ``/nodes``."""
    page = await read_nodes(asked.context)
    alive = [node for node in page.nodes if node.alive]
    return {"page": page, "alive": alive, "one_version": len({node.rules for node in alive}) < 2}
