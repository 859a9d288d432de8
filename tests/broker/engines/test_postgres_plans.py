"""Every query that daemons ask all the time finds what it wants by an index, however much else is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from broker.clock import ManualClock
from broker.engines import open_store
from broker.engines.postgres.queries import load
from broker.engines.postgres.slabs import in_slab
from broker.model import Commit, SweepPolicy
from tests.contracts.builders import LATER_US, NOW_US, TOPIC, a_decision, a_delivery, a_row, messages
from tests.contracts.postgres_databases import an_empty_database

MANY = 20_000
SLABS = 3
IN_A_SLAB = ("read", "goes_on", "probe", "upto_before", "count", "lowest", "remove", "add_messages")
"""Queries over the messages of one slab."""
LARGE = {
    "messages",
    *(f"messages_{n + 1}" for n in range(SLABS)),
    "log_slabs",
    "deliveries",
    "progress",
    "attempts",
    "state",
    "decisions",
    "receipts",
    "producer_keys",
}
"""Tables that grow with use; reading one of these from end to end is never right."""

NAMES = ("ops", "mail", "sms")
LEASE = {"destination": "ops", "limit": 8, "run": 4, "now": NOW_US, "until": NOW_US + 1, "holder": 1}
FIND = dict.fromkeys(
    ("state", "destination", "rule", "topic_uid", "offset", "order_key", "incident", "since_us", "until_us", "key")
)
SPAN = {"since_us": NOW_US + 1, "until_us": NOW_US + 2, "before_seq": 2**62, "limit": 50}
HOT: dict[tuple[str, str], Any] = {
    ("log", "lock_logs"): ([TOPIC],),
    ("log", "read"): {"uid": TOPIC, "offset": 3_000, "messages": 100, "bytes": 1_000_000, "least": 1},
    ("log", "goes_on"): (TOPIC, 3_000),
    ("log", "count"): (1, 10, 20),
    ("log", "bounds"): (TOPIC,),
    ("log", "probe"): (1, 2_000),
    ("log", "upto_before"): (1, 2_000),
    ("log", "lowest"): (1,),
    ("log", "remove"): (1, 10),
    ("log", "producer_keys"): ([1], ["key"]),
    ("slabs", "of"): (1,),
    ("slabs", "of_topic"): (TOPIC,),
    ("slabs", "held"): (1,),
    ("slabs", "lock_idle"): {"slab": 1},
    ("slabs", "leave"): {"slab": 1, "logs": [1]},
    ("slabs", "forget"): {"slab": 1, "logs": [1]},
    ("slabs", "forget_log"): (1,),
    ("cursors", "get"): ("s/x",),
    ("cursors", "revisions"): (["s/x"],),
    ("state", "read"): {"keys": ["k/1", "k/2"], "now": NOW_US},
    ("state", "due"): (TOPIC, NOW_US, 100),
    ("state", "next_due"): {"topic": TOPIC, "now": NOW_US},
    ("state", "standing"): (["k/1", "k/2"],),
    ("state", "sleeping"): {"now": NOW_US, "names": ["silence:1"]},
    ("state", "list_timed"): {"first": "k", "behind": "l", "after": "", "now": NOW_US, "limit": 10},
    ("outbox", "places"): {"seqs": [1, 2], "ids": ["d1"]},
    ("outbox", "whole"): ([1, 2, 3],),
    ("outbox", "by_id"): ("d7",),
    ("outbox", "taken_ids"): (["d7", "x"],),
    ("outbox", "taken_keys"): (["m"], ["r"], [0], [0]),
    ("outbox", "lease"): LEASE,
    ("outbox", "next_due"): {"destination": "ops"},
    ("outbox", "promote"): (["ops"], ["k1"]),
    ("outbox", "count_due"): ("ops", NOW_US, 10),
    ("outbox", "oldest"): ("ops",),
    ("outbox", "backlog"): ("ops", "k1", 5, 50),
    ("outbox", "attempts"): (7,),
    ("outbox", "receipt"): ("ops", "k1"),
    ("outbox", "find"): {**FIND, "before_seq": 2**62, "limit": 50},
    ("outbox", "find_between"): {**FIND, **SPAN},
    ("outbox", "find_in_line"): {**FIND, "destination": "ops", "order_key": "k1", "before_seq": 2**62, "limit": 50},
    ("outbox", "find_of_message"): {**FIND, "topic_uid": TOPIC, "offset": 5, "before_seq": 2**62, "limit": 50},
    ("outbox", "find_dead"): {**FIND, "before_seq": 2**62, "limit": 50},
    ("outbox", "behind_number"): (5, 50),
    ("decisions", "of"): (TOPIC, 5),
    ("decisions", "quiet"): {
        **dict.fromkeys(("topic_uid", "rule", "destination", "key", "outcome", "by")),
        **SPAN,
    },
    ("decisions", "since"): (3_900, 50),
    ("ownership", "owners"): (["router:x"],),
    ("catalog", "read"): ("project", "EGI"),
    ("catalog", "feed"): (1, 50),
    ("log", "forget_keys"): (2,),
    ("log", "sweep_keys"): (0, 100),
    ("outbox", "counts_in_lines"): (["ops"], ["k1"], [0], [9]),
    ("outbox", "receipts"): ("ops", ["k1", "k2"]),
    ("outbox", "end_leases"): (NOW_US, 7),
    ("outbox", "end_leases_of_the_dead"): (NOW_US,),
    ("outbox", "sweep"): (1, 100),
    ("outbox", "sweep_receipts"): (-1, 100),
    ("outbox", "find_by_prefix"): {**FIND, "id_prefix": "d7", "behind_ids": "d8", "before_seq": 2**62, "limit": 50},
    ("outbox", "find_into"): {**FIND, "into": "digest", "before_seq": 2**62, "limit": 50},
    ("outbox", "find_of_incident"): {**FIND, "incident": "i1", "before_seq": 2**62, "limit": 50},
    ("outbox", "find_shadow"): {**FIND, "before_seq": 2**62, "limit": 50},
    ("decisions", "sweep"): (1, 100),
    ("state", "list"): {"first": "k", "behind": "l", "after": "", "now": NOW_US, "limit": 10},
    ("state", "wake"): (["k/1"], [NOW_US], [7]),
    ("state", "expire"): {"now": 1, "limit": 100},
    ("ownership", "live"): None,
    ("ownership", "wants"): ([1],),
    ("ownership", "held"): (1,),
    ("ownership", "free"): None,
    ("ownership", "nodes"): None,
}
COLD = {
    "catalog": "list seq standing put",
    "cursors": "put delete list",
    "decisions": "add",
    "keeping": "lock lock_all begin_writer mark_batch last_batch end_writer forget_writers delivery_numbers "
    "state_numbers decision_numbers add_balances add_counters add_rows counters mark put_mark newest",
    "log": "create_logs log put_logs add_messages put_aheads forget_ahead put_producer_keys ends topics "
    "gone_with_messages",
    "outbox": "add_deliveries add_progress change add_attempts put_receipts waiting_by_topic move clear_heads "
    "find_heads balances balances_since",
    "search": "marks put_marks standing add by_words by_time forget clear_documents clear_marks",
    "ownership": "tokens lock_courier count_refused register renew renew_wanting end end_sessions_of_the_dead "
    "add_workers claim "
    "release release_others release_all listed",
    "slabs": "begin_in all number add open wait size remove",
    "state": "counts put delete",
}
"""Queries that are not looked at: they only insert, or write rows by their primary key, or read a small table, or they
belong to what an operator does seldom (a destination that moves or goes), or of what the planner knows here the whole
table is the quickest (the sessions of daemons forbid that)."""


MORE = (
    "INSERT INTO producer_keys SELECT 1, 'p' || n, n, 1, 0, 0 FROM generate_series(1, %s) AS n",
    "INSERT INTO receipts SELECT 'ops', 'k' || n, 'r', 0 FROM generate_series(1, %s) AS n",
    "INSERT INTO log_slabs SELECT n + 1000, 0, n %% 900 + 10 FROM generate_series(1, %s) AS n",
    "INSERT INTO attempts SELECT n, 1, 0, 0, 'later', '', true, false, '' FROM generate_series(1, %s) AS n",
)
"""What takes settlements and keys to come by."""


@pytest.fixture(scope="module")
def database() -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A database with thousands of everything, of which the planner knows."""
    import asyncio

    url = an_empty_database("plans")

    async def fill() -> None:
        clock = ManualClock()
        store = await open_store(url, clock)
        await store.log.append(TOPIC, messages(MANY))
        for _ in range(SLABS):
            await store.sweep(SweepPolicy(0, 0, 0, messages_keep_us=10))
            await store.log.append(TOPIC, messages(MANY // 4))
            await clock.advance(1, turns=1)
        places = range(MANY)
        await store.commit(
            Commit(
                deliveries=[
                    a_delivery(
                        f"d{n}",
                        order_key=f"k{n % 900}",
                        offset=n,
                        destination=("ops", "mail", "sms")[n % 3],
                        post=b"x" * 400,
                    )
                    for n in places
                ],
                state=[a_row(f"k/{n}", due_us=LATER_US + n if n % 3 else None) for n in places],
                decisions=[a_decision(offset=n) for n in places],
            )
        )
        await store.close()

    asyncio.run(fill())
    with psycopg.connect(url, autocommit=True) as db:
        for text in MORE:
            db.execute(text, (MANY,))
        db.execute("ANALYZE")
        yield db


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes_of(inner)


@pytest.mark.parametrize("name", HOT, ids=".".join)
def test_no_large_table_is_read_from_end_to_end(
    database: psycopg.Connection[tuple[Any, ...]], name: tuple[str, str]
) -> None:
    text = load(name[0])[name[1]]
    row = database.execute(f"EXPLAIN (FORMAT JSON) {text}", HOT[name]).fetchone()
    assert row is not None
    plan = row[0] if isinstance(row[0], list) else json.loads(row[0])
    read = [node["Relation Name"] for node in nodes_of(plan[0]["Plan"]) if node["Node Type"] == "Seq Scan"]
    assert not LARGE & set(read), json.dumps(plan, indent=1)


def test_every_query_over_messages_asks_one_slab_and_that_by_its_key(
    database: psycopg.Connection[tuple[Any, ...]],
) -> None:
    for name in IN_A_SLAB[:-1]:
        for slab in range(SLABS + 1):
            text = in_slab(load("log")[name], slab)
            row = database.execute(f"EXPLAIN (FORMAT JSON) {text}", HOT["log", name]).fetchone()
            assert row is not None
            nodes = list(nodes_of(row[0][0]["Plan"]))
            asked = {node["Relation Name"] for node in nodes if "messages" in node.get("Relation Name", "")}
            assert asked == {f"messages_{slab}" if slab else "messages"}, name
            assert "Seq Scan" not in {node["Node Type"] for node in nodes if node.get("Relation Name") in asked}, name


def test_no_query_over_messages_is_left_that_names_no_slab() -> None:
    for name, text in load("log").items():
        assert ("messages" in text.replace("--", "").split("\n", 1)[-1] and "FROM ONLY messages" in text) == (
            name in {*IN_A_SLAB[:-1], "gone_with_messages"}
        ), name
        assert in_slab(text, 7).count("messages_7") == (name in IN_A_SLAB) + (name == "gone_with_messages"), name


def test_every_query_is_looked_at_or_named_as_one_that_need_not_be() -> None:
    for name, left_out in COLD.items():
        looked_at = {query for file, query in HOT if file == name}
        assert looked_at | set(left_out.split()) >= load(name).keys(), name
        assert not looked_at & set(left_out.split()), name


def test_every_query_is_in_a_file_with_its_sentence() -> None:
    for name in [
        "catalog",
        "cursors",
        "decisions",
        "keeping",
        "log",
        "outbox",
        "ownership",
        "search",
        "slabs",
        "state",
    ]:
        for query, text in load(name).items():
            assert text.startswith("-- "), f"{name}.{query} has no sentence"
