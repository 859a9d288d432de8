"""The store contract, in words. Engines fulfil it and add nothing to it; one suite tests them all.

A Store has eight parts (Catalog, Log, Cursors, Outbox, State, Decisions, Ownership, SearchIndex) and one verb over
several of them: ``commit``. Rules for every method:

- **Durable** means on disk (sqlite: WAL with synchronous=FULL; postgres: committed at the primary and one standby)
  when the call returns. ``memory`` is durable for the life of the process.
- **All or nothing**: a method that raises has changed nothing, with one exception: ``OutcomeUnknown`` says that it may
  have. Callers then read (the cursor, the record), or repeat with the same producer key.
- Any method may raise ``StoreUnavailable``. A cancelled caller learns nothing of the outcome.
- **Log never shares a transaction with the other parts**, so another log can stand beside them later.
- Offsets are dense when written; readers accept a jump (a trimmed head, a restored log).
- Times come in and go out as the wall clock tells them when the call is made. They are compared in steady time
  (broker/steady.py), which nobody sets: no pause, lease or age grows or shrinks because somebody set the wall clock.
  Times that only say when something happened stay as they were told.
- Waiting is woken by the engine within milliseconds and may wake falsely; who waits takes its timeout from a Clock.
- Concurrent callers see committed changes only, and see their own at once.
- Where nodes share a store, whatever is written within ``writing_under`` (broker/ownership.py) is refused with
  ``NotOwner`` once the token holds no longer, by the transaction that would write it. A settlement and what is given
  back are refused with ``LeaseLost`` instead: a lease ends with the node that has it, and a node that lives may settle
  what it had begun before its courier went elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from broker.catalog import Catalog as Catalog
from broker.clock import Moment
from broker.decision import Decisions as Decisions
from broker.model import (
    Appended,
    Attempt,
    Backlog,
    Balance,
    Bounds,
    Commit,
    Cursor,
    Delivery,
    DeliveryQuery,
    Health,
    Leased,
    LinePlace,
    Message,
    NewDelivery,
    NewMessage,
    Settlement,
    StateRow,
    SweepPolicy,
    Swept,
    WaitingCounts,
)
from broker.ownership import Ownership as Ownership
from broker.search import SearchIndex as SearchIndex
from broker.steady import SteadyTime


class Log(Protocol):
    """The messages of each topic, by topic uid. A log comes to be with its first append."""

    async def append(self, topic_uid: str, messages: Sequence[NewMessage], producer_key: str | None = None) -> Appended:
        """Append a batch with dense, consecutive offsets from the log's end; durable when it returns.

        Concurrent calls share transactions (group commit), yet each batch stays whole and in its own order. The publish
        time is the clock's, never less than the one before in the same log, and stays as it is. With a ``producer_key``
        seen before (kept until swept) nothing is appended and the first answer is given again. An empty batch appends
        nothing.
        Raises TopicGone after ``drop``; OutcomeUnknown when the engine cannot say.
        """

    async def read(self, topic_uid: str, offset: int, max_messages: int, max_bytes: int) -> Sequence[Message]:
        """Messages from ``offset`` (or the first one retained after it) in increasing order.

        Stops at ``max_messages`` or before passing ``max_bytes`` of text, but gives at least one if there is any.
        Empty at the end, and for a log that does not exist.
        """

    async def bounds(self, topic_uid: str) -> Bounds:
        """What the log holds; zeros for one that does not exist."""

    async def offset_at(self, topic_uid: str, time_us: int, told_at: Moment | None = None) -> int | None:
        """The offset of the first retained message published at or after ``time_us``, or None.

        Counted back from now in steady time: it is right although the clock was wrong when the message came. The
        time is told by the wall clock as it stood at ``told_at``: who removes by it says so (see Commit).
        """

    async def offset_for_size(self, topic_uid: str, keep_bytes: int) -> int:
        """The lowest offset from which on the retained messages take at most ``keep_bytes`` (see Bounds)."""

    async def trim(self, topic_uid: str, before: int) -> int:
        """Remove messages below offset ``before`` and say how many went; ``first`` rises, ``end`` stays."""

    async def drop(self, topic_uid: str) -> None:
        """Remove the whole log for ever; later appends raise TopicGone. Idempotent."""

    async def topics(self) -> Sequence[str]:
        """The uids of all logs that exist."""

    async def wait_for(self, topic_uid: str, offset: int) -> None:
        """Return once the log's end may be above ``offset``; at once if it is.

        Wakes at the latest 1 s after the append.
        """

    async def reserve(self, topic_uid: str, offset: int) -> None:
        """Raise the log's next offset to at least ``offset`` (after a restore, so that no id is given twice)."""


