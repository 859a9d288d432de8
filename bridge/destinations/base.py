"""The destination contract, in words, and the closed set of outcomes.

A destination **tries once**. It draws a post its own way, sends it, and says what became of it as a value; it never
sleeps, loops, or decides about retries: that is the courier's work (semantics.md items 8-10). An exception that leaves
``deliver`` is a bug; the courier reports it as one, by name, and counts it as a failure of the message.

Splits at a size limit were made when the send was decided, so a destination is never given a text it must split.
It declares its limit in ``facts``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from bridge.core.plain_reason import plain_reason
from bridge.core.tracing import TraceContext
from rules.model import DestinationFacts, Post


@dataclass(frozen=True, slots=True)
class RateLimitStatus:
    """What the service said of its rate limit: ``remaining`` calls until ``reset_s`` seconds from now."""

    remaining: int
    reset_s: float


@dataclass(frozen=True, slots=True)
class Delivered:
    """The post arrived. ``receipt`` is the post's id where the service tells one; it is given back as ``earlier``."""

    receipt: str | None = None
    pace: RateLimitStatus | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """The post could not be delivered now. ``after_s`` is what the service asked for, if it did.

    ``unclear`` when it may have arrived all the same (a timeout or reset after the body was sent): only then is the
    failure the message's and uses up an attempt. ``throttled`` when the service said "too fast": the pace drops.
    ``misconfigured`` when the settings are at fault, so that nothing can be sent until they are mended: the breaker
    opens at once, and no attempt is used up.
    """

    reason: str
    after_s: float | None = None
    unclear: bool = False
    throttled: bool = False
    pace: RateLimitStatus | None = None
    misconfigured: bool = False

    def __post_init__(self) -> None:
        """What others said is shown to people, so it must be safe to show."""
        object.__setattr__(self, "reason", plain_reason(self.reason))


@dataclass(frozen=True, slots=True)
class Refused:
    """The post is refused, in this form for ever. ``plainer`` names a form that may pass: it is tried once.

    ``destination_gone`` when nothing can be delivered there any more (a deleted hook, 410): the breaker opens.
    """

    reason: str
    plainer: str | None = None
    destination_gone: bool = False
    pace: RateLimitStatus | None = None

    def __post_init__(self) -> None:
        """What others said is shown to people, so it must be safe to show."""
        object.__setattr__(self, "reason", plain_reason(self.reason))


Outcome: TypeAlias = Delivered | Later | Refused


@dataclass(frozen=True, slots=True)
class Parcel:
    """One delivery as handed to its destination.

    ``id`` is the delivery's id, the same on every try: send it as the idempotency key where there is one. ``form`` is
    "" for the full form, else a plainer one named by an earlier ``Refused``. ``earlier`` is the receipt of the last
    post of the same ``order_key`` here. ``maybe_there`` when an earlier try was unclear. ``rule``, ``key`` and
    ``incident`` are for buttons and markers. ``places`` are small values of the event (silences.py). ``trace`` is what
    decided it, where traces are told, and ``leased_us`` when it was leased (0: nobody says).
    """

    id: str
    post: Post
    phase: str
    order_key: str
    rule: str = ""
    key: str = ""
    incident: str = ""
    topic: str = ""
    part: int = 0
    parts: int = 1
    form: str = ""
    earlier: str | None = None
    maybe_there: bool = False
    attempt: int = 1
    created_us: int = 0
    places: Mapping[str, str] = field(default_factory=dict)
    trace: TraceContext | None = None
    leased_us: int = 0


@dataclass(frozen=True, slots=True)
class PartSize:
    """How large a part of what would be sent is, and the most that the service takes (None: nobody says)."""

    of: str
    has: int
    most: int | None
    unit: Literal["characters", "bytes", ""] = "characters"


@dataclass(frozen=True, slots=True)
class Preview:
    """Exactly what would be sent, secrets redacted, what would be cut or changed on the way, and how large it is."""

    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    remarks: Sequence[str] = ()
    sizes: Sequence[PartSize] = ()


class Destination(Protocol):
    """One place deliveries go to."""

    @property
    def facts(self) -> DestinationFacts:
        """What rules may know of the destination: its text limit, and which keys a send may override."""

    async def deliver(self, parcel: Parcel) -> Outcome:
        """Try to deliver once, within the configured timeout.

        Never raises for anything the network or the service does.
        """

    async def probe(self) -> Outcome:
        """Ask whether the destination could deliver, without posting anything. Delivered means yes."""

    def preview(self, parcel: Parcel) -> Preview:
        """What ``deliver`` would send. Pure."""

    async def close(self) -> None:
        """Let go of connections. Idempotent."""
