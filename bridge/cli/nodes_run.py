"""What ``nodes`` does: the daemons that share a store, what each serves, and which of them runs what."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bridge.cli.command_context import Context
from bridge.cli.fitting_tables import text_column, time_column
from bridge.cli.output import Failed, Output
from bridge.cli.setup import settings_of_context
from bridge.cli.typed import show_time
from bridge.operate.node_views import NodeView, view_nodes
from bridge.routing.fellow_nodes import NODE_NOTE, NodeWord, read_word
from broker.clock import SystemClock
from broker.engines import is_postgres, open_reader
from broker.errors import StoreError
from broker.records import ServiceNote
from broker.store import Store


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
        context.output.print_value({"nodes": nodes})
    else:
        _show(context.output, nodes)
    if not any(node.alive for node in nodes):
        raise Failed("no node lives")


async def _read(url: str) -> list[NodeView]:
    store = await open_reader(url, SystemClock())
    try:
        return view_nodes(await store.ownership.nodes(), await _words(store))
    finally:
        await store.close()


async def _words(store: Store) -> dict[str, NodeWord]:
    notes = [stored.record for stored in await store.catalog.list("note") if isinstance(stored.record, ServiceNote)]
    return {note.name.removeprefix(NODE_NOTE): read_word(note) for note in notes if note.name.startswith(NODE_NOTE)}


def _show(output: Output, nodes: Sequence[NodeView]) -> None:
    rows = [
        {
            "node": node.name,
            "state": _state(node),
            "since": show_time(node.since),
            "rules": node.rules if node.alive else "",
            "workers": str(len(node.workers)),
        }
        for node in nodes
    ]
    since = time_column("Since", lambda row: row["since"])
    rules, runs = text_column("Rule set", "rules"), text_column("Runs", "workers")
    columns = [text_column("Node", "node"), text_column("State", "state"), since, rules, runs]
    output.print_rows(rows, columns, empty="No daemon ever used this database.")
    for node in nodes:
        if node.alive and node.degraded:
            output.warn(f"{node.name}: {node.degraded}")
    workers = [
        {"worker": worker.name, "node": node.name, "since": show_time(worker.since), "from": worker.taken_from}
        for node in nodes
        for worker in node.workers
    ]
    if workers:
        output.say("")
        columns = [text_column("Worker", "worker"), text_column("Node", "node"), since]
        output.print_rows(workers, [*columns, text_column("Taken over from", "from")])


def _state(node: NodeView) -> str:
    if not node.alive:
        return "gone"
    return "degraded" if node.degraded else "alive"
