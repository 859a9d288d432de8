"""Trees of routes: who is told is who Alertmanager would tell, whatever the tree."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.importing.alertmanager import convert
from rules.importing.label_matchers import LabelMatcher, parse_matchers
from rules.source.problems import ProblemsFound
from tests.rules.importing.builders import Bridge, a_rule_set, an_alert, as_config, reached

LABELS = st.dictionaries(st.sampled_from(["f", "g", "h"]), st.sampled_from(["a", "b", "ab"]))
MATCHERS = st.one_of(
    st.builds(LabelMatcher, st.sampled_from("fgh"), st.sampled_from(["=", "!="]), st.sampled_from(["a", "b", ""])),
    st.builds(LabelMatcher, st.sampled_from("fgh"), st.sampled_from(["=~", "!~"]), st.sampled_from(["a|b", "a.*"])),
)


def routes(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    """A route with children below it, down to a depth."""
    return st.fixed_dictionaries(
        {"parsed": st.lists(MATCHERS, max_size=2)},
        optional={
            "receiver": st.sampled_from(["r1", "r2", "r3"]),
            "continue": st.booleans(),
            "routes": st.lists(routes(depth - 1), max_size=3) if depth else st.just([]),
        },
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(routes(2), max_size=4), st.lists(LABELS, min_size=1, max_size=6))
def test_whatever_the_tree_the_same_receivers_are_told(
    children: list[dict[str, Any]], calls: list[dict[str, str]]
) -> None:
    root = {"receiver": "r0", "group_by": ["..."], "routes": children}
    bridge = Bridge(as_config(root))
    for labels in {frozenset(labels.items()): labels for labels in calls}.values():
        assert sorted(bridge.told(an_alert(**labels))) == sorted(reached(root, labels))
        assert sorted(bridge.told(an_alert("resolved", **labels))) == sorted(reached(root, labels))


def a_route(matchers: str = "", *children: dict[str, Any], receiver: str = "", **more: Any) -> dict[str, Any]:
    route: dict[str, Any] = {"parsed": list(parse_matchers(matchers)), "routes": list(children), **more}
    return route | ({"receiver": receiver} if receiver else {})


def test_a_plain_tree_needs_nothing_but_stop() -> None:
    tree = a_route("", a_route("f=a", a_route("g=b", receiver="r2"), receiver="r1"), receiver="r0")
    rule_set = a_rule_set(convert(as_config(tree)))
    assert [(rule.name, rule.stop) for rule in rule_set.rules] == [("r2", True), ("r1", True), ("r0", False)]
    assert "not:" not in convert(as_config(tree)).rules


def test_where_an_alert_walks_on_later_rules_say_whom_they_leave_out() -> None:
    tree = a_route(
        "", a_route("f=a", receiver="r1", **{"continue": True}), a_route("g=b", receiver="r2"), receiver="r0"
    )
    converted = convert(as_config(tree))
    assert "match: {not: {$.labels.f: a}}" in converted.rules
    assert [rule.stop for rule in a_rule_set(converted).rules] == [False, True, False]


@pytest.mark.parametrize(
    ("tree", "left_out"),
    [
        (a_route("", a_route("", receiver="r1"), a_route("f=a", receiver="r2"), receiver="r0"), ["routes[1]"]),
        (
            a_route("", a_route("f=a", a_route("f=b", receiver="r2"), receiver="r1"), receiver="r0"),
            ["routes[0].routes[0]"],
        ),
        (
            a_route("", a_route("f=a", a_route("g=b", receiver="r2", **{"continue": True}), receiver="r1"),
                    a_route("f=a,g=b", receiver="r3"), receiver="r0"),
            ["routes[1]"],
        ),
    ],
)  # fmt: skip
def test_routes_that_no_alert_reaches_are_named(tree: dict[str, Any], left_out: list[str]) -> None:
    converted = convert(as_config(tree))
    assert [one.path for one in converted.remarks if "no alert ever gets here" in one.text] == [
        f"route.{path}" for path in left_out
    ]
    a_rule_set(converted)


def test_options_are_handed_down_and_intervals_are_not() -> None:
    config = """
    route:
      receiver: a
      group_by: [alertname]
      group_wait: 10s
      repeat_interval: 1y2d
      routes:
        - matchers: [f=b]
          mute_time_intervals: [night]
          group_interval: 1h
          routes: [{matchers: [g=b], active_time_intervals: [night], group_by: [x.y]}]
    receivers: [{name: a, webhook_configs: [{url: "http://h"}]}]
    time_intervals: [{name: night, time_intervals: [{times: [{start_time: "00:00", end_time: "06:00"}]}]}]
    """
    inner, outer, root = a_rule_set(convert(config)).rules
    for rule, by, every_s in (
        (inner, "$.labels['x.y']", 3600),
        (outer, "$.labels.alertname", 3600),
        (root, "$.labels.alertname", 300),
    ):
        assert rule.quiet.group is not None
        assert [place.text for place in rule.quiet.group.by] == [by]
        assert (rule.quiet.group.wait_s, rule.quiet.group.gaps_s) == (10, (every_s,))
        assert rule.quiet.repeat_s == 367 * 86400
    assert [[(one.interval.name, one.outside) for one in rule.quiet.hours] for rule in (inner, outer, root)] == [
        [("night", False)], [("night", True)], []
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        ("receivers: []", "", "there is no route:"),
        ("route: {routes: [{receiver: a}]}\nreceivers: [{name: a}]", "route", "names no receiver"),
        ("route: {receiver: b}\nreceivers: [{name: bb}]", "route.receiver", 'did you mean "bb"?'),
        ("route: {receiver: a, matchers: [x=y]}\nreceivers: [{name: a}]", "route", "no matchers"),
        ("route: {receiver: a, repeat_interval: 0s}\nreceivers: [{name: a}]", "route.repeat_interval", "be zero"),
        ("route: {receiver: a, group_wait: soon}\nreceivers: [{name: a}]", "route.group_wait", "is not a duration"),
        (
            "route: {receiver: a, routes: [{mute_time_intervals: [nights]}]}\nreceivers: [{name: a}]",
            "route.routes[0].mute_time_intervals[0]", 'no time interval "nights"',
        ),
        ("route: {receiver: a, routes: {receiver: a}}\nreceivers: [{name: a}]", "route.routes", "a list is wanted"),
        ("route: {receiver: a}\nroute: {receiver: a}", "", "stands twice"),
        ("just text", "", "there is no route:"),
        ("", "", "there is no route:"),
        ("route: [", "", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_place(text: str, path: str, said: str) -> None:
    with pytest.raises(ProblemsFound) as found:
        convert(text, file="am.yml")
    assert any(said in one.text and one.path.startswith(path) for one in found.value.problems), found.value
    assert all(one.place.file == "am.yml" for one in found.value.problems)
