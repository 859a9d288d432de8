"""All nodes of a store seal tokens and sign buttons with the same key; one that has another does not start.

The store keeps a name for the key, from which nobody finds it.
"""

from __future__ import annotations

import math
from typing import Final

import structlog

from bridge.app.state_folder import BadSealingKey
from bridge.routing.fellow_nodes import list_others, sum_under
from bridge.routing.service_notes import put_note
from broker.planned import PlannedCatalog
from broker.records import ServiceNote

_NOTE: Final = "sealing-key"

log = structlog.get_logger("daemon")


async def check_sealing_key(catalog: PlannedCatalog, node: str, key: bytes) -> None:
    """Note the key's name where it is the first, or nobody else lives who has another. Raises BadSealingKey."""
    ownership, cache = catalog.real.store.ownership, catalog.broker.cache
    if math.isinf(ownership.ttl_s):
        return
    ours, note = fingerprint(key), cache.find(ServiceNote, _NOTE)
    if note is not None and note.value == ours:
        return
    others = list_others(await ownership.nodes(), node)
    if note is not None and others:
        raise BadSealingKey(
            f"this node's sealing key ({ours}) is not that of {', '.join(others)} ({note.value}): tokens and buttons "
            "that one node makes would be worth nothing on another; give every node the same key"
        )
    if note is not None:
        log.warning("the sealing key is another one than before: tokens that were sealed cannot be shown any more")
    await cache.write([put_note(catalog.broker, _NOTE, ours)])


def fingerprint(key: bytes) -> str:
    """A name for a sealing key, from which nobody finds the key."""
    return sum_under(key, b"the sealing key of ams-bridge")
