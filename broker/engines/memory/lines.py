"""Deliveries in memory, and the lines they wait in: one line for each destination and order key."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from broker.engines.balancing import book_entry_of
from broker.model import Attempt, Balance, Delivery, DeliveryState, LinePlace, NewDelivery
from broker.steady import SteadyTime


@dataclass(slots=True, eq=False)
class DeliveryRow:
    """A delivery with what the engine knows beside it.

    ``place`` orders its line. ``lease`` numbers its leases, and ``leased_until_us`` is 0 when there is none.
    ``ended_us`` is when it was settled in steady time.
    """

    delivery: Delivery
    place: int
    lease: int = 0
    leased_until_us: int = 0
    ended_us: int = 0
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def token(self) -> str:
        """What the holder of the present lease was given."""
        return f"{self.delivery.seq}.{self.lease}"

    def is_leased(self, now_us: int) -> bool:
        """Whether a courier holds it now."""
        return self.leased_until_us > now_us

    def is_free(self, now_us: int) -> bool:
        """Whether it waits and nobody holds it."""
        return self.delivery.state == "waiting" and not self.is_leased(now_us)

    def view_at(self, now_us: int) -> Delivery:
        """The delivery as a reader sees it at ``now_us``."""
        leased = self.is_leased(now_us)
        lost = self.leased_until_us != 0 and not leased
        return replace(self.delivery, leased=leased, unclear=self.delivery.unclear or lost)

    @property
    def line_place(self) -> LinePlace:
        """Where it stands among all lines of its destination."""
        return LinePlace(self.delivery.new.order_key, self.place)


class Lines:
    """All deliveries, by number, id and unique key; the waiting ones in their lines; and the books."""

    def __init__(self, steady: SteadyTime) -> None:
        self._steady = steady
        self.rows: dict[int, DeliveryRow] = {}
        self.ids: dict[str, DeliveryRow] = {}
        self.unique: set[tuple[str, str, int, int]] = set()
        self._lines: dict[str, dict[str, list[DeliveryRow]]] = {}
        self._books: dict[tuple[str, str, DeliveryState, str], tuple[int, int]] = {}
        self._last = 0

    def list_heads(self, destination: str) -> Iterator[DeliveryRow]:
        """The first of every line of a destination."""
        return (line[0] for line in self._lines.get(destination, {}).values())

    def count_waiting(self, destination: str, order_key: str, first: int, last: int) -> int:
        """How many wait in a line from one place to another."""
        return sum(first <= row.place <= last for row in self._lines.get(destination, {}).get(order_key, ()))

    def line(self, destination: str, order_key: str) -> Sequence[DeliveryRow]:
        """What waits in one line, from the front."""
        return self._lines.get(destination, {}).get(order_key, ())

    def list_lines(self, destination: str) -> Sequence[DeliveryRow]:
        """All that wait for a destination, line by line in the order of the order keys."""
        lines = self._lines.get(destination, {})
        return [row for order_key in sorted(lines) for row in lines[order_key]]

    def list_waiting(self, destination: str) -> Sequence[DeliveryRow]:
        """All that wait for a destination, in their order."""
        lines = self._lines.get(destination, {})
        return sorted((row for line in lines.values() for row in line), key=lambda row: row.place)

    def add(self, new: NewDelivery, state: DeliveryState, by: str, settled_us: int, place: int | None = None) -> None:
        """Take in a delivery, waiting or already at its end; at the end of its line unless a ``place`` is given."""
        self._last += 1
        delivery = Delivery(new, self._last, state, new.due_us, by=by, settled_us=settled_us)
        row = DeliveryRow(
            delivery, self._last if place is None else place, ended_us=self._steady.read().steady_of(settled_us)
        )
        self.rows[self._last] = self.ids[new.id] = row
        self.unique.add(new.unique_key)
        self._enter(row)

    def change(self, row: DeliveryRow, delivery: Delivery) -> None:
        """Let a delivery become ``delivery``; it leaves and joins lines and books as that says."""
        self._leave(row)
        if delivery.state == "waiting" and row.delivery.state != "waiting":
            self._last += 1
            row.place = self._last
        row.delivery = delivery
        row.ended_us = self._steady.read().steady_of(delivery.settled_us)
        row.leased_until_us = row.leased_until_us if delivery.state == "waiting" else 0
        self._enter(row)

    def forget(self, row: DeliveryRow) -> None:
        """Remove a settled delivery. The books keep it."""
        del self.rows[row.delivery.seq], self.ids[row.delivery.id]
        self.unique.discard(row.delivery.new.unique_key)

    def balances(self) -> Sequence[Balance]:
        """The books over everything that ever was."""
        return [Balance(*key, *counts) for key, counts in sorted(self._books.items()) if counts[0]]

    def _enter(self, row: DeliveryRow) -> None:
        self._book(row, 1)
        if row.delivery.state == "waiting":
            new = row.delivery.new
            line = self._lines.setdefault(new.destination, {}).setdefault(new.order_key, [])
            bisect.insort(line, row, key=lambda entry: entry.place)

    def _leave(self, row: DeliveryRow) -> None:
        self._book(row, -1)
        if row.delivery.state == "waiting":
            line = self._lines[row.delivery.new.destination][row.delivery.new.order_key]
            line.remove(row)
            if not line:
                del self._lines[row.delivery.new.destination][row.delivery.new.order_key]

    def _book(self, row: DeliveryRow, sign: int) -> None:
        key = book_entry_of(row.delivery)
        deliveries, stands_for = self._books.get(key, (0, 0))
        self._books[key] = deliveries + sign, stands_for + sign * row.delivery.new.stands_for
