"""What ``nodes`` does: the daemons that share a store, and what each runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from bridge.cli.command_context import Context
from bridge.cli.fitting_tables import text_column, time_column
from bridge.cli.output import Failed
from bridge.cli.setup import settings_of_context
from bridge.cli.typed import show_time
from bridge.operate.operator_times import rfc3339
from broker.clock import SystemClock
from broker.engines import is_postgres, open_reader
from broker.errors import StoreError
from broker.model import NodeStanding


def list_nodes(context: Context) -> None:
    """Tell of the daemons that share the store. Raises Failed when none lives, or the store is shared with nobody."""
    settings = settings_of_context(context)
    if not is_postgres(settings.store):
        raise Failed("nodes share a store in PostgreSQL; the daemon of any other store is alone")
    try:
        nodes = asyncio.run(_read(settings.store))
    except StoreError as error:
        raise Failed(str(error)) from error
    if context.output.as_json:
        context.output.print_value({"nodes": [_value(node) for node in nodes]})
    else:
        _show(context, nodes)
    if not any(node.is_alive for node in nodes):
        raise Failed("no node lives")


async def _read(url: str) -> Sequence[NodeStanding]:
    store = await open_reader(url, SystemClock())
    try:
        return await store.ownership.nodes()
    finally:
        await store.close()


def _value(node: NodeStanding) -> dict[str, Any]:
    workers = [
        {"name": worker.name, "since": rfc3339(worker.since_us), "token": worker.token, "taken_from": worker.taken_from}
        for worker in node.workers
    ]
    return {"name": node.name, "alive": node.is_alive, "since": rfc3339(node.since_us), "workers": workers}


def _show(context: Context, nodes: Sequence[NodeStanding]) -> None:
    output = context.output
    rows = [
        {
            "node": node.name,
            "state": "alive" if node.is_alive else "gone",
            "since": show_time(rfc3339(node.since_us)),
            "workers": str(len(node.workers)),
        }
        for node in nodes
    ]
    since = time_column("Since", lambda row: row["since"])
    columns = [text_column("Node", "node"), text_column("State", "state"), since, text_column("Runs", "workers")]
    output.print_rows(rows, columns, empty="No daemon ever used this database.")
    workers = [
        {
            "worker": worker.name,
            "node": node.name,
            "since": show_time(rfc3339(worker.since_us)),
            "from": worker.taken_from,
        }
        for node in nodes
        for worker in node.workers
    ]
    if workers:
        output.say("")
        columns = [text_column("Worker", "worker"), text_column("Node", "node"), since]
        output.print_rows(workers, [*columns, text_column("Taken over from", "from")])
