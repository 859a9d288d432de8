"""The nouns of the outbox: deliveries, what becomes of them, and their books. Import them from ``broker.model``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from broker.clock import Moment

DeliveryState: TypeAlias = Literal[
    "waiting", "delivered", "dead", "suppressed", "folded", "cancelled", "dropped", "shadow"
]
"""``waiting`` covers leased ones and those waiting for another try; all others are final.

``dead`` may be replayed. ``shadow`` is what a rule in shadow would have sent: kept to be looked at, never tried.
"""


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """One part of one send to one destination, ready to be leased at ``due_us``.

    (``origin``, ``rule``, ``send``, ``part``) is unique for ever. ``order_key`` is kept in order within the
    destination; ``priority`` orders keys (0 low to 3 critical). ``post`` is the rendered post, opaque here.
    ``stands_for`` is the number of decided triples it carries in the books. ``topic_uid`` names the book;
    ``offset`` is -1 for a timer's.
    """

    id: str
    origin: str
    rule: str
    send: int
    part: int
    parts: int
    destination: str
    order_key: str
    priority: int
    post: bytes
    phase: str
    key: str
    incident: str
    stands_for: int
    topic_uid: str
    offset: int
    version: str
    places: Mapping[str, str]
    severity: str
    due_us: int
    created_us: int
    late: bool = False

    @property
    def unique_key(self) -> tuple[str, str, int, int]:
        """What no two deliveries share (semantics.md item 1)."""
        return self.origin, self.rule, self.send, self.part


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as it stands.

    ``attempts`` counts tries that use up an attempt, ``tries`` all of them (semantics.md item 8). ``by`` says who or
    what ended it: a silence, the digest it was folded into or cancelled with, a person, or the reason it is dead.
    ``form`` "" is the full form, else the name of the plainer one to be tried next. ``leased`` while a courier holds
    it. ``unclear`` when some try may have arrived, one whose lease ended unsettled included.
    """

    new: NewDelivery
    seq: int
    state: DeliveryState
    due_us: int
    attempts: int = 0
    tries: int = 0
    form: str = ""
    by: str = ""
    leased: bool = False
    settled_us: int = 0
    first_tried_us: int = 0
    unclear: bool = False

    @property
    def id(self) -> str:
        """The delivery's id: what goes out as an idempotency key."""
        return self.new.id


@dataclass(frozen=True, slots=True)
class Leased:
    """A delivery held by a courier until its lease ends.

    ``earlier`` is the receipt last stored for its order key. ``told_at`` is when its times were told: the wall clock
    may be set between the lease and the end of the try. None: nobody leased it. ``is_followed`` when another one waits
    behind it in its line, leased with it or not: somebody waits for it to be settled.
    """

    delivery: Delivery
    token: str
    earlier: str | None = None
    told_at: Moment | None = None
    is_followed: bool = False


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """What a courier has room for: see ``Outbox.lease``, whose parameters these are."""

    destination: str
    limit: int
    lease_s: float
    run: int = 1


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a delivery; ``counted`` when it used up an attempt."""

    at_us: int
    took_us: int
    outcome: Literal["delivered", "later", "refused"]
    reason: str
    counted: bool
    unclear: bool = False
    form: str = ""


@dataclass(frozen=True, slots=True)
class SettleDelivered:
    """The delivery arrived; ``receipt`` (a post's id) is stored for (destination, order key) when there is one."""

    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class SettleAgain:
    """Try again at ``due_us``, in ``form``."""

    due_us: int
    form: str = ""


@dataclass(frozen=True, slots=True)
class SettleDead:
    """No more tries; it becomes a dead letter."""

    reason: str


Settlement: TypeAlias = SettleDelivered | SettleAgain | SettleDead


@dataclass(frozen=True, slots=True)
class DeliveryQuery:
    """Which deliveries to find; None means any. Newest first; ``before_seq`` pages on.

    ``into`` is a digest: those folded into it or cancelled with it. ``id_prefix`` is how their ids begin. They were
    decided at ``since_us`` or later, and before ``until_us``.
    """

    state: DeliveryState | None = None
    destination: str | None = None
    rule: str | None = None
    topic_uid: str | None = None
    offset: int | None = None
    order_key: str | None = None
    incident: str | None = None
    into: str | None = None
    since_us: int | None = None
    before_seq: int | None = None
    limit: int = 100
    id_prefix: str | None = None
    until_us: int | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """How many deliveries of a topic and destination are in a state, and how many triples they stand for.

    ``by`` is the deliveries' own, but empty for folded and cancelled ones, which would make an entry for each digest.
    """

    topic_uid: str
    destination: str
    state: DeliveryState
    by: str
    deliveries: int
    stands_for: int


@dataclass(frozen=True, slots=True)
class WaitingCounts:
    """How much waits for a destination.

    ``due`` counts what is due and not leased, or stops at the ``enough`` that was asked for. ``oldest_us`` is when the
    first in place of all that wait was decided, or None when nothing does.
    """

    due: int = 0
    oldest_us: int | None = None


@dataclass(frozen=True, slots=True, order=True)
class LinePlace:
    """A place in the lines of a destination. Opaque: what a page gave is where the next one goes on."""

    order_key: str
    place: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """A page of what waits: whole lines, one behind the other, or with ``is_piece`` a piece of one long line.

    ``receipts`` are those stored last for the order keys on the page that have one. ``next`` is None on the last page.
    """

    deliveries: Sequence[Delivery] = ()
    receipts: Mapping[str, str] = field(default_factory=dict)
    is_piece: bool = False
    next: LinePlace | None = None