class Cursors(Protocol):
    """Where consumers stand."""

    async def get(self, cursor_id: str) -> Cursor | None:
        """The cursor, or None."""

    async def put(self, cursor: Cursor) -> Cursor:
        """Store it if the stored revision is still ``cursor.rev`` (0: not stored yet) and return it with the new one.

        Raises CursorMoved.
        """

    async def delete(self, cursor_id: str) -> None:
        """Remove the cursor. Idempotent."""

    async def list(self, prefix: str) -> Sequence[Cursor]:
        """All cursors whose id begins with ``prefix``."""


class Outbox(Protocol):
    """Deliveries, their attempts, and dead letters. Deliveries come in through ``commit`` only.

    Within (destination, order key) deliveries are leased in the order they were committed: the next becomes leasable
    when the one before is settled for good. A delivery waiting for another try holds back its own key only. To one
    holder a run of them may be leased at once, who tries them one behind the other and no further than one arrived.
    """

    async def lease(self, destination: str, limit: int, lease_s: float, run: int = 1) -> Sequence[Leased]:
        """Take the first due deliveries of up to ``limit`` order keys, higher priority first, then the oldest due.

        Each is followed by those due next in its line, ``run`` of a line at most. All are hidden for ``lease_s``
        seconds; one that is not settled by then can be leased again (and its token is worthless), marked ``unclear``:
        nobody knows whether the lost try arrived.
        """

    async def settle(
        self,
        token: str,
        settlement: Settlement,
        attempt: Attempt | None,
        within_s: float = 0.0,
        told_at: Moment | None = None,
    ) -> Delivery:
        """End the lease with what became of it and put the attempt on record; durable when it returns.

        Who need not know at once lets it wait up to ``within_s`` seconds for company: the engine writes it with what
        else is written by then. Its times are told by the wall clock as it stood at ``told_at`` (see Commit), and so is
        the delivery that is returned. Raises LeaseLost; nothing changed then.
        """

    async def give_back(self, tokens: Sequence[str]) -> None:
        """End leases without an attempt; the deliveries are due at once. Stale tokens are passed over."""

    async def next_due_us(self, destination: str) -> int | None:
        """When the destination's next delivery may be leased (leases that end included), or None when none waits."""

    async def wait_for_news(self, destination: str) -> None:
        """Return once deliveries of the destination were added, freed or made due earlier since the last ``lease``."""

    async def find(self, query: DeliveryQuery) -> Sequence[Delivery]:
        """The deliveries that fit, newest first."""

    async def list_after(self, seq: int, limit: int) -> Sequence[Delivery]:
        """The deliveries behind a number, oldest first."""

    async def read(self, delivery_id: str) -> tuple[Delivery, Sequence[Attempt]] | None:
        """One delivery with its attempts, oldest first."""

    async def replay(self, delivery_ids: Sequence[str]) -> int:
        """Make dead ones wait again, at the end of their order key, marked late; say how many.

        Their attempts, and the time they may take, are counted anew.
        """

    async def drop(self, delivery_ids: Sequence[str], by: str) -> int:
        """Settle waiting (not leased) or dead ones as dropped by a person; say how many."""

    async def fold(
        self,
        tokens: Sequence[str],
        delivery_ids: Sequence[str],
        digest: NewDelivery,
        cancelled: Collection[str] = (),
        told_at: Moment | None = None,
    ) -> int:
        """Settle leased (by token) and waiting (by id) deliveries as folded into ``digest``, and add that.

        Those of them whose ids are in ``cancelled`` are settled as cancelled: both ends of what they tell still waited,
        so nothing is owed to anybody; the digest sums them up. All are ended ``by`` the digest's id, and their
        ``stands_for`` stays with them.

        One transaction, which keeps the order: of an order key all waiting ones are named, or none. Only where the
        digest has that very destination and order key, some may be named that stand one behind the other: the digest
        takes the place of the first. Raises LeaseLost, LineMoved (a named one no longer waits, or one waits that should
        have been named), DuplicateDelivery.
        """

    async def measure_waiting(self, destination: str, enough: int) -> WaitingCounts:
        """How much waits for a destination: a look that is cheap however much it is."""

    async def backlog(self, destination: str, after: LinePlace | None, limit: int) -> Backlog:
        """What waits for a destination, line by line in the order of the order keys, from behind ``after``.

        A page has whole lines of at most ``limit`` deliveries together; a line longer than that comes in pieces, each a
        page of its own. What waits all the while is on some page; what comes or goes meanwhile may be.
        """

    async def move(self, destination: str, to: str) -> int:
        """Give all waiting deliveries of a destination to another (a reload that removes it says so).

        They keep their order, their leases and their ids.
        """

    async def balances(self, since_us: int | None = None) -> Sequence[Balance]:
        """Deliveries and what they stand for, by topic, destination, state and ``by``.

        Without ``since_us`` over the whole life of the store, swept ones included; else of those created since.
        """

    async def receipt(self, destination: str, order_key: str) -> str | None:
        """The receipt stored last for an order key."""


