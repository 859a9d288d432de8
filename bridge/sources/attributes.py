"""Headers of a call that say what its event is: kept as attributes, by their names in lower case."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import unquote

from bridge.sources.standard_webhooks import ID

_CLOUD_EVENT: Final = "ce-"
_EVENT: Final = frozenset(
    {
        "x-github-event",
        "x-github-delivery",
        "x-gitlab-event",
        "x-gitlab-event-uuid",
        "x-gitea-event",
        "x-gitea-event-type",
        "x-gitea-delivery",
        "x-forgejo-event",
        "x-forgejo-delivery",
        "x-gogs-event",
        "x-gogs-delivery",
        "x-event-key",
        "x-hook-uuid",
        "x-event-type",
        ID,
    }
)
_DELIVERY: Final = (
    "x-github-delivery",
    "x-forgejo-delivery",
    "x-gitea-delivery",
    "x-gogs-delivery",
    ID,
    "idempotency-key",
)
_LONGEST_ID: Final = 200


def event_attributes(headers: Mapping[str, str], named: Collection[str], *, well_known: bool) -> dict[str, str]:
    """What the headers of a call say of its event: those ``named`` in the settings, and those known to be used so."""
    wanted = {*(name.lower() for name in named), *(_EVENT if well_known else ())}
    return {
        name: unquote(value) if name.startswith(_CLOUD_EVENT) else value
        for name, value in headers.items()
        if name in wanted or (well_known and name.startswith(_CLOUD_EVENT))
    }


def sender_delivery_id(headers: Mapping[str, str]) -> str:
    """What the sender calls this very delivery, the same when it sends it again; "" when it does not say."""
    text = next((f"{name}:{headers[name]}" for name in _DELIVERY if headers.get(name)), "")
    return text if len(text) <= _LONGEST_ID else ""
