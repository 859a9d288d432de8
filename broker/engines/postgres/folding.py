"""Folding on PostgreSQL: many waiting deliveries become one, and what waits is read line by line."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from broker.delivery_states import DeliveryStep
from broker.engines.folding import no_longer_waits, page_of, place_of_digest
from broker.engines.postgres.connections import Db
from broker.engines.postgres.deliveries import add_waiting, change, check_new
from broker.engines.postgres.loading import load_unit
from broker.engines.postgres.queries import ask, columns, load
from broker.engines.postgres.unit import Unit, UnitNeeds, seq_of
from broker.engines.settling import end_delivery
from broker.engines.stored_delivery import StoredDelivery, row_of
from broker.model import Backlog, LinePlace, NewDelivery
from broker.steady import Reading

_SQL: Final = load("outbox")

LineSpan = tuple[str, str, int, int]
"""Destination, order key, and two places of the line."""


async def fold(
    db: Db,
    tokens: Sequence[str],
    delivery_ids: Sequence[str],
    digest: NewDelivery,
    cancelled: Collection[str],
    now: Reading,
) -> tuple[Unit, int]:
    """Settle deliveries as folded into ``digest`` or cancelled with it, and add that; what to write, and how many."""
    wanted = UnitNeeds(
        ids=set(delivery_ids),
        seqs={seq_of(token) for token in tokens},
        destinations={digest.destination},
        news=[digest],
    )
    unit = await load_unit(db, wanted, now)
    rows = _rows_to_fold(unit, tokens, delivery_ids, now)
    place = await _place_of(db, rows, digest)
    check_new(unit, [digest])
    add_waiting(unit, digest, now, place)
    unit.touched.add(digest.destination)
    for row in rows:
        step: DeliveryStep = "cancelled" if row.delivery.id in cancelled else "folded"
        change(unit, row, end_delivery(row.delivery, step, digest.id, now.wall_us))
        unit.touched.add(row.delivery.new.destination)
    return unit, len(rows)


def _rows_to_fold(unit: Unit, tokens: Sequence[str], delivery_ids: Sequence[str], now: Reading) -> list[StoredDelivery]:
    rows = {row.delivery.seq: row for row in (unit.get_held(token, now) for token in tokens)}
    for delivery_id in delivery_ids:
        row = unit.find_named(delivery_id, now)
        if row is None or not (row.is_free(now.wall_us) or row.delivery.seq in rows):
            raise no_longer_waits(row.delivery.new.order_key if row else "")
        rows[row.delivery.seq] = row
    return list(rows.values())


async def _place_of(db: Db, rows: Sequence[StoredDelivery], digest: NewDelivery) -> int | None:
    """The place of the digest: asked twice, first for which counts it rests on, then with them."""
    folded = [(row.delivery, row.place) for row in rows]
    lines: list[LineSpan] = []

    def note(destination: str, order_key: str, first: int, last: int) -> int:
        lines.append((destination, order_key, first, last))
        return 0

    place_of_digest(folded, digest, note)
    if not lines:
        return None
    counts = {(name, key): count for name, key, count in await ask(db, _SQL["counts_in_lines"], columns(lines))}
    return place_of_digest(folded, digest, lambda name, key, first, last: counts[name, key])


async def backlog(db: Db, destination: str, after: LinePlace | None, limit: int, now: Reading) -> Backlog:
    """See Outbox."""
    start = after or LinePlace("", -1)
    rows = [
        row_of(stored_row, now)
        for stored_row in await ask(db, _SQL["backlog"], (destination, start.order_key, start.place, limit + 1))
    ]
    placed = [(row.view_at(now.wall_us), LinePlace(row.delivery.new.order_key, row.place)) for row in rows]
    keys = list({place.order_key for _, place in placed})
    receipts: dict[str, str] = dict(await ask(db, _SQL["receipts"], (destination, keys))) if keys else {}
    return page_of(placed, after, limit, receipts)