class State(Protocol):
    """Small keyed values with expiry and due times: dedupe keys, groups, incidents, throttles.

    Changed through ``commit`` only.
    """

    async def read(self, keys: Sequence[str]) -> Mapping[str, StateRow]:
        """One row for every key asked; absent (or expired) ones with version 0 and value None."""

    async def due(self, topic_uid: str, now_us: int, limit: int) -> Sequence[StateRow]:
        """Timers of a topic due at ``now_us``, the earliest first."""

    async def next_due_us(self, topic_uid: str) -> int | None:
        """When the topic's next timer is due, or None."""

    async def list(self, prefix: str, limit: int, after: str = "", *, timed: bool = False) -> Sequence[StateRow]:
        """Up to ``limit`` rows whose key begins with ``prefix`` and is above ``after``, in key order.

        With ``timed`` only those with a due time: to find them takes no longer however many others there are.
        """

    async def counts(self) -> Mapping[str, int]:
        """How many rows each rule holds."""


class Store(Protocol):
    """All parts, and what spans them."""

    @property
    def catalog(self) -> Catalog:
        """See Catalog."""

    @property
    def log(self) -> Log:
        """See Log."""

    @property
    def cursors(self) -> Cursors:
        """See Cursors."""

    @property
    def outbox(self) -> Outbox:
        """See Outbox."""

    @property
    def state(self) -> State:
        """See State."""

    @property
    def decisions(self) -> Decisions:
        """See Decisions."""

    @property
    def search(self) -> SearchIndex:
        """See SearchIndex."""

    @property
    def ownership(self) -> Ownership:
        """See Ownership."""

    @property
    def steady(self) -> SteadyTime:
        """The time that stored times are compared in. Callers tell and are told wall time."""

    async def commit(self, commit: Commit, take: Callable[[Sequence[Leased]], None] | None = None) -> None:
        """Apply one batch over cursors, state, outbox, decisions, counters and catalog.

        All or nothing, durable on return. ``shadows`` become deliveries in the final state ``shadow``: they stand in no
        line, are never leased, replayed or dropped, count in the balances, and are swept like settled ones. ``wake``
        makes rows due at once, with a new version, so that who read them before decides again; rows that are due
        already stay as they are, and ``state`` is applied after it.

        ``leases`` are granted in the same transaction, last, each as ``Outbox.lease`` would grant it then; ``take`` is
        called with all that was leased as soon as the batch is in, on the event loop, even when who asked was cancelled
        meanwhile. Where a request was granted less than its limit nothing more is due at its destination, and
        ``wait_for_news`` is not told of these deliveries.

        Raises NotOwner, CursorMoved, StateMoved (a row in ``reads`` has another version, or an absent one exists now),
        Moved (a delivery of ``waiting`` was leased or settled meanwhile), VersionMoved, DuplicateDelivery,
        OutcomeUnknown (read the cursor: it says whether the batch is in).
        Concurrent commits share one fsync where the engine can; each still holds or fails alone.
        """

    async def counters(self, topic_uid: str | None = None) -> Mapping[tuple[str, str], int]:
        """The named counters, of one topic or all."""

    async def sweep(self, policy: SweepPolicy) -> Swept:
        """Remove what is past its time: settled deliveries and their attempts, decisions, state, producer keys.

        Never a waiting delivery or a dead letter younger than the policy. Counters and balances stay; receipts as old
        as the deliveries go, and their order keys begin anew.
        """

    async def keep_time(self) -> None:
        """Put on record what both clocks say, so that a step of the wall clock is noticed over a restart too.

        Called each second; an engine writes it now and then, and at once after a step.
        """

    async def health(self) -> Health:
        """Whether writes work now; tries one if the last failed. Never raises."""

    async def backup(self, target: Path) -> None:
        """A consistent copy to a new file while everything goes on.

        Raises StoreUnavailable where the engine has no such thing.
        """

    async def close(self) -> None:
        """Finish what was begun, refuse what comes after, and let go of files and connections. Idempotent."""
