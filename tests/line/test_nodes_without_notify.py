"""Several nodes that hear no NOTIFY: each looks for itself, and what is done at one acts at the others all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest

from bridge.fakes.trouble import Answer
from tests.contracts.postgres_databases import an_empty_database
from tests.line.proxy_process import ProxyProcess
from tests.line.test_kill import TOKEN
from tests.line.test_nodes_together import (
    BOUND_S,
    CLOCK,
    SETTLES_WITHIN_S,
    Pair,
    ask,
    begin_pair,
    publish,
    wait_until_settled,
)

INCIDENT = {"rule": "site", "key": "A"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two nodes whose database passes on everything but notifications."""
    with ExitStack() as undoing:
        parts = urlsplit(an_empty_database("deaf"))
        proxy = ProxyProcess([parts.port or 0])
        undoing.callback(proxy.close)
        proxy.tell("deafen")
        netloc = f"{parts.username}@127.0.0.1:{proxy.ports[0]}"
        url = urlunsplit(parts._replace(netloc=netloc, query="sslmode=disable&gssencmode=disable"))
        yield begin_pair(undoing, tmp_path_factory.mktemp("deaf"), url)


def soon(is_so: Callable[[], object], within_s: float = SETTLES_WITHIN_S) -> None:
    ends = CLOCK.monotonic() + within_s
    while not is_so():
        assert CLOCK.monotonic() < ends
        CLOCK.pause(0.05)


def test_what_is_done_at_one_node_acts_at_the_other_within_three_seconds(pair: Pair) -> None:
    new = "/v1/projects/P/topics/NEW"
    ask(pair.other, "PUT", new)
    there = f"{pair.routing.base_url}{new}"
    soon(lambda: httpx.get(there, headers={"x-api-key": TOKEN}, timeout=30).is_success, BOUND_S)

    pair.mattermost.script.next(Answer(400, "no"))
    publish(pair.other, n=7)
    wait_until_settled(pair.other, 1)
    assert 7 not in pair.numbers
    assert ask(pair.other, "POST", "/api/deliveries:replay", {"rule": "numbers"}) == {"count": 1}
    soon(lambda: 7 in pair.numbers, BOUND_S)


def test_an_incident_that_is_given_back_at_another_node_is_reminded_of_again(pair: Pair) -> None:
    publish(pair.other, site="A", status="CRITICAL")
    soon(lambda: pair.told("A firing"))
    ask(pair.other, "POST", "/api/incidents:take", {**INCIDENT, "who": "ann"})
    CLOCK.pause(BOUND_S)
    told = pair.told("A reminder")
    CLOCK.pause(1.5)
    assert pair.told("A reminder") == told
    assert ask(pair.other, "POST", "/api/incidents:give-back", INCIDENT) == {"before": "ann"}
    publish(pair.other, n=1)  # the next decision of its topic sees it; without one, that takes up to a minute
    soon(lambda: pair.told("A reminder") > told)
    publish(pair.other, site="A", status="OK")
    soon(lambda: pair.told("A resolved"))
