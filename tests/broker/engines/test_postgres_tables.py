"""Tables that change often change in place, and vacuum comes to them in time: what keeps a database small for years."""

from __future__ import annotations

import psycopg

from broker.clock import ManualClock
from broker.engines import open_store
from broker.model import Commit, Cursor, SettleDelivered
from tests.contracts.builders import TOPIC, a_delivery, an_attempt, lease_all, messages
from tests.contracts.postgres_databases import a_database

IN_PLACE = ("logs", "cursors", "writers", "balances", "counters")
NEVER_FREED_BY_A_FIFTH = {"messages", "deliveries", "attempts", "decisions", "progress", "state", *IN_PLACE, "nodes"}


async def test_rows_that_change_often_change_in_place_and_touch_no_index() -> None:
    url = a_database("in_place")
    store = await open_store(url, ManualClock())
    cursor = await store.cursors.put(Cursor("s/x", 0))
    for n in range(150):
        await store.log.append(TOPIC, messages(1))
        cursor = await store.cursors.put(Cursor("s/x", n, rev=cursor.rev))
        await store.commit(Commit(deliveries=[a_delivery(f"d{n}")], counters={(TOPIC, "n"): 1}))
        for leased in (await lease_all(store)).values():
            await store.outbox.settle(leased.token, SettleDelivered("r"), an_attempt())
    await store.close()
    with psycopg.connect(url) as db:
        question = "SELECT relname, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = ANY(%s)"
        found = {name: (changed, in_place) for name, changed, in_place in db.execute(question, (list(IN_PLACE),))}
    assert {name for name, (changed, _) in found.items() if changed >= 100} == set(IN_PLACE)
    assert {name: ratio for name, (changed, hot) in found.items() if (ratio := hot / changed) < 0.9} == {}


def test_vacuum_waits_for_a_fifth_of_no_table_that_grows_or_changes() -> None:
    with psycopg.connect(a_database("in_place")) as db:
        rows = db.execute("SELECT relname, array_to_string(reloptions, ',') FROM pg_class WHERE relkind = 'r'")
        set_ones = {name for name, options in rows if "autovacuum_vacuum_scale_factor" in (options or "")}
    assert set_ones >= NEVER_FREED_BY_A_FIFTH
