"""Three nodes on three servers of PostgreSQL, and whatever goes wrong: what was acknowledged is decided and sent once.

The judges stand outside: what publishers were told, what stands in the channel, and triggers in the database that know
who writes and who may. AMS_BRIDGE_NODES_ROUNDS and AMS_BRIDGE_NODES_SEED choose another life.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import statistics
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg
import pytest

from bridge.routing.ledger import books
from broker.clock import ManualClock
from broker.engines import open_reader, open_store
from broker.engines.postgres.ownership import NODE_TTL_S
from broker.model import Commit
from broker.store import Store
from tests.contracts.builders import TOPIC, a_delivery, a_move
from tests.contracts.postgres_databases import an_empty_database
from tests.line.late_writes import install_judge, late_writes, refused_writes
from tests.line.nodes_faults import Faults, Takeovers
from tests.line.nodes_stage import CLOCK, NodeStage, Publishers, a_node_stage, topic_of
from tests.line.test_kill import KEYS
from tests.line.test_postgres import wait_until_settled

ROUNDS: Final = int(os.environ.get("AMS_BRIDGE_NODES_ROUNDS", "60"))
SHORT_ROUNDS: Final = 9  # each fault once
SEED: Final = int(os.environ.get("AMS_BRIDGE_NODES_SEED", "20261130"))
LONGEST_S: Final = 450.0  # of faults: a busy machine has fewer of them, and the report says so
GOES_ON_WITHIN_S: Final = 60
TAKEN_OVER_WITHIN_S: Final = 5.0 + NODE_TTL_S


@pytest.mark.timeout(280)
def test_after_each_fault_once_what_was_acknowledged_is_decided_and_sent_once(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("counted", _live(tmp_path, SHORT_ROUNDS))


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_whatever_goes_wrong_on_three_nodes_what_was_acknowledged_is_decided_and_sent_once(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("counted", _live(tmp_path, ROUNDS))


def _live(folder: Path, rounds: int) -> str:
    """Let so many faults happen, judge, and report."""
    rng = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    with a_node_stage(folder) as stage:
        takeovers = Takeovers(stage)
        faults = Faults(stage, rng, takeovers).all()
        publishers = Publishers([node.base_url for node in stage.nodes.values()], SEED)
        happened: Counter[str] = Counter()
        began_s = CLOCK.monotonic()
        try:
            for number in range(rounds):
                if CLOCK.monotonic() - began_s > LONGEST_S:
                    break
                name = list(faults)[number] if number < len(faults) else rng.choice(list(faults))
                happened[name] += 1
                faults[name]()
                assert publishers.wait_for_more(rng.randint(5, 30), GOES_ON_WITHIN_S), f"round {number}, after {name}"
        finally:
            publishers.finish()
        took_s = CLOCK.monotonic() - began_s
        asyncio.run(wait_until_settled(stage.cluster.url))
        for node in stage.nodes.values():
            assert node.daemon.stop() == 0
        stored = asyncio.run(_judge(stage, publishers.acknowledged))
        with psycopg.connect(stage.cluster.primary.url) as db:
            late, refused = late_writes(db), refused_writes(db)
        assert late == [], "a node wrote what another one had taken over"
        longest_s = max(takeovers.took_s)
        assert longest_s <= TAKEN_OVER_WITHIN_S
        return (
            f"\nnodes: seed {SEED}, {happened.total()} rounds of {rounds} in {took_s:.0f} s; {dict(happened)}"
            f"{'' if stage.cluster.has_disks else ' (no disk was filled: to mount one takes root)'}; "
            f"acknowledged {len(publishers.acknowledged)}, not {publishers.refused}, stored {stored}, "
            f"posts {len(stage.mattermost.posts)}; writes by a node that had the worker no longer: {len(late)}, "
            f"refused {refused}; {len(takeovers.took_s)} takeovers, "
            f"p50 {statistics.median(takeovers.took_s):.1f} s, longest {longest_s:.1f} s"
        )


async def test_the_database_counts_what_a_node_writes_that_has_the_worker_no_longer() -> None:
    url, clock = an_empty_database("judged"), ManualClock()
    stores = [await open_store(url, clock, name) for name in ("a", "b")]
    try:
        await stores[0].commit(Commit(cursors=[a_move(1)], deliveries=[a_delivery()]))
        await stores[0].ownership.hold("a", ["router:t", "courier:ops"])
        with psycopg.connect(url, autocommit=True) as db:
            install_judge(db, {TOPIC: "router:t"})
            for writes, counted in (("a", 0), ("b", 4)):
                (number,) = db.execute("SELECT holder FROM nodes WHERE name = %s", (writes,)).fetchone() or (0,)
                with psycopg.connect(url, application_name=f"ams-bridge x {number}", autocommit=True) as session:
                    session.execute("UPDATE cursors SET rev = rev + 1")
                    session.execute("UPDATE progress SET leased = true, lease = lease + 1, holder = %s", (number,))
                    session.execute("UPDATE progress SET holder = 0 WHERE %s = 'b'", (writes,))
                    session.execute("UPDATE progress SET leased = false, attempts = attempts + 1")
                    decided = "INSERT INTO decisions VALUES (%s, %s, 0, 0, '', 0, '', '', '', '', 0, '', 0)"
                    session.execute(decided, (number, TOPIC))
                assert len(late_writes(db)) == counted
    finally:
        for store in stores:
            await store.close()


async def _judge(stage: NodeStage, acknowledged: set[int]) -> int:
    """Nothing acknowledged is lost, what is stored stands in the channel, keys keep their order, the books balance."""
    arrived = list(dict.fromkeys(int(post.text.removeprefix("n=")) for post in stage.mattermost.posts))
    place = {n: at for at, n in enumerate(arrived)}
    topics = await stage.topics()
    store = await open_reader(stage.cluster.url, CLOCK)
    try:
        stored = [n for name, uid in topics.items() for n in await _stored(store, name, uid)]
        assert acknowledged <= set(stored), "an acknowledged message is not in the log"
        assert set(stored) == set(arrived), "a stored message was never delivered"
        for book in await books(store, {uid: f"projects/P/topics/{name}" for name, uid in topics.items()}):
            assert book.balanced
            assert book.sends.delivered == book.messages.decided
        for key in range(KEYS):
            of_key = [place[n] for n in dict.fromkeys(stored) if n % KEYS == key]
            assert of_key == sorted(of_key), "order within a key was lost"
    finally:
        await store.close()
    decided = "SELECT 1 FROM decisions GROUP BY topic_uid, msg_offset, item, rule, send HAVING count(*) > 1"
    assert stage.ask(decided) == [], "a message was decided twice"
    return len(stored)


async def _stored(store: Store, name: str, uid: str) -> list[int]:
    """The numbers in a topic's log, in its order."""
    found = await store.log.read(uid, 0, 1_000_000, 1 << 30)
    assert [message.offset for message in found] == list(range(len(found)))
    numbers = [json.loads(base64.b64decode(message.data))["n"] for message in found]
    assert {topic_of(n) for n in numbers} <= {name}
    return numbers
