"""Notes that the daemon keeps of itself in the catalog, each under a name of its own."""

from __future__ import annotations

from broker.broker import Broker
from broker.model import Put
from broker.records import ServiceNote
from broker.tokens import random_uid


def put_note(broker: Broker, name: str, value: str) -> Put:
    """The change that makes the note of this name say ``value``; refused when another change of it comes first."""
    note, now_us = broker.cache.find(ServiceNote, name), broker.clock.wall_us()
    stored = broker.cache.get_stored(note) if note is not None else None
    record = ServiceNote(
        uid=note.uid if note is not None else random_uid(broker.entropy),
        created_us=note.created_us if note is not None else now_us,
        modified_us=now_us,
        name=name,
        value=value,
    )
    return Put(name, record, stored.version if stored is not None else 0)
