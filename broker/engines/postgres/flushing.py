"""Writing what a group of calls left behind: every table in one statement, all of them sent at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from broker.engines.postgres.connections import Db
from broker.engines.postgres.queries import Question, ask_all, columns, load
from broker.engines.postgres.unit import Numbers, Placed, Unit
from broker.engines.stored_delivery import StoredDelivery, columns_of_decided

_KEEPING: Final = load("keeping")
_OUTBOX: Final = load("outbox")
_STATE: Final = load("state")
_CATALOG: Final = load("catalog")
_CURSORS: Final = load("cursors")
_DECISIONS: Final = load("decisions")


@dataclass(frozen=True, slots=True)
class Given:
    """The numbers that the database gave for those that stood for them."""

    places: list[int]
    versions: list[int]
    decisions: list[int]


async def flush(db: Db, unit: Unit, shard: int) -> None:
    """Write it all. ``shard`` is the writer's own, in which it keeps its sums. Raises psycopg.Error."""
    given = await _numbers(db, unit)
    questions = [
        *_cursors(unit),
        *_catalog(unit),
        *_deliveries(unit, given),
        *_state(unit, given),
        *_decisions(unit, given),
        *_sums(unit, shard),
    ]
    answers = await ask_all(db, questions)
    for (text, _), rows in zip(questions, answers, strict=True):
        if text is _OUTBOX["promote"]:
            unit.touched.update(destination for (destination,) in rows)


async def _numbers(db: Db, unit: Unit) -> Given:
    wanted = {
        "delivery_numbers": unit.places.taken,
        "state_numbers": unit.versions.taken,
        "decision_numbers": len(unit.decisions),
    }
    asked = [name for name, count in wanted.items() if count]
    answers = await ask_all(db, [(_KEEPING[name], (wanted[name],)) for name in asked])
    numbers: Mapping[str, list[int]] = {
        name: [number for (number,) in rows] for name, rows in zip(asked, answers, strict=True)
    }
    return Given(*(numbers.get(name, []) for name in wanted))


def _cursors(unit: Unit) -> Iterator[Question]:
    if unit.moved:
        yield _CURSORS["put"], columns(unit.moved.values())


def _catalog(unit: Unit) -> Iterator[Question]:
    if unit.record_puts:
        yield _CATALOG["put"], columns((*name, *put) for name, put in unit.record_puts.items())


def _deliveries(unit: Unit, given: Given) -> Iterator[Question]:
    if unit.changed:
        rows = (_changed_row(unit.rows[seq], given, stays=stays) for seq, stays in unit.changed.items())
        yield _OUTBOX["change"], columns(rows)
    if unit.placed:
        yield _OUTBOX["add_deliveries"], columns(_decided_row(placed, given) for placed in unit.placed.values())
        yield _OUTBOX["add_progress"], columns(_standing(unit, given))
    if unit.lines:
        yield _OUTBOX["promote"], columns(sorted(unit.lines))
    if unit.attempts:
        yield (
            _OUTBOX["add_attempts"],
            columns(
                (
                    seq,
                    number,
                    attempt.at_us,
                    attempt.took_us,
                    attempt.outcome,
                    attempt.reason,
                    attempt.counted,
                    attempt.unclear,
                    attempt.form,
                )
                for seq, number, attempt in unit.attempts
            ),
        )
    if unit.receipts:
        yield _OUTBOX["put_receipts"], columns((*line, *receipt) for line, receipt in sorted(unit.receipts.items()))


def _changed_row(row: StoredDelivery, given: Given, *, stays: bool) -> tuple[Any, ...]:
    delivery, offset_us = row.delivery, row.offset_us
    first_us = delivery.first_tried_us - offset_us if delivery.first_tried_us else 0
    settled = (delivery.settled_us - offset_us, offset_us) if delivery.settled_us else (0, 0)
    tried = (delivery.leased, delivery.attempts, delivery.tries, delivery.form, first_us, delivery.unclear)
    place = Numbers.resolve(row.place, given.places)
    return (
        delivery.seq,
        delivery.due_us - offset_us,
        *tried,
        delivery.state,
        delivery.by,
        *settled,
        delivery.new.late,
        place,
        stays,
    )


def _decided_row(placed: Placed, given: Given) -> tuple[Any, ...]:
    return Numbers.resolve(placed.number, given.places), *columns_of_decided(placed.new)


def _standing(unit: Unit, given: Given) -> Iterator[tuple[Any, ...]]:
    begun: set[tuple[str, str]] = set()
    for placed in unit.placed.values():
        new, line = placed.new, (placed.new.destination, placed.new.order_key)
        seq = Numbers.resolve(placed.number, given.places)
        at_end = placed.state == "waiting" and placed.place is None
        place = seq if placed.place is None else placed.place
        due_us = new.due_us - placed.offset_us
        settled = (placed.settled_us, placed.offset_us) if placed.settled_us else (0, 0)
        ending = (placed.state, due_us, new.late, placed.by, *settled)
        yield seq, *line, new.priority, place, at_end and line not in begun, *ending
        if at_end:
            begun.add(line)


def _state(unit: Unit, given: Given) -> Iterator[Question]:
    if unit.removed:
        yield _STATE["delete"], (sorted(unit.removed),)
    if unit.woken:
        woken = sorted(unit.woken.items())
        yield (
            _STATE["wake"],
            columns((key, row.due_us, Numbers.resolve(row.version, given.versions)) for key, row in woken),
        )
    if unit.puts:
        rows = ([put[0], Numbers.resolve(put[1], given.versions), *put[2:]] for _, put in sorted(unit.puts.items()))
        yield _STATE["put"], columns(rows)


def _decisions(unit: Unit, given: Given) -> Iterator[Question]:
    if unit.decisions:
        rows = zip(given.decisions, unit.decisions, strict=True)
        yield _DECISIONS["add"], columns((number, *decision) for number, decision in rows)


def _sums(unit: Unit, shard: int) -> Iterator[Question]:
    if unit.balances:
        yield _KEEPING["add_balances"], columns((*entry, shard, *sums) for entry, sums in sorted(unit.balances.items()))
    if unit.counters:
        yield _KEEPING["add_counters"], columns((*name, shard, added) for name, added in sorted(unit.counters.items()))
    if unit.held:
        yield _KEEPING["add_rows"], columns((rule, shard, added) for rule, added in sorted(unit.held.items()))
