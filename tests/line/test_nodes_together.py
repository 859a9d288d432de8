"""What somebody does at one node acts at the others, too: at once where the database is asked, else within a bound."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost
from bridge.fakes.trouble import Answer
from broker.clock import SystemClock
from tests.contracts.postgres_databases import an_empty_database
from tests.line.test_kill import TOKEN
from tests.line.test_nodes import list_owners
from tests.line.test_postgres import Node

CLOCK: Final = SystemClock()
BOUND_S: Final = 3.0  # docs/scale.md: a second until the next look, the way there, and a busy machine
SETTLES_WITHIN_S: Final = 20.0
WORKERS: Final = 4
ROUTER: Final = "router:projects/P/topics/T"
RULES: Final = """
topic: projects/P/topics/T
rules:
  - name: numbers
    match: {$.n: {exists: true}}
    key: "{{ data.n }}"
    text: "n={{ data.n }}"
    send: chat
  - name: site
    match: {$.status: CRITICAL}
    resolved: {$.status: OK}
    key: "{{ data.site }}"
    text: "{{ data.site }} {{ phase }}"
    repeat: 1s
    send: chat
"""


@dataclass
class Pair:
    """The node that has the topic's router, and another one."""

    routing: Node
    other: Node
    mattermost: FakeMattermost

    @property
    def numbers(self) -> list[int]:
        """The numbers in the channel."""
        return [int(post.text.removeprefix("n=")) for post in self.mattermost.posts if post.text.startswith("n=")]

    def told(self, text: str) -> int:
        """How often something was told."""
        return sum(text in post.text for post in self.mattermost.posts)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as undoing:
        yield begin_pair(undoing, tmp_path, an_empty_database("together"))


def begin_pair(undoing: ExitStack, folder: Path, url: str) -> Pair:
    """Two nodes on a database that share its workers by now."""
    mattermost = undoing.enter_context(running(FakeMattermost()))
    nodes = {}
    for name in ("one", "two"):
        (folder / name).mkdir()
        nodes[name] = Node(folder / name, mattermost, url, name, rules=(RULES,))
        undoing.callback(nodes[name].daemon.close)
    (folder / "two" / "sealing.key").symlink_to(folder / "one" / "sealing.key")
    for node in nodes.values():
        node.start()
    owners: dict[str, str] = {}
    ends = CLOCK.monotonic() + SETTLES_WITHIN_S
    while len(owners) < WORKERS or len(set(owners.values())) < len(nodes):
        assert CLOCK.monotonic() < ends, owners
        owners = list_owners(nodes["one"])
        CLOCK.pause(0.1)
    routing = nodes.pop(owners[ROUTER])
    return Pair(routing, *nodes.values(), mattermost)


def ask(node: Node, method: str, path: str, body: Any = None) -> Any:
    """What a node answers, which is good news."""
    answer = httpx.request(method, node.base_url + path, json=body, headers={"x-api-key": TOKEN}, timeout=30)
    assert answer.is_success, answer.text
    return answer.json()


def publish(node: Node, **event: Any) -> None:
    data = base64.b64encode(json.dumps(event).encode()).decode()
    ask(node, "POST", "/v1/projects/P/topics/T:publish", {"messages": [{"data": data}]})


def wait_until_settled(node: Node, decided: int) -> None:
    """Return when so many deliveries of numbers are settled, told or not."""
    ends = CLOCK.monotonic() + SETTLES_WITHIN_S
    while True:
        found = ask(node, "GET", "/api/deliveries?rule=numbers&limit=1000")["deliveries"]
        if sum(one["state"] != "waiting" for one in found) >= decided:
            return
        assert CLOCK.monotonic() < ends, found
        CLOCK.pause(0.1)


def publish_for(node: Node, seconds: float, first: int) -> dict[int, float]:
    """Publish a number every now and then; how long after the beginning each was sent."""
    began, sent_s = CLOCK.monotonic(), {}
    while (after_s := CLOCK.monotonic() - began) < seconds:
        sent_s[first + len(sent_s)] = after_s
        publish(node, n=first + len(sent_s) - 1)
        CLOCK.pause(0.05)
    return sent_s


