"""Parcels for the tests of destinations: one alert, each with the one thing changed that a test is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bridge.destinations.base import Delivered, Outcome, Parcel
from rules.model import Post

NOW_US = 1_767_225_600_000_000
MINUTE_US = 60_000_000
_OF_THE_PARCEL = frozenset(Parcel.__dataclass_fields__) - {"post"}

ALERT = Parcel(
    id="0123456789abcdef0123456789abcdef",
    post=Post(text="disk full"),
    phase="message",
    order_key="web1",
    rule="disks",
    key="web1",
    topic="projects/OPS/topics/alerts",
    created_us=NOW_US,
)


def a_parcel(**changed: Any) -> Parcel:
    """A plain message; names of the parcel change it, all others change its post."""
    own = {name: changed.pop(name) for name in list(changed) if name in _OF_THE_PARCEL}
    return replace(ALERT, post=Post(**{"text": "disk full"} | changed), **own)


def of_incident(phase: str, minute: int = 0, **changed: Any) -> Parcel:
    """News of an incident, ``minute`` minutes after it began."""
    asked = {"id": f"{phase}-{minute}", "incident": "web1", "created_us": NOW_US + minute * MINUTE_US}
    return a_parcel(phase=phase, **asked | changed)


def receipt_in(outcome: Outcome) -> str:
    """The receipt of a delivery that arrived."""
    assert isinstance(outcome, Delivered), outcome
    assert outcome.receipt is not None
    return outcome.receipt
