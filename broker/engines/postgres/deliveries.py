"""Deliveries within a unit: how they come in, and how they move through their lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from broker.delivery_states import state_after
from broker.engines.balancing import GAVE_UP, book_entry_of
from broker.engines.postgres.unit import Placed, Unit
from broker.engines.settling import end_delivery
from broker.engines.stored_delivery import StoredDelivery
from broker.errors import DuplicateDelivery, Moved
from broker.model import Delivery, DeliveryState, NewDelivery
from broker.steady import Reading


def check_new(unit: Unit, news: Sequence[NewDelivery]) -> None:
    """Raise DuplicateDelivery when an id or a unique key among ``news`` is taken, by another of them too."""
    ids: set[str] = set()
    keys: set[tuple[str, str, int, int]] = set()
    for new in news:
        if new.id in ids or new.unique_key in keys or new.id in unit.taken_ids or new.unique_key in unit.taken_keys:
            raise DuplicateDelivery(str(new.unique_key))
        ids.add(new.id)
        keys.add(new.unique_key)


def add(
    unit: Unit,
    waiting: Sequence[NewDelivery],
    dead: Sequence[NewDelivery],
    now: Reading,
    shadows: Sequence[NewDelivery] = (),
) -> None:
    """Take in deliveries that ``check_new`` has passed. Who waits for news is told by the caller."""
    for new in waiting:
        add_waiting(unit, new, now)
    for new in dead:
        _add_settled(unit, new, state_after("", "given up untried"), GAVE_UP, now)
    for new in shadows:
        _add_settled(unit, new, state_after("", "decided in shadow"), "", now)


def add_waiting(unit: Unit, new: NewDelivery, now: Reading, place: int | None = None) -> None:
    """Take in a delivery at the end of its line, or at a place of it that is about to become free."""
    _place(unit, Placed(unit.places.next(), new, "waiting", "", 0, now.offset_us, place))
    if place is not None:
        unit.lines.add((new.destination, new.order_key))


def _add_settled(unit: Unit, new: NewDelivery, state: DeliveryState, by: str, now: Reading) -> None:
    _place(unit, Placed(unit.places.next(), new, state, by, now.steady_us, now.offset_us))


def _place(unit: Unit, placed: Placed) -> None:
    new, number = placed.new, placed.number
    unit.placed[number] = placed
    delivery = Delivery(new, number, placed.state, new.due_us, by=placed.by, settled_us=placed.settled_us)
    unit.rows[number] = StoredDelivery(delivery, 0, head=False, place=number, offset_us=placed.offset_us)
    unit.ids[new.id] = number
    unit.taken_ids.add(new.id)
    unit.taken_keys.add(new.unique_key)
    unit.book((new.topic_uid, new.destination, placed.state, placed.by), 1, new.stands_for)


def change(unit: Unit, row: StoredDelivery, delivery: Delivery) -> None:
    """Let a delivery become ``delivery``; it leaves and joins lines and books as that says.

    Whoever delivers there is told when it waits on; when another became the head of its line, the writing tells.
    """
    old, new = row.delivery, delivery.new
    if old.state == "waiting" and delivery.state == "waiting":
        unit.put_row(replace(row, delivery=delivery), stays=True)
        unit.touched.add(new.destination)
        return
    if row.head or delivery.state == "waiting":
        unit.lines.add((new.destination, new.order_key))
    place = row.place
    if delivery.state == "waiting":
        place = unit.places.next()
        unit.touched.add(new.destination)
    unit.put_row(replace(row, delivery=delivery, place=place, head=False), stays=False)
    unit.book(book_entry_of(old), -1, -old.new.stands_for)
    unit.book(book_entry_of(delivery), 1, new.stands_for)


def check_waiting(unit: Unit, delivery_ids: Sequence[str], now: Reading) -> None:
    """Raise Moved unless all of them wait and none is leased."""
    for row in (unit.find_named(delivery_id, now) for delivery_id in delivery_ids):
        if row is None or not row.is_free(now.wall_us):
            raise Moved("a delivery was leased or settled meanwhile")


def withdraw(unit: Unit, silenced: Mapping[str, str], now: Reading) -> None:
    """Settle as suppressed those that still wait and are not leased."""
    for delivery_id, by in silenced.items():
        row = unit.find_named(delivery_id, now)
        if row is not None and row.is_free(now.wall_us):
            change(unit, row, end_delivery(row.delivery, "silenced", by, now.wall_us))
            unit.touched.add(row.delivery.new.destination)
