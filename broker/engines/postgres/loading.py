"""Locking and loading what a group of calls looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from broker.engines.postgres.connections import Db
from broker.engines.postgres.fencing import lock_owners
from broker.engines.postgres.locks import CATALOG_LOCK, cursor_lock, destination_lock, in_order, state_lock
from broker.engines.postgres.queries import Question, Rows, ask_all, columns, load
from broker.engines.postgres.unit import StateStanding, Unit, UnitNeeds
from broker.engines.stored_delivery import row_of
from broker.model import WAKE_ALL
from broker.steady import Reading

_KEEPING: Final = load("keeping")
_OUTBOX: Final = load("outbox")
_STATE: Final = load("state")
_CATALOG: Final = load("catalog")
_CURSORS: Final = load("cursors")


class MovedAway(Exception):
    """What was to be locked was given to another destination meanwhile: the group is to be made once more."""


Look = tuple[Question, Callable[[Unit, Rows, Reading], None]]
"""A question, and what to do with its answer."""


async def load_unit(db: Db, wanted: UnitNeeds, now: Reading) -> Unit:
    """Begin a transaction, lock what the calls will change, and load it. Raises MovedAway and psycopg.Error."""
    looks: list[Look] = [(("BEGIN", None), _take_nothing)]
    places: dict[int, str] = {}
    if wanted.ids or wanted.seqs:
        where = (_OUTBOX["places"], {"seqs": list(wanted.seqs), "ids": list(wanted.ids)})
        places = dict((await ask_all(db, [("BEGIN", None), where]))[1])
        looks.clear()
    slots = _slots(wanted, places)
    if slots:
        looks.append(((_KEEPING["lock"], (slots,)), _take_nothing))
    looks += [*_looks_at_places(wanted, now), *_looks_at_deliveries(wanted, list(places))]
    unit = Unit()
    for (_, take), rows in zip(looks, await ask_all(db, [question for question, _ in looks]), strict=True):
        take(unit, rows, now)
    if any(places.get(seq) != row.delivery.new.destination for seq, row in unit.rows.items()):
        raise MovedAway
    return unit


def _slots(wanted: UnitNeeds, places: Mapping[int, str]) -> list[int]:
    slots = {destination_lock(name) for name in (*wanted.destinations, *places.values())}
    slots.update(state_lock(key) for key in wanted.keys)
    slots.update(cursor_lock(cursor) for cursor in wanted.cursors)
    if wanted.records:
        slots.add(CATALOG_LOCK)
    return in_order(slots)


def _looks_at_places(wanted: UnitNeeds, now: Reading) -> Iterator[Look]:
    if wanted.owners:
        yield lock_owners(wanted.owners), _take_tokens
    if wanted.cursors:
        yield (_CURSORS["revisions"], (list(wanted.cursors),)), _take_revisions
    if wanted.keys:
        yield (_STATE["standing"], (list(wanted.keys),)), _take_state
    if wanted.names:
        names = None if WAKE_ALL in wanted.names else list(wanted.names)
        yield (_STATE["sleeping"], {"now": now.steady_us, "names": names}), _take_state
    if wanted.records:
        yield (_CATALOG["standing"], columns(wanted.records)), _take_records
        yield (_CATALOG["seq"], None), _take_seq


def _looks_at_deliveries(wanted: UnitNeeds, seqs: Sequence[int]) -> Iterator[Look]:
    if seqs:
        yield (_OUTBOX["whole"], (seqs,)), _take_deliveries
    if wanted.news:
        yield (_OUTBOX["taken_ids"], ([new.id for new in wanted.news],)), _take_ids
        yield (_OUTBOX["taken_keys"], columns(new.unique_key for new in wanted.news)), _take_keys


def _take_nothing(unit: Unit, rows: Rows, now: Reading) -> None:
    """For what is only done."""


def _take_tokens(unit: Unit, rows: Rows, now: Reading) -> None:
    unit.tokens.update(rows)


def _take_revisions(unit: Unit, rows: Rows, now: Reading) -> None:
    unit.revisions.update(rows)


def _take_state(unit: Unit, rows: Rows, now: Reading) -> None:
    unit.state.update((row[0], StateStanding(*row[1:])) for row in rows)


def _take_records(unit: Unit, rows: Rows, now: Reading) -> None:
    unit.records.update(((kind, key), (place, version)) for kind, key, place, version in rows)


def _take_seq(unit: Unit, rows: Rows, now: Reading) -> None:
    unit.catalog_seq = rows[0][0]


def _take_deliveries(unit: Unit, rows: Rows, now: Reading) -> None:
    for columns_of_one in rows:
        row = row_of(columns_of_one, now)
        unit.rows[row.delivery.seq] = row
        unit.ids[row.delivery.id] = row.delivery.seq


def _take_ids(unit: Unit, rows: Rows, now: Reading) -> None:
    unit.taken_ids.update(row[0] for row in rows)


def _take_keys(unit: Unit, rows: Rows, now: Reading) -> None:
    unit.taken_keys.update((origin, rule, send, part) for origin, rule, send, part in rows)
