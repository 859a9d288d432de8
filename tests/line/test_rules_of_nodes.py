"""One rule set is current for all nodes: a reload acts on all, and a node with other files says so."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.app.daemon import EXIT_BAD_CONFIGURATION
from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost
from bridge.routing.active_config import CURRENT
from bridge.routing.service_notes import put_note
from broker.broker import Broker, BrokerSettings
from broker.clock import SystemClock
from broker.engines import open_store
from broker.model import Put
from broker.records import RuleSetRecord
from tests.contracts.postgres_databases import an_empty_database
from tests.line.test_kill import RULES, TOKEN
from tests.line.test_postgres import Node

OTHER = RULES.replace("n={{ data.n }}", "number={{ data.n }}")
CANNOT_READ = "this node cannot read the rule set that is in force on all nodes, and decides nothing"
ROUTER = "router:projects/P/topics/T"
WITHIN_S = 10.0


class FellowNode(Node):
    """A node whose files are changed, and that is asked how it stands."""

    def write_rules(self, text: str) -> None:
        (self.daemon.config.parent / "rules.d" / "0.yaml").write_text(text)

    def change_settings(self, old: str, new: str) -> None:
        text = self.daemon.config.read_text()
        assert old in text
        self.daemon.config.write_text(text.replace(old, new))

    def ask(self, path: str, method: str = "GET") -> Any:
        headers = {"x-api-key": TOKEN, "accept": "application/json"}
        answer = httpx.request(method, f"{self.base_url}{path}", headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.headers["content-type"].startswith("application/json") else answer.text

    def version(self) -> str:
        return str(self.ask("/api/status")["rules"]["version"])

    def degraded(self) -> str:
        return str(self.ask("/readyz").get("degraded") or "")

    def reload(self) -> str:
        return str(self.ask("/api/reload", "POST")["version"])

    def metric(self, name: str) -> float:
        lines = str(self.ask("/metrics")).splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[FellowNode, FellowNode]]:
    with ExitStack() as undoing:
        mattermost = undoing.enter_context(running(FakeMattermost()))
        url = an_empty_database("rules_of_nodes")
        made = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            made.append(FellowNode(tmp_path / name, mattermost, url, name))
            undoing.callback(made[-1].daemon.close)
        (tmp_path / "two" / "sealing.key").symlink_to(tmp_path / "one" / "sealing.key")
        yield made[0], made[1]


def until(is_so: Callable[[], object], tell: Callable[[], object]) -> None:
    clock = SystemClock()
    ends = clock.monotonic() + WITHIN_S
    while not is_so():
        assert clock.monotonic() < ends, tell()
        clock.pause(0.05)


def test_a_reload_on_one_node_acts_on_all(pair: tuple[FellowNode, FellowNode]) -> None:
    one, two = pair
    one.start()
    two.start()
    assert one.version() == two.version()
    for node in pair:
        node.write_rules(OTHER)
    version = one.reload()
    until(lambda: two.version() == version, two.version)
    assert (one.degraded(), two.degraded()) == ("", "")
    two.publish(1)
    one.mattermost.wait_for_posts(1, 20)
    assert [post.text for post in one.mattermost.posts] == ["number=1"]


def test_a_node_with_other_files_serves_what_is_current_and_says_so(pair: tuple[FellowNode, FellowNode]) -> None:
    one, two = pair
    one.start()
    two.start()
    before = two.version()
    one.write_rules(OTHER)
    version = one.reload()
    until(lambda: two.version() == version, two.version)
    assert version != before
    said = two.degraded()
    assert f"the files of this node make rule set {before}, and rule set {version} is in force on all nodes" in said
    assert two.metric("ams_bridge_rules_degraded") == 1
    assert one.degraded() == ""
    until(lambda: nodes_of(one)["two"]["degraded"], lambda: nodes_of(one))
    for told in (nodes_of(one), nodes_on_the_command_line(one)):
        assert {name: (node["rules"], node["files"]) for name, node in told.items()} == {
            "one": (version, version),
            "two": (version, before),
        }
        assert "is in force on all nodes" in told["two"]["degraded"]
    one.daemon.kill()
    two.publish(7)
    one.mattermost.wait_for_posts(1, 20)
    assert [post.text for post in one.mattermost.posts] == ["number=7"], "the dead node's rules were current"
    two.write_rules(OTHER)
    two.reload()
    assert (two.degraded(), two.metric("ams_bridge_rules_degraded")) == ("", 0)


def test_a_node_with_bad_files_starts_with_what_is_current(pair: tuple[FellowNode, FellowNode]) -> None:
    one, two = pair
    one.start()
    two.write_rules("rules: [{name: all, nonsense: 1}]")
    two.start()
    assert two.version() == one.version()
    assert "the rule files are bad" in two.degraded()
    one.write_rules(OTHER)
    version = one.reload()
    until(lambda: two.version() == version, two.version)
    assert "the rule files are bad" in two.degraded()


def test_a_start_beside_others_changes_nothing_and_alone_it_does(pair: tuple[FellowNode, FellowNode]) -> None:
    one, two = pair
    one.start()
    version = one.version()
    two.write_rules(OTHER)
    two.start()
    assert (one.version(), two.version()) == (version, version)
    assert "reload one of them" in two.degraded()
    assert (one.daemon.stop(), two.daemon.stop()) == (0, 0)
    two.start()
    assert two.version() != version
    assert two.degraded() == ""


def test_a_node_without_a_destination_of_the_rules_decides_nothing(pair: tuple[FellowNode, FellowNode]) -> None:
    one, two = pair
    one.start()
    two.start()
    one.change_settings("destinations:\n", "destinations:\n  more: {type: inbox}\n")
    one.write_rules(RULES.replace("send: chat", "send: [chat, more]"))
    version = one.reload()
    until(lambda: "has no destination more" in two.degraded(), two.degraded)
    until(lambda: owner_of(one, ROUTER) == "one", lambda: nodes_of(one))
    until(lambda: nodes_of(one)["two"]["rules"] == "", lambda: nodes_of(one))
    two.publish(1)
    one.mattermost.wait_for_posts(1, 20)
    two.change_settings("destinations:\n", "destinations:\n  more: {type: inbox}\n")
    two.write_rules(RULES.replace("send: chat", "send: [chat, more]"))
    assert two.reload() == version
    assert two.degraded() == ""


def test_nodes_that_cannot_read_what_is_current_decide_nothing_until_one_is_reloaded(
    pair: tuple[FellowNode, FellowNode],
) -> None:
    one, two = pair
    one.start()
    two.start()
    before = one.version()
    asyncio.run(put_in_force(one.store, "a-newer-release's", b"nothing that this release could read"))
    for node in pair:
        until(lambda node=node: CANNOT_READ in node.degraded(), node.degraded)  # type: ignore[misc]
    until(lambda: {node["rules"] for node in nodes_of(one).values()} == {""}, lambda: nodes_of(one))
    one.publish(1)
    until(lambda: owner_of(two, ROUTER) == "", lambda: nodes_of(two))
    assert one.mattermost.posts == []
    two.daemon.stop()
    two.start()  # a start beside others does not help either
    assert CANNOT_READ in two.degraded()
    assert two.reload() == before
    until(lambda: one.version() == before and one.degraded() == "", one.degraded)
    one.mattermost.wait_for_posts(1, 20)
    assert [post.text for post in one.mattermost.posts] == ["n=1"]


def test_nodes_whose_settings_differ_say_so(pair: tuple[FellowNode, FellowNode]) -> None:
    one, two = pair
    two.change_settings("concurrency: 8", "concurrency: 9")
    one.start()
    two.start()
    for node, other in ((one, "two"), (two, "one")):
        said = f"bridge.yaml is not the same on node {other}: destinations:;"
        until(lambda node=node, said=said: said in node.degraded(), node.degraded)  # type: ignore[misc]


def test_a_node_with_another_sealing_key_does_not_start(pair: tuple[FellowNode, FellowNode]) -> None:
    one, two = pair
    one.start()
    key = two.daemon.config.parent / "sealing.key"
    key.unlink()
    key.write_text("ab" * 32)
    ended = subprocess.run(
        [sys.executable, "-m", "bridge.cli", "--config", str(two.daemon.config), "run"],
        env={**os.environ, "STATE_DIRECTORY": str(key.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert ended.returncode == EXIT_BAD_CONFIGURATION
    assert "is not that of one (" in ended.stdout + ended.stderr


async def put_in_force(url: str, version: str, sources: bytes) -> None:
    """Make a rule set current for all nodes, as a node of another release does whose words no other knows."""
    store = await open_store(url, SystemClock(), "newer")
    try:
        broker = Broker(store, SystemClock(), BrokerSettings(sealing_key=bytes(32)))
        await broker.load()
        record = RuleSetRecord(uid="newer", created_us=0, modified_us=0, version=version, sources=sources)
        await broker.cache.write([Put(version, record, 0), put_note(broker, CURRENT, version)])
    finally:
        await store.close()


def nodes_of(node: FellowNode) -> dict[str, Any]:
    return {one["name"]: one for one in node.ask("/api/nodes")["nodes"]}


def owner_of(node: FellowNode, worker: str) -> str:
    owners = [name for name, one in nodes_of(node).items() for held in one["workers"] if held["name"] == worker]
    return owners[0] if owners else ""


def nodes_on_the_command_line(node: FellowNode) -> dict[str, Any]:
    said = subprocess.run(
        [sys.executable, "-m", "bridge.cli", "--config", str(node.daemon.config), "--json", "nodes"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return {one["name"]: one for one in json.loads(said.stdout)["nodes"]}


def test_a_rollback_on_one_node_acts_on_all_and_stays_over_a_takeover(pair: tuple[FellowNode, FellowNode]) -> None:
    one, two = pair
    one.start()
    two.start()
    before = one.version()
    for node in pair:
        node.write_rules(OTHER)
    version = one.reload()
    until(lambda: two.version() == version, two.version)
    answer = httpx.post(f"{two.base_url}/api/rule-versions:rollback", headers={"x-api-key": TOKEN}, json={}, timeout=30)
    assert answer.json() == {"version": before}
    until(lambda: one.version() == before, one.version)
    assert "rolled back" in two.degraded()
    assert [change["how"] for change in one.ask("/api/rule-versions")["versions"]][:2] == ["rollback", "reload"]
    two.publish(1)
    one.mattermost.wait_for_posts(1, 20)
    assert [post.text for post in one.mattermost.posts] == ["n=1"]
