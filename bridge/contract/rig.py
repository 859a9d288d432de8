"""A rig of a destination kind: how to build one, what its service can answer, and how to see what arrived there."""

from __future__ import annotations

import operator
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from bridge.destinations.base import Delivered, Destination, Later, Outcome, Parcel, Refused
from bridge.destinations.destination_kinds import KINDS, Tools
from bridge.destinations.kit.http_client import make_client
from broker.clock import SystemClock
from rules.model import Post

PATIENT: Mapping[str, Any] = {"timeout": "20s"}
"""For trials in which an answer comes: however busy the machine is, it comes within that."""
HURRIED: Mapping[str, Any] = {"timeout": "400ms"}
"""For trials in which none comes."""
PARCEL = Parcel(
    id="0123456789abcdef0123456789abcdef",
    post=Post(text="disk full", title="web1", severity="critical"),
    phase="message",
    order_key="web1",
    rule="disks",
    key="web1",
    created_us=SystemClock().wall_us(),
)


def parcel(**post: Any) -> Parcel:
    """A delivery of a post with some parts changed."""
    changed = {"text": "disk full", "title": "web1", "severity": "critical"} | post
    return Parcel(**{name: getattr(PARCEL, name) for name in Parcel.__dataclass_fields__} | {"post": Post(**changed)})


@dataclass(frozen=True, slots=True)
class Trial:
    """One answer of a service, or one trouble on the way there.

    ``when`` is what the page calls it; ``arrange`` makes it happen at the next try; ``config`` changes the settings.
    """

    when: str
    arrange: Callable[[Any], object] = lambda service: None
    parcel: Parcel = PARCEL
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rig:
    """A service that runs, and what a destination has to be told to use it.

    ``arrived`` counts what stands there; ``tries`` counts how often it was asked to take something (None where nobody
    can count). ``sent`` is what it was given last, in the form of a preview's body; ``keys`` are the idempotency keys
    it was given (None where the service has no such thing). ``asks`` is whether a probe can ask the service without
    posting, and hears when nobody is there. ``keeps`` is False for a kind that puts nothing anywhere. ``same`` compares
    a preview's body with what was sent.
    """

    kind: str
    service: Any
    config: Mapping[str, Any]
    secrets: Sequence[str]
    arrived: Callable[[], int]
    sent: Callable[[], Any]
    tries: Callable[[], int] | None = None
    keys: Callable[[], Sequence[str]] | None = None
    nowhere: Mapping[str, Any] | None = None
    clear: Callable[[], object] = lambda: None
    topics: Any = None
    trials: Sequence[Trial] = ()
    asks: bool = True
    keeps: bool = True
    same: Callable[[Any, Any], bool] = operator.eq

    def build(self, **changed: Any) -> Destination:
        """A destination of the kind, from settings as a file would say them."""
        kind = KINDS[self.kind]
        config = {"type": self.kind, "rate": None, **PATIENT, **self.config, **changed}
        tools = Tools(SystemClock(), make_client, topics=self.topics)
        return kind.build("ops", kind.config.model_validate(config), tools)

    @asynccontextmanager
    async def at_work(self, **changed: Any) -> AsyncIterator[Destination]:
        """Build a destination for the length of the block, and close it."""
        destination = self.build(**changed)
        try:
            yield destination
        finally:
            await destination.close()


Opener: TypeAlias = Callable[[Path], AbstractAsyncContextManager[Rig]]


def outcome_text(outcome: Outcome) -> str:
    """An outcome as the page says it."""
    match outcome:
        case Delivered():
            return "delivered"
        case Later():
            after = f" after {outcome.after_s:g} s" if outcome.after_s is not None else ""
            slower = ", and slower" if outcome.throttled else ""
            settings = "; a fault of the settings" if outcome.misconfigured else ""
            return f"later{after}{slower}" + settings + ("; **unclear**" if outcome.unclear else "")
        case Refused():
            plainer = f"; once more as `{outcome.plainer}`" if outcome.plainer else ""
            return "refused" + plainer + ("; the destination is gone" if outcome.destination_gone else "")
