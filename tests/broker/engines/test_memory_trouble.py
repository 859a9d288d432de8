"""Trouble on demand: the memory engine fails where it is told to, in the ways that real stores do."""

from __future__ import annotations

import pytest

from broker.clock import ManualClock
from broker.engines.memory import MemoryStore, Trouble
from broker.errors import OutcomeUnknown, StoreUnavailable
from broker.model import Commit, SettleDelivered
from tests.contracts.builders import TOPIC, a_delivery, a_move, an_attempt, lease_all, messages, put_in


async def test_an_append_of_unknown_outcome_may_be_stored() -> None:
    store = MemoryStore(ManualClock(), Trouble("log.append", "stored"))
    with pytest.raises(OutcomeUnknown):
        await store.log.append(TOPIC, messages(2), "key")
    assert (await store.log.bounds(TOPIC)).end == 2
    assert (await store.log.append(TOPIC, messages(2), "key")).repeated


async def test_an_append_of_unknown_outcome_may_not_be_stored() -> None:
    store = MemoryStore(ManualClock(), Trouble("log.append", "not stored"))
    with pytest.raises(OutcomeUnknown):
        await store.log.append(TOPIC, messages(2), "key")
    assert (await store.log.bounds(TOPIC)).end == 0
    assert not (await store.log.append(TOPIC, messages(2), "key")).repeated


@pytest.mark.parametrize(("outcome", "revision"), [("stored", 1), ("not stored", 0)])
async def test_after_a_commit_of_unknown_outcome_the_cursor_tells(outcome: str, revision: int) -> None:
    store = MemoryStore(ManualClock(), Trouble("commit", outcome))  # type: ignore[arg-type]
    with pytest.raises(OutcomeUnknown):
        await store.commit(Commit(cursors=[a_move(5)], deliveries=[a_delivery()]))
    cursor = await store.cursors.get(f"r/{TOPIC}")
    assert (cursor.rev if cursor else 0) == revision
    assert (await store.outbox.read("d1") is not None) == bool(revision)


async def test_an_unavailable_store_stores_nothing() -> None:
    store = MemoryStore(ManualClock(), Trouble("outbox.settle", "unavailable"))
    await put_in(store, a_delivery())
    token = (await lease_all(store))["d1"].token
    with pytest.raises(StoreUnavailable):
        await store.outbox.settle(token, SettleDelivered(), an_attempt())
    assert (await store.outbox.settle(token, SettleDelivered(), an_attempt())).state == "delivered"


async def test_trouble_skips_and_counts() -> None:
    store = MemoryStore(ManualClock(), Trouble("log.append", "unavailable", skip=1, times=2))
    outcomes = []
    for _ in range(5):
        try:
            await store.log.append(TOPIC, messages(1))
            outcomes.append(True)
        except StoreUnavailable:
            outcomes.append(False)
    assert outcomes == [True, False, False, True, True]


async def test_lasting_trouble_shows_in_health_until_it_is_healed() -> None:
    store = MemoryStore(ManualClock())
    store.gate.add(Trouble("*", "unavailable", times=None))
    assert not (await store.health()).writable
    with pytest.raises(StoreUnavailable):
        await store.log.bounds(TOPIC)
    store.gate.heal()
    assert (await store.health()).writable
    assert (await store.log.append(TOPIC, messages(1))).first == 0


async def test_trouble_that_passed_does_not_show_in_health() -> None:
    store = MemoryStore(ManualClock(), Trouble("log.append", "unavailable"))
    with pytest.raises(StoreUnavailable):
        await store.log.append(TOPIC, messages(1))
    assert (await store.health()).writable


async def test_memory_has_no_backup(tmp_path: object) -> None:
    with pytest.raises(StoreUnavailable, match="use sqlite"):
        await MemoryStore(ManualClock()).backup(tmp_path)  # type: ignore[arg-type]
