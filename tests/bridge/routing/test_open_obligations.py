"""What open incidents, groups and throttles still owe, read from the rows of state."""

from __future__ import annotations

from bridge.routing.open_obligations import read_obligations
from broker.model import Commit, StatePut
from tests.fakes.routing import UIDS, Routing, T, an_alert, routed

RULES = """
rules:
  - {name: site, match: {$.status: DOWN}, resolved: {$.status: UP}, key: "{{ data.host }}", text: x, send: [ops, mail]}
  - {name: gathered, group: {wait: 1h}, text: x, send: hook}
  - {name: slow, throttle: 1/1h, text: x, send: ops}
  - {name: tried, match: {$.status: DOWN}, resolved: {$.status: UP}, key: x, text: x, send: hook, shadow: true}
"""


async def test_incidents_are_counted_by_those_who_were_told_and_posts_by_where_they_go() -> None:
    async with routed(Routing(RULES)) as routing:
        hosts = [f"web{n}" for n in range(1_200)]  # more than a page
        await routing.publish(*(an_alert(host=host, status="DOWN") for host in hosts))
        await routing.publish(an_alert(host="web0", status="UP"))
        await routing.passes(1.0)
        obligations = await read_obligations(routing.store)
        assert obligations.told == {"ops": 1_199, "mail": 1_199}
        assert obligations.held["ops"] == 1_200
        assert 0 < obligations.held["hook"] <= 50
        assert obligations.speaking == {"site", "gathered", "slow"}
        rules = routing.in_force.rule_set.by_name
        assert obligations.forms == {rules["site"].judging}
        assert obligations.versions == {routing.in_force.rule_set.version}


async def test_a_row_that_cannot_be_read_is_passed_over() -> None:
    routing = Routing(RULES)
    garbage = StatePut("k/site/x", b"\xff", "site", UIDS[T], routing.clock.wall_us() + 10**9)
    await routing.store.commit(Commit(state=[garbage]))
    assert (await read_obligations(routing.store)).told == {}
