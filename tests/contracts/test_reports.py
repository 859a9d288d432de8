"""Reports by the clock over every engine: once over restarts and two routers, from what the store holds."""

from __future__ import annotations

import json

from bridge.core.audit import AuditEntry, AuditTrail
from broker.model import DeliveryQuery
from broker.store import Store
from tests.contracts.engines import Engine
from tests.contracts.test_watches import Desk

RULES = """
rules:
  - name: hosts
    match: {$.status: DOWN}
    resolved: {$.status: UP}
    key: "{{ data.host }}"
    text: "{{ phase }} {{ key }}"
    send: hook
  - name: report
    schedule: {cron: "*/10 * * * *"}
    text: "{{ data.open_count }} {{ data.fired }} {{ data.ended }} {{ data.taken }} {{ data.mean_take_s }} {{ data.top | map(attribute='key') | join(' ') }}"
    send: ops
"""  # noqa: E501


async def reports(store: Store) -> list[str]:
    deliveries = await store.outbox.find(DeliveryQuery(limit=1_000, destination="ops"))
    return [json.loads(one.new.post)["text"] for one in sorted(deliveries, key=lambda one: one.seq)]


async def test_a_report_is_made_of_what_the_store_holds(engine: Engine) -> None:
    async with engine.open() as store:
        clock = engine.clock
        desk = Desk(store, clock, RULES)
        await desk.begin()
        for host in ("web1", "web2"):
            await desk.publish(host=host, status="DOWN")
        await desk.decide()
        await desk.passes(30)
        await AuditTrail(store.log, clock, 1e6).note(AuditEntry(what="incident.take", target="hosts: web1"))
        await desk.publish(host="web2", status="UP")
        await desk.decide()
        await desk.passes(600)
        (first,) = await reports(store)
        assert first.startswith("1 2 1 1 3")
        assert first.endswith(" web1 web2")
        await desk.passes(600)
        assert (await reports(store))[1:] == ["1 0 0 0  "]


async def test_a_restart_at_the_time_tells_it_once(engine: Engine) -> None:
    async with engine.open() as store:
        clock = engine.clock
        desk = Desk(store, clock, RULES)
        await desk.begin()
        await desk.passes(600)
        told = len(await reports(store))
        assert told == 1
        for _ in range(3):
            await Desk(store, clock, RULES).begin()
        assert len(await reports(store)) == told


async def test_two_routers_that_see_the_same_timer_tell_it_once(engine: Engine) -> None:
    async with engine.open() as store:
        clock = engine.clock
        desk, other = Desk(store, clock, RULES), Desk(store, clock, RULES)
        await desk.begin()
        await other.begin()
        await clock.advance(601.0)
        await desk.look()
        await other.look()
        assert len(await reports(store)) == 1


async def test_what_was_missed_is_told_once_by_whoever_begins(engine: Engine) -> None:
    async with engine.open() as store:
        clock = engine.clock
        await Desk(store, clock, RULES).begin()
        await clock.advance(3_500.0)
        for _ in range(2):
            await Desk(store, clock, RULES).begin()
        assert len(await reports(store)) == 1
