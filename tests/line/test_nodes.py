"""Several daemons on one database: each worker runs on one of them, and on another one when that is gone."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost
from broker.clock import SystemClock
from broker.engines import open_reader
from broker.model import NodeStanding
from tests.contracts.postgres_databases import an_empty_database
from tests.line.test_postgres import Node, wait_until_settled

NAMES = ("one", "two", "three")
TAKEN_OVER_WITHIN_S = 5.5  # 3.5 s until a node counts as gone, and a second until the others look


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[dict[str, Node]]:
    with ExitStack() as undoing:
        mattermost = undoing.enter_context(running(FakeMattermost()))
        url = an_empty_database("nodes")
        found: dict[str, Node] = {}
        for name in NAMES:
            (tmp_path / name).mkdir()
            found[name] = Node(tmp_path / name, mattermost, url, name)
            undoing.callback(found[name].daemon.close)
            if name != "one":  # every node seals tokens with the same key
                (tmp_path / name / "sealing.key").symlink_to(tmp_path / "one" / "sealing.key")
        yield found


async def _standing(url: str) -> list[NodeStanding]:
    store = await open_reader(url, SystemClock())
    try:
        return list(await store.ownership.nodes())
    finally:
        await store.close()


def list_owners(node: Node) -> dict[str, str]:
    found = asyncio.run(_standing(node.store))
    return {worker.name: one.name for one in found if one.is_alive for worker in one.workers}


def wait_for_owners(
    node: Node, within_s: float, *, owned_by: set[str], workers: int, at_least: int = 1
) -> tuple[dict[str, str], float]:
    """Who owns what once all workers are owned by these nodes, by so many of them, and how long that took."""
    began = time.monotonic()  # noqa: TID251 - a real daemon's real time
    while True:
        owners = list_owners(node)
        took = time.monotonic() - began  # noqa: TID251
        owning = set(owners.values())
        if len(owners) >= workers and owning <= owned_by and len(owning) >= at_least:
            return owners, took
        assert took < within_s, owners
        SystemClock.pause(0.1)


WORKERS = 4  # the router, two couriers, the sweeper


def test_each_worker_runs_on_one_node_and_on_another_when_that_one_is_killed(nodes: dict[str, Node]) -> None:
    one, two, three = nodes.values()
    for node in (one, two, three):
        node.start()
    owners, _ = wait_for_owners(one, 15, owned_by=set(NAMES), workers=WORKERS, at_least=2)
    router = next(name for name in owners if name.startswith("router:"))
    one.publish(1, 2, 3)
    one.mattermost.wait_for_posts(3, 20)
    gone = owners[router]
    nodes[gone].daemon.kill()
    left = {name: node for name, node in nodes.items() if name != gone}
    other = next(iter(left.values()))
    other.publish(4, 5)
    _, took = wait_for_owners(other, TAKEN_OVER_WITHIN_S, owned_by=set(left), workers=WORKERS)
    other.mattermost.wait_for_posts(5, 20)
    assert took < TAKEN_OVER_WITHIN_S
    assert sorted(int(post.text.removeprefix("n=")) for post in one.mattermost.posts) == [1, 2, 3, 4, 5]


def test_a_clean_stop_hands_over_at_once(nodes: dict[str, Node]) -> None:
    one, two, _ = nodes.values()
    one.start()
    two.start()
    wait_for_owners(one, 15, owned_by={"one", "two"}, workers=WORKERS, at_least=2)
    assert one.daemon.stop() == 0
    _, took = wait_for_owners(two, 5, owned_by={"two"}, workers=WORKERS)
    assert took < 2.5


def test_a_node_that_was_paused_past_its_leases_writes_nothing_of_what_it_held(nodes: dict[str, Node]) -> None:
    one, two, _ = nodes.values()
    one.start()
    wait_for_owners(one, 10, owned_by={"one"}, workers=WORKERS)
    one.publish(*range(5))
    one.mattermost.wait_for_posts(5, 20)
    asyncio.run(wait_until_settled(one.store))  # what is in flight when a node stops may be sent once more
    one.daemon.signal(signal.SIGSTOP)
    two.start()
    wait_for_owners(two, 10, owned_by={"two"}, workers=WORKERS)
    two.publish(*range(5, 60))
    one.daemon.signal(signal.SIGCONT)
    two.publish(*range(60, 100))
    two.mattermost.wait_for_posts(100, 30)
    numbers = [int(post.text.removeprefix("n=")) for post in one.mattermost.posts]
    assert sorted(numbers) == list(range(100)), "something was decided or sent twice, or never"


def test_the_command_line_names_the_nodes(nodes: dict[str, Node]) -> None:
    import subprocess
    import sys

    one = nodes["one"]
    one.start()
    wait_for_owners(one, 10, owned_by={"one"}, workers=WORKERS)
    said = subprocess.run(
        [sys.executable, "-m", "bridge.cli", "--config", str(one.daemon.config), "--json", "nodes"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    (node,) = json.loads(said.stdout)["nodes"]
    assert (node["name"], node["alive"]) == ("one", True)
    assert any(worker["name"] == "courier:chat" for worker in node["workers"])
