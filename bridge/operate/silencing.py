"""Adding a silence while deliveries wait: one commit holds it and settles what it covers (semantics.md item 20).

Deliveries that a courier holds are left alone, and so are the ends of incidents somebody was told of, also those that a
post of a group or a digest may hold. An incident whose firing is taken back here counts as hidden again, so that it is
told when the silence ends and it still fires. When it is lifted before its time, what it kept quiet is looked at then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

import msgspec
import structlog

from bridge.operate.operator_context import OperatorContext
from bridge.operate.retract import find_ends_behind, has_heard, retract_row
from bridge.routing.active_config import silence_of
from bridge.routing.commit_batch import present
from bridge.routing.routers import full_names
from broker.conflicts import retry_on_conflict
from broker.errors import NotFound, StoreError, VersionMoved
from broker.model import Commit, Delivery, DeliveryQuery, Put, StatePut
from broker.records import SilenceRecord
from broker.tokens import random_uid
from rules.deciding.quiet.incident_rows import firing_incident
from rules.deciding.quiet.rows import key_row
from rules.deciding.quiet.silences import CompiledSilence, Facts, compile_silence, covers_waiting
from rules.deciding.quiet.verdicts import OWED

log = structlog.get_logger("silences")

_PAGE: Final = 1_000
_ATTEMPTS: Final = 10
_LOOKED_AT: Final = 200


async def add_silence(
    context: OperatorContext,
    *,
    matchers: Mapping[str, Any],
    starts_us: int,
    until_us: int,
    who: str,
    why: str,
    keep_waiting: bool,
) -> tuple[SilenceRecord, int]:
    """The silence as it now holds, and how many waiting deliveries it settled as suppressed.

    Raises ProblemsFound for matchers nobody can read; StoreUnavailable, OutcomeUnknown.
    """
    now_us = context.clock.wall_us()
    record = SilenceRecord(
        uid=random_uid(context.entropy),
        created_us=now_us,
        modified_us=now_us,
        matchers=dict(matchers),
        starts_us=starts_us,
        until_us=until_us,
        who=who,
        why=why,
    )
    compiled = compile_silence(silence_of(record))
    settles = not keep_waiting and starts_us <= now_us

    async def step() -> int:
        covered = await find_covered_waiting(context, compiled, now_us) if settles else []
        await context.store.commit(await _commit(context, record, covered))
        return len(covered)

    suppressed = await retry_on_conflict(step, what="what this silence covers", attempts=_ATTEMPTS)
    await _take_up(context, record.uid)
    return record, suppressed


async def expire_silence(context: OperatorContext, record: SilenceRecord) -> SilenceRecord:
    """End a silence now, and wake what it kept quiet in the same commit; one that has ended already stays as it is.

    Raises NotFound when it was removed meanwhile; StoreUnavailable, OutcomeUnknown.
    """
    cache = context.broker.cache

    async def step() -> SilenceRecord:
        stored = cache.get_stored(record)
        if stored is None:
            raise NotFound("silence", record.uid)
        silence, now_us = cast(SilenceRecord, stored.record), context.clock.wall_us()
        if silence.until_us <= now_us:
            return silence
        starts_us = min(silence.starts_us, now_us)
        ended = msgspec.structs.replace(silence, starts_us=starts_us, until_us=now_us, modified_us=now_us)
        change = Put(stored.key, ended, stored.version)
        try:
            await context.store.commit(Commit(catalog=(change,), wake=(f"silence:{record.uid}",)))
        except VersionMoved:
            await cache.refresh("silence", stored.key)
            raise
        await _take_up(context, stored.key)
        return ended

    return await retry_on_conflict(step, what="the silence", on=VersionMoved, attempts=_ATTEMPTS)


async def change_silence(
    context: OperatorContext, record: SilenceRecord, *, until_us: int, why: str | None = None
) -> tuple[SilenceRecord, SilenceRecord]:
    """Let a silence that has not ended end at ``until_us``, with another ``why`` where one is given: before, and after.

    What it keeps quiet is woken when it ends earlier than it would have; else the old end wakes it, and it stays quiet.
    Raises NotFound when it was removed or has ended; StoreUnavailable, OutcomeUnknown.
    """
    cache = context.broker.cache

    async def step() -> tuple[SilenceRecord, SilenceRecord]:
        stored, now_us = cache.get_stored(record), context.clock.wall_us()
        if stored is None or cast(SilenceRecord, stored.record).until_us <= now_us:
            raise NotFound("silence", record.uid)
        before = cast(SilenceRecord, stored.record)
        text = before.why if why is None else why
        after = msgspec.structs.replace(before, until_us=until_us, why=text, modified_us=now_us)
        wake = (f"silence:{record.uid}",) if until_us < before.until_us else ()
        try:
            await context.store.commit(Commit(catalog=(Put(stored.key, after, stored.version),), wake=wake))
        except VersionMoved:
            await cache.refresh("silence", stored.key)
            raise
        await _take_up(context, stored.key)
        return before, after

    return await retry_on_conflict(step, what="the silence", on=VersionMoved, attempts=_ATTEMPTS)


async def _take_up(context: OperatorContext, key: str) -> None:
    """What was written holds here too, and rows that it kept quiet since are woken.

    It is written: what fails here is no failure of what was asked. Whoever follows the catalog reads it within seconds,
    and whoever follows the silences wakes the rows until it is done.
    """
    try:
        await context.broker.cache.refresh("silence", key)
        context.in_force.take_silences(context.broker.cache)
        await context.in_force.wake(context.store)
    except StoreError as error:
        log.warning("a silence is written, and taken up when the store answers again", silence=key, reason=str(error))


async def find_covered_waiting(context: OperatorContext, compiled: CompiledSilence, now_us: int) -> list[Delivery]:
    """Waiting deliveries that no courier holds and that the silence covers; a post begun is not cut off half way."""
    topics = {uid: name for uid, (name, _) in full_names(context.broker).items()}
    covered: list[Delivery] = []
    before: int | None = None
    while True:
        deliveries = await context.store.outbox.find(DeliveryQuery(state="waiting", before_seq=before, limit=_PAGE))
        for delivery in deliveries:
            new = delivery.new
            facts = Facts(
                new.rule, topics.get(new.topic_uid, ""), new.destination, new.key, partial(_severity, delivery)
            )
            may_be = not delivery.leased and not _may_hold_an_end(context, compiled, delivery)
            if may_be and covers_waiting(compiled, facts, new.places, now_us):
                covered.append(delivery)
        if len(deliveries) < _PAGE:
            whole = {delivery.new.unique_key for delivery in covered if delivery.new.part == 0}
            return [
                delivery
                for delivery in covered
                if (delivery.new.origin, delivery.new.rule, delivery.new.send, 0) in whole
            ]
        before = deliveries[-1].seq


def _may_hold_an_end(context: OperatorContext, compiled: CompiledSilence, delivery: Delivery) -> bool:
    """Whether a delivery is exempt: an end of a told incident, or a post of several events that may hold one.

    Of several events only the last one's places are known: a silence that asks for an event's covers none of these.
    """
    new = delivery.new
    if new.phase in ("group", "digest"):
        rule = context.in_force.rule_set.by_name.get(new.rule)
        ends = rule is None or rule.quiet.has_life or rule.quiet.flapping is not None
        return ends or compiled.event is not None or "key" in compiled.silence.matchers
    return bool(new.incident) and new.phase in OWED


def _severity(delivery: Delivery) -> str:
    return delivery.new.severity


async def _commit(context: OperatorContext, record: SilenceRecord, covered: list[Delivery]) -> Commit:
    by = f"silence:{record.uid}"
    ids = {delivery.id for delivery in covered}
    unread = [
        delivery
        for delivery in covered
        if (delivery.new.incident or delivery.new.key) and not delivery.unclear and delivery.new.part == 0
    ]
    rows = await context.store.state.read(tuple({_row_name(delivery) for delivery in unread})) if unread else {}
    current = {key: present(row) for key, row in rows.items()}
    changed: dict[str, StatePut] = {}
    taken_back: list[str] = []
    for delivery in unread:
        row, others = current[_row_name(delivery)], await _of_its_line(context, delivery)
        behind_us = rows[row.key].behind_us
        heard = bool(delivery.new.incident) and (len(others) == _LOOKED_AT or has_heard(delivery, others, ids))
        if delivery.new.incident and not heard and firing_incident(row.key, row.value) is None:
            taken_back += _take_back_with_its_end(delivery, others, ids)
            continue
        put = (
            retract_row(row, delivery, context.in_force.rule_set, by, record.until_us, heard=heard, behind_us=behind_us)
            if row.value
            else None
        )
        if put is not None:
            changed[row.key] = put
            taken_back.append(delivery.id)
            current[row.key] = replace(row, value=put.value, due_us=put.due_us, expires_us=put.expires_us)
    return Commit(
        reads={key: rows[key].version for key in changed},
        state=tuple(changed.values()),
        withdraw=dict.fromkeys(ids, by),
        waiting=taken_back,
        catalog=(Put(record.uid, record, expected_version=0),),
    )


def _take_back_with_its_end(delivery: Delivery, others: Sequence[Delivery], ids: set[str]) -> list[str]:
    """A firing that is over before anybody heard of it: taken back with its end, or left alone if that waits elsewhere.

    What must still be waiting for that is returned.
    """
    ends = find_ends_behind(delivery, others)
    if has_heard(delivery, others, {*ids, *ends}):
        return [delivery.id]
    if ends:
        ids.update(ends)
        return [delivery.id, *ends]
    ids.discard(delivery.id)
    return []


async def _of_its_line(context: OperatorContext, delivery: Delivery) -> Sequence[Delivery]:
    """The deliveries of its rule and order key, newest first; the last of very many counts as one that was read."""
    new = delivery.new
    if not new.incident:
        return ()
    query = DeliveryQuery(destination=new.destination, order_key=new.order_key, rule=new.rule, limit=_LOOKED_AT)
    return await context.store.outbox.find(query)


def _row_name(delivery: Delivery) -> str:
    return key_row(delivery.new.rule, delivery.new.incident or delivery.new.key)
