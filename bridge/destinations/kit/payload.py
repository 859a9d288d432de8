"""What a program is given of a delivery: the exact payload its rule asks for, else the neutral post as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from bridge.destinations.base import Parcel
from broker.clock import US_PER_S


def payload_of(parcel: Parcel) -> Any:
    """What the rule's ``body:`` says, else the neutral post with what it is about."""
    post = parcel.post
    if post.body is not None:
        return post.body
    fields = {
        "text": post.text,
        "title": post.title,
        "url": post.url,
        "severity": post.severity,
        "fields": [{"title": field.title, "value": field.value} for field in post.fields],
        "footer": post.footer,
        "rule": parcel.rule,
        "key": parcel.key,
        "phase": parcel.phase,
    }
    return {name: value for name, value in fields.items() if value}


def payload_bytes(parcel: Parcel) -> bytes:
    """The payload as it is sent: a text as it is, in UTF-8; anything else as compact JSON."""
    payload = payload_of(parcel)
    return payload.encode() if isinstance(payload, str) else msgspec.json.encode(payload)


def record_of(parcel: Parcel) -> Any:
    """The payload for a reader without headers: the neutral post names its delivery and time; a body stays exact."""
    if parcel.post.body is not None:
        return parcel.post.body
    return {"id": parcel.id, "time": rfc3339_ms(parcel.created_us), **payload_of(parcel)}


def rfc3339_ms(at_us: int) -> str:
    """A moment as programs read it: ``2026-01-01T00:00:00.000Z``."""
    return datetime.fromtimestamp(at_us / US_PER_S, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
