"""Deliveries that wait, as the judgement of a backlog sees them: with their posts, line by line."""

from __future__ import annotations

import itertools
from typing import Any

from bridge.core.posts import post_to_bytes
from bridge.delivery.collapse.digest import HeldPost
from broker.model import Delivery
from rules.model import Post
from tests.fakes.deliveries import NOW_US, a_new_delivery

MINUTE_US = 60_000_000
_seqs = itertools.count(1)


def a_post(name: str, **changed: Any) -> Post:
    """A post of low severity whose text is ``name``."""
    return Post(**({"text": name, "severity": "warning"} | changed))


def held(name: str, *, post: Post | None = None, state: dict[str, Any] | None = None, **changed: Any) -> HeldPost:
    """A waiting delivery called ``name``; ``state`` is what became of it, ``changed`` what was decided."""
    post = post or a_post(name)
    decided = {"post": post_to_bytes(post), "severity": post.severity, "order_key": "host-1"} | changed
    new = a_new_delivery(name, **decided)
    seq = next(_seqs)
    return HeldPost(Delivery(new, seq, "waiting", new.due_us, **(state or {})), post)


def old(name: str, minutes: float = 60, **changed: Any) -> HeldPost:
    """The same, decided so many minutes ago."""
    at_us = NOW_US - round(minutes * MINUTE_US)
    return held(name, **({"created_us": at_us, "due_us": at_us} | changed))


def firing(name: str, minutes: float = 60, **changed: Any) -> HeldPost:
    """The beginning of the incident ``i``, some minutes ago."""
    return old(name, minutes, **({"phase": "firing", "incident": "i"} | changed))


def resolved(name: str, minutes: float = 30, **changed: Any) -> HeldPost:
    """Its end."""
    return old(name, minutes, **({"phase": "resolved", "incident": "i", "post": a_post(name, severity="ok")} | changed))
