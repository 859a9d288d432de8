"""Deliveries inside a write transaction: how they are written, and how they move through their lines."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from broker.delivery_states import state_after
from broker.engines.balancing import GAVE_UP, book_entry_of
from broker.engines.settling import end_delivery
from broker.engines.sqlite.queries import load
from broker.engines.sqlite.transaction import Transaction
from broker.engines.stored_delivery import StoredDelivery, columns_of_decided, row_of
from broker.errors import DuplicateDelivery, LeaseLost, Moved
from broker.model import Attempt, Delivery, DeliveryState, NewDelivery
from broker.steady import Reading

_SQL = load("outbox")
NO_DECISION: Final = (0, 0)
NOT_HERE: Final = -1
"""In place of how long a try took: its tries, if there were any, are told elsewhere."""
_NOTHING_TOLD: Final[Mapping[str, tuple[int, int]]] = {}
_NONE_LONE: Final[Mapping[str, int]] = {}


def find_held(db: sqlite3.Connection, token: str, now: Reading) -> StoredDelivery:
    """The delivery that a token holds. Raises LeaseLost."""
    seq = token.partition(".")[0]
    columns = db.execute(_SQL["by_seq"], (int(seq),)).fetchone() if seq.isdecimal() else None
    if columns is None:
        raise LeaseLost(token)
    row = row_of(columns, now)
    if row.token != token or not row.is_leased(now.wall_us):
        raise LeaseLost(row.delivery.id)
    return row


def find_named(db: sqlite3.Connection, delivery_ids: Iterable[str], now: Reading) -> list[StoredDelivery]:
    """The deliveries of these ids that exist."""
    rows = (db.execute(_SQL["by_id"], (delivery_id,)).fetchone() for delivery_id in dict.fromkeys(delivery_ids))
    return [row_of(columns, now) for columns in rows if columns is not None]


def add(
    transaction: Transaction,
    waiting: Sequence[NewDelivery],
    dead: Sequence[NewDelivery],
    now: Reading,
    shadows: Sequence[NewDelivery] = (),
    decisions: Mapping[str, tuple[int, int]] = _NOTHING_TOLD,
    lone: Mapping[str, int] = _NONE_LONE,
) -> Mapping[str, int]:
    """Take in deliveries. Raises DuplicateDelivery, which spoils the transaction.

    ``decisions`` are those that a delivery tells of, by its id: their number, and the place of the event in a message.
    ``lone`` come in leased, in a line with nothing else in it: the ends of their leases, by their ids. Returns their
    numbers.
    """
    numbers: dict[str, int] = {}
    for new in waiting:
        seq = _add_what_was_decided(transaction, new, decisions.get(new.id, NO_DECISION))
        if new.id in lone:
            numbers[new.id] = seq
            _add_lone(transaction, new, seq, lone[new.id])
        else:
            _add_waiting(transaction, new, seq, now)
        transaction.sums.book((new.topic_uid, new.destination, "waiting", ""), 1, new.stands_for)
    for new in dead:
        _add_settled(transaction, new, state_after("", "given up untried"), GAVE_UP, now)
    for new in shadows:
        _add_settled(transaction, new, state_after("", "decided in shadow"), "", now)
    return numbers


def _add_waiting(transaction: Transaction, new: NewDelivery, seq: int, now: Reading) -> None:
    transaction.lone.lay_down(transaction.db, (new.destination, new.order_key))
    place = (seq, new.destination, new.order_key, new.priority, new.due_us - now.offset_us, new.late)
    transaction.db.execute(_SQL["add_waiting"], place)


def _add_lone(transaction: Transaction, new: NewDelivery, seq: int, until_us: int) -> None:
    place = (seq, new.destination, new.order_key, new.priority, until_us, new.late)
    transaction.db.execute(_SQL["add_lone"], place)
    transaction.lone.put(transaction.db, (new.destination, new.order_key), seq, until_us)


def _add_settled(transaction: Transaction, new: NewDelivery, state: DeliveryState, by: str, now: Reading) -> None:
    seq = _add_what_was_decided(transaction, new)
    place = (seq, new.destination, new.order_key, new.priority, seq, state, new.due_us - now.offset_us, new.late)
    transaction.db.execute(_SQL["add_settled"], (*place, by, now.steady_us, now.offset_us))
    transaction.sums.book((new.topic_uid, new.destination, state, by), 1, new.stands_for)


def add_in_place(transaction: Transaction, new: NewDelivery, place: int, now: Reading) -> None:
    """Take in a delivery at a place of its line that is about to become free. Raises as ``add`` does."""
    seq = _add_what_was_decided(transaction, new)
    transaction.lone.lay_down(transaction.db, (new.destination, new.order_key))
    columns = (seq, new.destination, new.order_key, new.priority, place, new.due_us - now.offset_us, new.late)
    transaction.db.execute(_SQL["add_in_place"], columns)
    transaction.sums.book((new.topic_uid, new.destination, "waiting", ""), 1, new.stands_for)


def _add_what_was_decided(transaction: Transaction, new: NewDelivery, decided: tuple[int, int] = NO_DECISION) -> int:
    seq = transaction.numbers.take_next(transaction.db, "delivery")
    try:
        transaction.db.execute(_SQL["add_delivery"], (seq, *columns_of_decided(new), *decided))
    except sqlite3.IntegrityError as error:
        transaction.numbers.give_back("delivery")
        raise DuplicateDelivery(str(new.unique_key)) from error
    return seq


def change(transaction: Transaction, row: StoredDelivery, delivery: Delivery, took_us: int = NOT_HERE) -> bool:
    """Let a delivery become ``delivery``; it leaves and joins lines and books as that says.

    ``took_us`` is what its only try took, where the row is to say that (see ``settle_tried``).
    True when there is news for who delivers: it waits on, or another became the head of its line. One that was leased
    behind it, in a run, is none.
    """
    db, old = transaction.db, row.delivery
    home = (old.new.destination, old.new.order_key)
    is_lone = transaction.lone.holds(db, home, old.seq)
    if old.state == "waiting" and delivery.state == "waiting":
        if is_lone:
            transaction.lone.lay_down(db, home)
        db.execute(_SQL["keep_waiting"], (*_attempt_columns(row, delivery), delivery.seq))
        return True
    place, head = row.place, 0
    if is_lone:
        transaction.lone.end(db, home)
    if delivery.state == "waiting":
        transaction.lone.lay_down(db, home)
        place = transaction.numbers.take_next(db, "delivery")
        head = db.execute(_SQL["line_is_empty"], (delivery.new.destination, delivery.new.order_key)).fetchone()[0]
    settled_us, offset_us = (delivery.settled_us - row.offset_us, row.offset_us) if delivery.settled_us else (0, 0)
    values = (delivery.state, delivery.by, settled_us, offset_us, delivery.new.late, place, head, took_us)
    db.execute(_SQL["change"], (*_attempt_columns(row, delivery), *values, delivery.seq))
    promoted = db.execute(_SQL["promote"], (*home, settled_us)).fetchall() if row.head and not is_lone else []
    transaction.sums.book(book_entry_of(old), -1, -old.new.stands_for)
    transaction.sums.book(book_entry_of(delivery), 1, delivery.new.stands_for)
    return any(not is_leased for (is_leased,) in promoted) or delivery.state == "waiting"


def settle_tried(transaction: Transaction, row: StoredDelivery, delivery: Delivery, attempt: Attempt | None) -> bool:
    """Let a delivery become what its try made of it, and put the try on record. See ``change``.

    A first try that arrived, as nearly all do, is told by the delivery's own row.
    """
    is_plain = (
        attempt is not None
        and (delivery.state, delivery.tries, delivery.first_tried_us) == ("delivered", 1, attempt.at_us)
        and attempt.took_us >= 0
        and attempt == Attempt(attempt.at_us, attempt.took_us, "delivered", "", counted=False)
    )
    if attempt is None or not is_plain:
        is_news = change(transaction, row, delivery)
        if attempt is not None:
            _put_attempt(transaction.db, delivery, attempt)
        return is_news
    return change(transaction, row, delivery, attempt.took_us)


def _put_attempt(db: sqlite3.Connection, delivery: Delivery, attempt: Attempt) -> None:
    tried = (attempt.at_us, attempt.took_us, attempt.outcome, attempt.reason, attempt.counted, attempt.unclear)
    db.execute(_SQL["add_attempt"], (delivery.seq, delivery.tries, *tried, attempt.form))


def check_waiting(db: sqlite3.Connection, delivery_ids: Sequence[str], now: Reading) -> None:
    """Raise Moved unless all of them wait and none is leased."""
    free = [row for row in find_named(db, delivery_ids, now) if row.is_free(now.wall_us)]
    if len(free) < len(set(delivery_ids)):
        raise Moved("a delivery was leased or settled meanwhile")


def withdraw(transaction: Transaction, silenced: Mapping[str, str], now: Reading) -> list[str]:
    """Settle as suppressed those that still wait and are not leased; the destinations that has news for."""
    rows = [row for row in find_named(transaction.db, silenced, now) if row.is_free(now.wall_us)]
    for row in rows:
        change(transaction, row, end_delivery(row.delivery, "silenced", silenced[row.delivery.id], now.wall_us))
    return [row.delivery.new.destination for row in rows]


def _attempt_columns(row: StoredDelivery, delivery: Delivery) -> tuple[int, bool, int, int, str, int, bool]:
    first_us = delivery.first_tried_us - row.offset_us if delivery.first_tried_us else 0
    due_us, counts = delivery.due_us - row.offset_us, (delivery.attempts, delivery.tries)
    return due_us, delivery.leased, *counts, delivery.form, first_us, delivery.unclear
