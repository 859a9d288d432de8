"""The nouns of the store that are not catalog records: messages, cursors, deliveries, state, and the commit.

Times are integer microseconds since the epoch, UTC. Everything is a frozen value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from broker.clock import Moment
from broker.decision import (
    DecisionQuery as DecisionQuery,
)
from broker.decision import (
    DecisionRecord as DecisionRecord,
)
from broker.delivery import (
    Attempt as Attempt,
)
from broker.delivery import (
    Backlog as Backlog,
)
from broker.delivery import (
    Balance as Balance,
)
from broker.delivery import (
    Delivery as Delivery,
)
from broker.delivery import (
    DeliveryQuery as DeliveryQuery,
)
from broker.delivery import (
    DeliveryState as DeliveryState,
)
from broker.delivery import (
    Leased as Leased,
)
from broker.delivery import (
    LeaseRequest as LeaseRequest,
)
from broker.delivery import (
    LinePlace as LinePlace,
)
from broker.delivery import (
    NewDelivery as NewDelivery,
)
from broker.delivery import (
    SettleAgain as SettleAgain,
)
from broker.delivery import (
    SettleDead as SettleDead,
)
from broker.delivery import (
    SettleDelivered as SettleDelivered,
)
from broker.delivery import (
    Settlement as Settlement,
)
from broker.delivery import (
    WaitingCounts as WaitingCounts,
)
from broker.records import AnyRecord


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to append. ``data`` is the text as the publisher sent it, normally base64, never decoded here."""

    data: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands in its log."""

    offset: int
    publish_time_us: int
    data: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a batch went: offsets ``first`` to ``first + count - 1``. ``repeated`` when its producer key was known."""

    first: int
    count: int
    publish_time_us: int
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a log holds: offsets ``first`` to ``end - 1``; ``end`` is the next offset to be written.

    ``bytes_total`` counts the text of every message ever appended (AMS's byte counter), ``stored_bytes`` the text and
    attributes retained now, ``last_publish_us`` is 0 when nothing ever was, and ``previous_publish_us`` the call before
    that.
    """

    first: int
    end: int
    bytes_total: int = 0
    stored_bytes: int = 0
    last_publish_us: int = 0
    previous_publish_us: int = 0
    last_batch: int = 0


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a consumer stands. ``rev`` 0 means it is not stored yet.

    ``id`` is ``s/<subscription uid>`` or ``r/<topic uid>`` (the topic's router). ``pending_to`` and
    ``pending_at_us`` are AMS's window of messages handed out and not yet acknowledged (ams-api.md 7.1): 0 when none.
    The totals count what was handed out, repeats included.
    """

    id: str
    offset: int
    rev: int = 0
    pending_to: int = 0
    pending_at_us: int = 0
    messages_total: int = 0
    bytes_total: int = 0
    last_consumed_us: int = 0
    consume_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class StateRow:
    """A row of keyed state; ``version`` 0 and ``value`` None when there is none.

    Versions are never used twice, so a row removed and written again is seen to have moved. ``due_us`` and
    ``expires_us`` are told by the wall clock as it stands now; times within the value, by the one that stood when it
    was written, which was ``behind_us`` behind. ``steady_due_us`` is when it is due in steady time, which nothing turns
    back.
    """

    key: str
    value: bytes | None
    version: int
    rule: str = ""
    topic_uid: str = ""
    due_us: int | None = None
    expires_us: int = 0
    waits_for: tuple[str, ...] = ()
    behind_us: int = field(default=0, compare=False)
    steady_due_us: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class StatePut:
    """Write one row; with ``due_us`` it is a timer of its home topic.

    Every row expires; but one whose timer is due stays until a commit removes or replaces it, so that a long stop
    loses no timer. ``waits_for`` names what ``Commit.wake`` may find it by; names have no line breaks.
    """

    key: str
    value: bytes
    rule: str
    topic_uid: str
    expires_us: int
    due_us: int | None = None
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StateDelete:
    """Remove one row."""

    key: str


# --- Catalog changes and the commit ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stored:
    """A catalog record as it stands; ``version`` counts its changes from 1, ``seq`` is the number of the last one."""

    kind: str
    key: str
    record: AnyRecord
    version: int
    seq: int


@dataclass(frozen=True, slots=True)
class Put:
    """Create (``expected_version`` 0) or replace a record. ``old_key`` renames: the record keeps its place in lists."""

    key: str
    record: AnyRecord
    expected_version: int
    old_key: str | None = None


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete a record."""

    kind: str
    key: str
    expected_version: int


CatalogChange: TypeAlias = Put | Remove


@dataclass(frozen=True, slots=True)
class Changed:
    """One entry of the catalog's change feed; ``stored`` None when the record was removed."""

    seq: int
    kind: str
    key: str
    stored: Stored | None


@dataclass(frozen=True, slots=True)
class CursorMove:
    """Move a cursor to ``cursor`` if its revision is still ``cursor.rev``; a new one has rev 0."""

    cursor: Cursor


@dataclass(frozen=True, slots=True)
class OwnerToken:
    """Proof that this node owns a worker: ``router:<topic uid>``, ``courier:<name>``, ``pusher:<subscription uid>``."""

    worker: str
    token: int


@dataclass(frozen=True, slots=True)
class WorkerStanding:
    """A worker that a node runs since ``since_us``; ``taken_from`` is the node it was taken over from, "" of none."""

    name: str
    token: int
    since_us: int
    taken_from: str = ""


@dataclass(frozen=True, slots=True)
class NodeStanding:
    """A node, whether it was heard of lately, since when it runs, and what it runs."""

    name: str
    is_alive: bool
    since_us: int
    workers: tuple[WorkerStanding, ...] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """One atomic batch: all of it happens, or none.

    ``reads`` are the versions of every state row the decision rests on, absent rows (0) included. ``withdraw`` are
    waiting, un-leased deliveries to settle as suppressed by the given name; ones leased or settled meanwhile are left
    alone. ``waiting`` are deliveries that the batch takes to be waiting and un-leased. ``counters`` are additions to
    named counters of a topic: ``(topic uid, name) -> n``. ``shadows`` are what rules in shadow would have sent.
    ``wake`` names what is over: every row that waits for one of the names (for anything, with ``WAKE_ALL``) becomes due
    now, as a timer of its home topic. ``leases`` are what couriers have room for once all that is done, at most one a
    destination. ``owner`` is the token under which the worker is held; None where ownership does not matter.
    All its times are told by the wall clock as it stood at ``told_at``: who computes a time from the clock says so, as
    the clock may be set before the store has it. None: as it stands when the store is called.
    """

    cursors: Sequence[CursorMove] = ()
    reads: Mapping[str, int] = field(default_factory=dict)
    state: Sequence[StatePut | StateDelete] = ()
    deliveries: Sequence[NewDelivery] = ()
    decisions: Sequence[DecisionRecord] = ()
    counters: Mapping[tuple[str, str], int] = field(default_factory=dict)
    withdraw: Mapping[str, str] = field(default_factory=dict)
    waiting: Sequence[str] = ()
    catalog: Sequence[CatalogChange] = ()
    dead: Sequence[NewDelivery] = ()  # pushers give up: a dead letter (by "gave up") without tries of a courier
    shadows: Sequence[NewDelivery] = ()
    wake: Sequence[str] = ()
    leases: Sequence[LeaseRequest] = ()
    owner: OwnerToken | None = None
    told_at: Moment | None = None


WAKE_ALL: Final = "*"
"""In ``Commit.wake``: every row that waits for anything."""


@dataclass(frozen=True, slots=True)
class SweepPolicy:
    """What housekeeping removes: things settled, decided or expired before these times, told as those of a Commit.

    How long messages stay, and how many bytes (None: no bound), says how large the pieces are that they are stored in.
    """

    now_us: int
    deliveries_before_us: int
    producer_keys_before_us: int
    limit: int = 5_000
    messages_keep_us: int | None = None
    messages_keep_bytes: int | None = None
    told_at: Moment | None = None


@dataclass(frozen=True, slots=True)
class Swept:
    """How much housekeeping removed; ``more`` when it stopped at its limit."""

    deliveries: int = 0
    decisions: int = 0
    state_rows: int = 0
    producer_keys: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the store takes writes now, and if not, why, in plain words.

    ``notes`` are what whoever runs it should know though it works, such as files that were set aside.
    """

    writable: bool
    reason: str = ""
    notes: tuple[str, ...] = ()
