"""What nodes that share a store say of themselves to each other, and what of it does not fit together.

Each node keeps one note in the catalog: the rule set that it serves, the one that its own files make, what is wrong
with it, and sums over the parts of its bridge.yaml that all nodes have alike. Whoever lives is asked of the store.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from bridge.routing.service_notes import put_note
from broker.broker import Broker
from broker.catalog_cache import CatalogCache
from broker.clock import Clock
from broker.conflicts import retry_on_conflict
from broker.errors import VersionMoved
from broker.model import NodeStanding
from broker.records import ServiceNote
from broker.store import Ownership

NODE_NOTE: Final = "node:"
"""How the names of nodes' notes begin."""

_EVERY_S: Final = 2.0


class NodeWord(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says of itself.

    ``serves`` is the rule set that it decides by ("" for none), ``files`` the one that its own files make ("" when they
    are bad), ``degraded`` what is not as the files say, ``settings`` a sum for each part of bridge.yaml.
    """

    serves: str = ""
    files: str = ""
    degraded: str = ""
    release: str = ""
    settings: dict[str, str] = {}


class FellowNodes:
    """Keeps this node's word, and compares it with those of others that live."""

    def __init__(
        self, broker: Broker, ownership: Ownership, clock: Clock, node: str, describe: Callable[[], NodeWord]
    ) -> None:
        self._broker = broker
        self._ownership = ownership
        self._clock = clock
        self._node = node
        self._describe = describe
        self._others: Sequence[str] = ()

    async def follow(self) -> None:
        """Keep this node's word as things change, and know who else lives, for ever."""
        while True:
            await self.look()
            await self._clock.sleep(_EVERY_S)

    async def look(self) -> None:
        """Say how this node stands, and see who else lives. Raises StoreError."""
        await retry_on_conflict(self._say, what="what this node says of itself", on=VersionMoved)
        self._others = list_others(await self._ownership.nodes(), self._node)

    def explain(self) -> str:
        """What other nodes that live have otherwise than this one, a line for each, or ""."""
        words, ours = read_words(self._broker.cache), self._describe()
        return "\n".join(
            f"bridge.yaml is not the same on node {other}: {', '.join(parts)}; give all nodes the same, and reload them"
            for other in self._others
            if (word := words.get(other)) is not None and (parts := _differing(ours.settings, word.settings))
        )

    async def _say(self) -> None:
        cache, name = self._broker.cache, f"{NODE_NOTE}{self._node}"
        word = self._describe()
        degraded = "\n".join(filter(None, [word.degraded, self.explain()]))
        value = msgspec.json.encode(msgspec.structs.replace(word, degraded=degraded)).decode()
        note = cache.find(ServiceNote, name)
        if note is not None and note.value == value:
            return
        await cache.write([put_note(self._broker, name, value)])


def list_others(nodes: Sequence[NodeStanding], node: str) -> list[str]:
    """The other nodes that live, by name."""
    return [other.name for other in nodes if other.is_alive and other.name != node]


def read_words(cache: CatalogCache) -> dict[str, NodeWord]:
    """What each node said last, those that are gone included."""
    notes = [note for note in cache.list_all(ServiceNote) if note.name.startswith(NODE_NOTE)]
    return {note.name.removeprefix(NODE_NOTE): read_word(note) for note in notes}


def read_word(note: ServiceNote) -> NodeWord:
    """What a node's note says; nothing is known of one that another release wrote otherwise."""
    try:
        return msgspec.json.decode(note.value, type=NodeWord)
    except msgspec.MsgspecError:
        return NodeWord()


def sum_under(key: bytes, text: bytes) -> str:
    """A short sum over a text, by which nobody without the key finds the text."""
    return hmac.new(key, text, hashlib.sha256).hexdigest()[:12]


def _differing(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    return [f"{name}:" for name in sorted(ours.keys() & theirs.keys()) if ours[name] != theirs[name]]
