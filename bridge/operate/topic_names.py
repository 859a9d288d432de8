"""Topics by the names people type."""

from __future__ import annotations

from bridge.operate.http_answers import OperatorRequest, Refusal
from bridge.routing.routers import full_names
from rules.source.words import suggest


def topic_names(asked: OperatorRequest) -> dict[str, str]:
    """Topic uid to full name, of every topic that exists."""
    return {uid: name for uid, (name, _) in full_names(asked.source.broker).items()}


def topic_uid(asked: OperatorRequest, said: str) -> str:
    """The uid of ``projects/P/topics/T`` or ``P/T``. Raises Refusal."""
    uids = {name: uid for uid, name in topic_names(asked).items()}
    parts = said.strip("/").split("/")
    name = f"projects/{parts[0]}/topics/{parts[1]}" if len(parts) == 2 else said
    if name not in uids:
        raise Refusal(404, f'there is no topic "{said[:200]}"{suggest(name, uids)}')
    return uids[name]


def topic_uid_or_none(asked: OperatorRequest, said: str) -> str | None:
    """As ``topic_uid``; None when nothing was said. Raises Refusal."""
    return topic_uid(asked, said) if said else None
