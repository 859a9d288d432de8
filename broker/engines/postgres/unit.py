"""What a group of changes looks at and leaves behind, in memory between one read of the database and one write.

A group of calls is made in one transaction and in few ways to the database and back: what they will look at is locked
and loaded (loading.py), each call is made on what was loaded, in order and without waiting, and what came of them is
written at once (flushing.py). A call that refuses has changed nothing, so it leaves the others of its group alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from broker.engines.stored_delivery import StoredDelivery
from broker.errors import LeaseLost
from broker.model import Attempt, DeliveryState, NewDelivery, OwnerToken
from broker.steady import Reading

Entry = tuple[str, str, DeliveryState, str]
"""A row of the books: topic, destination, state, ``by``."""


@dataclass(slots=True)
class UnitNeeds:
    """What the calls of a group look at."""

    cursors: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)  # what rows of state may wait for
    ids: set[str] = field(default_factory=set)
    seqs: set[int] = field(default_factory=set)
    destinations: set[str] = field(default_factory=set)
    news: list[NewDelivery] = field(default_factory=list)
    records: set[tuple[str, str]] = field(default_factory=set)
    owners: set[OwnerToken] = field(default_factory=set)


@dataclass(slots=True)
class StateStanding:
    """What is known of a row of state while it may be changed."""

    version: int
    rule: str
    due_us: int | None
    expires_us: int
    waits_for: str

    def is_asleep(self, now_us: int) -> bool:
        """Whether it waits for something and is neither due nor expired."""
        return bool(self.waits_for) and self.expires_us > now_us and (self.due_us is None or self.due_us > now_us)

    def is_expired(self, now_us: int) -> bool:
        """Whether it is past its time; one whose timer is due stays until the timer was fired."""
        return self.expires_us <= now_us and (self.due_us is None or self.due_us > now_us)


@dataclass(frozen=True, slots=True)
class Placed:
    """A delivery to be stored, with where it stands; ``place`` None is the end of its line."""

    number: int
    new: NewDelivery
    state: DeliveryState
    by: str
    settled_us: int
    offset_us: int
    place: int | None = None


class Numbers:
    """Numbers that are given for good when the group is written: until then a number below 0 stands for each."""

    def __init__(self) -> None:
        self.taken = 0

    def next(self) -> int:
        """What stands for the next number."""
        self.taken += 1
        return -self.taken

    @staticmethod
    def resolve(number: int, numbers: list[int]) -> int:
        """The number that was given for one, or the number itself where it was there before."""
        return numbers[-number - 1] if number < 0 else number


@dataclass(slots=True)
class Unit:
    """What was loaded, as the calls made so far have left it, and what is to be written."""

    revisions: dict[str, int] = field(default_factory=dict)
    moved: dict[str, tuple[str | int | float, ...]] = field(default_factory=dict)
    state: dict[str, StateStanding] = field(default_factory=dict)
    puts: dict[str, list[Any]] = field(default_factory=dict)
    woken: dict[str, StateStanding] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    rows: dict[int, StoredDelivery] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    changed: dict[int, bool] = field(default_factory=dict)  # whether it stays where it is in its line
    lines: set[tuple[str, str]] = field(default_factory=set)  # whose heads may have gone
    placed: dict[int, Placed] = field(default_factory=dict)
    taken_ids: set[str] = field(default_factory=set)
    taken_keys: set[tuple[str, str, int, int]] = field(default_factory=set)
    attempts: list[tuple[int, int, Attempt]] = field(default_factory=list)
    receipts: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    records: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    record_puts: dict[tuple[str, str], tuple[int, int, int, bytes | None]] = field(default_factory=dict)
    catalog_seq: int = 0
    tokens: dict[str, int] = field(default_factory=dict)  # that hold, by worker
    decisions: list[tuple[object, ...]] = field(default_factory=list)
    counters: Counter[tuple[str, str]] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    balances: dict[Entry, tuple[int, int]] = field(default_factory=dict)
    places: Numbers = field(default_factory=Numbers)
    versions: Numbers = field(default_factory=Numbers)
    touched: set[str] = field(default_factory=set)  # destinations with news for who delivers

    def book(self, entry: Entry, deliveries: int, stands_for: int) -> None:
        """Add deliveries, and what they stand for, to one entry of the books."""
        before = self.balances.get(entry, (0, 0))
        self.balances[entry] = before[0] + deliveries, before[1] + stands_for

    def row(self, seq: int, now: Reading) -> StoredDelivery | None:
        """A loaded delivery, its times told as the wall clock stands now."""
        row = self.rows.get(seq)
        return row.retell_at(now) if row is not None else None

    def find_named(self, delivery_id: str, now: Reading) -> StoredDelivery | None:
        """A loaded delivery by its id."""
        return self.row(self.ids.get(delivery_id, 0), now)

    def get_held(self, token: str, now: Reading) -> StoredDelivery:
        """The delivery that a token holds. Raises LeaseLost."""
        row = self.row(seq_of(token), now)
        if row is None:
            raise LeaseLost(token)
        if row.token != token or not row.is_leased(now.wall_us):
            raise LeaseLost(row.delivery.id)
        return row

    def put_attempt(self, seq: int, number: int, attempt: Attempt) -> None:
        """Put a try on record."""
        self.attempts.append((seq, number, attempt))

    def put_row(self, row: StoredDelivery, *, stays: bool) -> None:
        """Write what became of a delivery; ``stays`` when it keeps its place in its line."""
        seq, delivery = row.delivery.seq, row.delivery
        self.rows[seq] = row
        if seq in self.placed:  # it came in with this very group, and is written as what became of it
            settled_us = delivery.settled_us - row.offset_us if delivery.settled_us else 0
            self.placed[seq] = replace(self.placed[seq], state=delivery.state, by=delivery.by, settled_us=settled_us)
        else:
            self.changed[seq] = stays and self.changed.get(seq, True)

    def wake(self, key: str, now_us: int) -> None:
        """Make a row of state due, with a new version."""
        row = replace(self.state[key], due_us=now_us, version=self.versions.next())
        self.state[key] = row
        if key in self.puts:
            self.puts[key][1], self.puts[key][4] = row.version, now_us
        else:
            self.woken[key] = row


def seq_of(token: str) -> int:
    """The number of the delivery that a token is about; 0 when it is no token."""
    seq = token.partition(".")[0]
    return int(seq) if seq.isascii() and seq.isdecimal() and len(seq) < 19 else 0
