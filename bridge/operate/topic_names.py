"""Topics by the names people type."""

from __future__ import annotations

from bridge.operate.operator_errors import NoSuchThing
from bridge.routing.routers import full_names
from broker.broker import Broker
from rules.source.words import suggest


def topic_names(broker: Broker) -> dict[str, str]:
    """Topic uid to full name, of every topic that exists."""
    return {uid: name for uid, (name, _) in full_names(broker).items()}


def topic_uid(broker: Broker, text: str) -> str:
    """The uid of ``projects/P/topics/T`` or ``P/T``. Raises NoSuchThing."""
    uids = {name: uid for uid, name in topic_names(broker).items()}
    parts = text.strip("/").split("/")
    name = f"projects/{parts[0]}/topics/{parts[1]}" if len(parts) == 2 else text
    if name not in uids:
        raise NoSuchThing("topic", text, f'there is no topic "{text[:200]}"{suggest(name, uids)}')
    return uids[name]


def topic_uid_or_none(broker: Broker, text: str) -> str | None:
    """The uid of a topic, as ``topic_uid`` finds it; None when nothing was said. Raises NoSuchThing."""
    return topic_uid(broker, text) if text else None