def test_a_silence_and_its_end_hold_at_the_node_that_decides_within_three_seconds(pair: Pair) -> None:
    publish(pair.routing, n=0)
    pair.mattermost.wait_for_posts(1, SETTLES_WITHIN_S)
    silence = ask(pair.other, "POST", "/api/silences", {"matchers": {"destination": "chat"}, "for_s": 600})["silence"]
    sent_s = publish_for(pair.routing, BOUND_S + 1, first=1)
    CLOCK.pause(BOUND_S)
    assert not [n for n in pair.numbers if sent_s.get(n, 0) > BOUND_S], "told although it was silenced"
    assert [n for n in sent_s if sent_s[n] > BOUND_S]
    ask(pair.other, "POST", f"/api/silences/{silence['id']}:expire")
    sent_s = publish_for(pair.routing, BOUND_S + 1, first=10_000)
    loud = {n for n in sent_s if sent_s[n] > BOUND_S}
    ends = CLOCK.monotonic() + SETTLES_WITHIN_S
    while not loud <= set(pair.numbers):
        assert CLOCK.monotonic() < ends, "silenced although it was over"
        CLOCK.pause(0.1)


def test_an_incident_that_is_taken_at_one_node_is_reminded_of_by_no_other(pair: Pair) -> None:
    publish(pair.other, site="A", status="CRITICAL")
    ends = CLOCK.monotonic() + SETTLES_WITHIN_S
    while not pair.told("A reminder"):
        assert CLOCK.monotonic() < ends
        CLOCK.pause(0.05)
    assert ask(pair.other, "POST", "/api/incidents:take", {"rule": "site", "key": "A", "who": "ann"}) == {
        "taken_by": "ann"
    }
    CLOCK.pause(BOUND_S)
    told = pair.told("A reminder")
    CLOCK.pause(3.0)
    assert pair.told("A reminder") == told
    publish(pair.routing, site="A", status="OK")
    ends = CLOCK.monotonic() + SETTLES_WITHIN_S
    while not pair.told("A resolved"):
        assert CLOCK.monotonic() < ends
        CLOCK.pause(0.05)


@pytest.mark.parametrize("asked", ["routing", "other"])
def test_a_dead_letter_that_is_replayed_at_any_node_is_sent_by_the_one_that_delivers_within_three_seconds(
    pair: Pair, asked: str
) -> None:
    pair.mattermost.script.next(Answer(400, "no"))
    publish(pair.routing, n=7)
    wait_until_settled(pair.other, 1)
    node = pair.routing if asked == "routing" else pair.other
    assert ask(node, "POST", "/api/deliveries:replay", {"rule": "numbers"}) == {"count": 1}
    began = CLOCK.monotonic()
    pair.mattermost.wait_for_posts(1, SETTLES_WITHIN_S)
    assert CLOCK.monotonic() - began < BOUND_S
    assert pair.numbers == [7]


def test_a_subscription_that_is_set_back_at_one_node_is_read_from_there_at_another_at_once(pair: Pair) -> None:
    publish(pair.routing, n=1)
    publish(pair.routing, n=2)
    subscription = "/v1/projects/P/subscriptions/S"
    for node, there in ((pair.routing, pair.other), (pair.other, pair.routing)):
        for offset in (2, 0, 1):
            ask(node, "POST", f"{subscription}:modifyOffset", {"offset": offset})
            assert ask(there, "GET", f"{subscription}:offsets")["current"] == offset
            pulled = ask(there, "POST", f"{subscription}:pull", {"maxMessages": "1", "returnImmediately": "true"})
            found = [one["message"]["messageId"] for one in pulled["receivedMessages"]]
            assert found == ([str(offset)] if offset < 2 else [])


def test_a_topic_that_is_made_at_one_node_is_there_at_another_within_three_seconds(pair: Pair) -> None:
    ask(pair.other, "PUT", "/v1/projects/P/topics/NEW")
    began = CLOCK.monotonic()
    while not httpx.get(
        f"{pair.routing.base_url}/v1/projects/P/topics/NEW", headers={"x-api-key": TOKEN}, timeout=30
    ).is_success:
        assert CLOCK.monotonic() - began < BOUND_S
