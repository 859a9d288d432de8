"""Reading a log over its slabs: as a rule one question to one table, and where a slab ends, on into the next."""

from __future__ import annotations

from typing import Final

from broker.engines.postgres.connections import Db, escape_nul
from broker.engines.postgres.queries import Rows, load
from broker.engines.postgres.slabs import KnownSlabs, LogSlabs, ask_slab
from broker.engines.texts import pairs_from_bytes
from broker.model import Message

_SQL: Final = load("log")


async def read_messages(db: Db, known: KnownSlabs, uid: str, offset: int, most: int, most_bytes: int) -> list[Message]:
    """Messages from ``offset`` on, as Log.read gives them.

    Each answer says in which slab the log's last message is: so a node need not ask where a log goes on before it meets
    the end of what it knows.
    """
    messages: list[Message] = []
    slab = known.get(uid).at(offset)
    while True:
        left = {"messages": most - len(messages), "bytes": most_bytes, "least": int(not messages)}
        rows = await ask_slab(db, _SQL["read"], slab, {"uid": uid, "offset": offset, **left})
        some = _messages_in(rows or [])
        messages += some
        if rows is not None and (not rows or rows[0][0] == slab or len(messages) >= most):
            return messages
        offset = some[-1].offset + 1 if some else offset
        if messages and await ask_slab(db, _SQL["goes_on"], slab, (uid, offset)):
            return messages  # what comes next was too large
        start = _behind(await known.learn(db, uid), slab, offset)
        if start is None:
            return messages
        most_bytes -= sum(len(escape_nul(message.data).encode()) for message in some)
        offset = max(offset, start)
        slab = known.get(uid).at(offset)


def _behind(slabs: LogSlabs, slab: int, offset: int) -> int | None:
    """From which offset on the log goes on behind a slab; ``offset`` where that one was dropped meanwhile."""
    return slabs.behind(slab) if not slab or slab in slabs.slabs else offset


def _messages_in(rows: Rows) -> list[Message]:
    return [
        Message(at, at_us, data, pairs_from_bytes(attributes))
        for _, at, at_us, data, attributes in rows
        if at is not None
    ]
