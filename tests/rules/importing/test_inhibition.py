"""Inhibition rules: who is kept quiet is who Alertmanager would keep quiet."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.importing.alertmanager import convert
from rules.importing.label_matchers import LabelMatcher, parse_matchers
from tests.rules.importing.builders import Bridge, Labels, a_rule_set, an_alert, as_config

LABELS = st.dictionaries(st.sampled_from(["level", "site", "my.rack"]), st.sampled_from(["a", "b", "c"]))
MATCHERS = st.lists(
    st.one_of(
        st.builds(LabelMatcher, st.just("level"), st.sampled_from(["=", "!="]), st.sampled_from(["a", "b", "c", ""])),
        st.builds(LabelMatcher, st.just("site"), st.sampled_from(["=~", "!~"]), st.sampled_from(["a|b", "c.*"])),
    ),
    max_size=2,
)
INHIBITIONS = st.fixed_dictionaries(
    {
        "source": MATCHERS,
        "target": MATCHERS,
        "equal": st.lists(st.sampled_from(["site", "my.rack", "alertname"]), unique=True),
    }
)
TREE = {
    "receiver": "r0",
    "group_by": ["..."],
    "routes": [
        {"parsed": [LabelMatcher("level", "=", "a")], "receiver": "r1", "continue": True},
        {"parsed": [LabelMatcher("site", "=~", "a|b")], "receiver": "r2"},
    ],
}


def as_said(inhibition: dict[str, Any]) -> dict[str, Any]:
    return {
        "source_matchers": [str(one) for one in inhibition["source"]],
        "target_matchers": [str(one) for one in inhibition["target"]],
        "equal": inhibition["equal"],
    }


def holds(matchers: list[LabelMatcher], labels: Labels) -> bool:
    return all(matcher.holds(labels.get(matcher.name, "")) for matcher in matchers)


def muted(inhibitions: list[dict[str, Any]], labels: Labels, firing: list[Labels]) -> bool:
    """As Alertmanager's documentation says it under ``inhibit_rule``."""
    for one in inhibitions:
        if not holds(one["target"], labels):
            continue
        is_source = holds(one["source"], labels)
        for other in firing:
            same = all(other.get(name, "") == labels.get(name, "") for name in one["equal"])
            if same and holds(one["source"], other) and not (is_source and holds(one["target"], other)):
                return True
    return False


@settings(max_examples=150, deadline=None)
@given(st.lists(INHIBITIONS, max_size=3), st.lists(LABELS, min_size=1, max_size=6))
def test_whatever_the_rules_the_same_alerts_are_quiet(
    inhibitions: list[dict[str, Any]], calls: list[dict[str, str]]
) -> None:
    bridge = Bridge(as_config(TREE, [as_said(one) for one in inhibitions]))
    firing: list[Labels] = []
    for labels in {json.dumps(labels, sort_keys=True): labels for labels in calls}.values():
        told = bridge.told(an_alert(**labels))
        firing.append(labels)
        assert bool(told) is not muted(inhibitions, labels, firing), (labels, bridge.converted.rules)


CRITICAL = """
route: {receiver: ops, group_by: [alertname], routes: [{matchers: [severity="critical"], receiver: pager}]}
inhibit_rules:
  - source_matchers: [severity="critical"]
    target_matchers: [severity=~"warning|info"]
    equal: [alertname, cluster]
receivers:
  - {name: ops, mattermost_configs: [{webhook_url: "https://mm.example.org/hooks/x"}]}
  - {name: pager, mattermost_configs: [{webhook_url: "https://mm.example.org/hooks/y"}]}
"""


def test_a_critical_alert_keeps_its_own_warnings_quiet_until_it_is_over() -> None:
    bridge = Bridge(CRITICAL)
    critical = {"alertname": "DiskFull", "severity": "critical"}
    assert bridge.told(an_alert(**critical), wait_s=60) == ["pager"]
    assert bridge.told(an_alert(alertname="DiskFull", severity="warning"), wait_s=60) == []
    assert bridge.told(an_alert(alertname="DiskFull", severity="warning", cluster="b"), wait_s=60) == ["ops"]
    assert bridge.told(an_alert(alertname="Other", severity="warning"), wait_s=60) == ["ops"]
    told = [*bridge.call(an_alert("resolved", **critical)), *bridge.wait(400)]
    assert sorted((send.destination, send.phase) for send in told) == [("ops", "firing"), ("pager", "resolved")]
    late = next(send for send in told if send.destination == "ops")
    assert "not told before because inhibit-1 was firing" in late.post.text


def test_in_one_call_the_source_is_seen_first_whatever_its_place() -> None:
    bridge = Bridge(CRITICAL)
    warning = an_alert(alertname="DiskFull", severity="warning")
    assert bridge.told(warning, an_alert(alertname="DiskFull", severity="critical"), wait_s=60) == ["pager"]


def test_rules_whose_alerts_are_no_targets_name_no_inhibitor() -> None:
    source, pager, ops = a_rule_set(convert(CRITICAL)).rules
    assert (source.name, source.quiet.shadow) == ("inhibit-1", True)
    assert pager.quiet.inhibited_by == ()
    assert [one.rule for one in ops.quiet.inhibited_by] == ["inhibit-1"]


def test_an_alert_that_is_source_and_target_does_not_silence_itself() -> None:
    rule = {"source": list(parse_matchers("level=a")), "target": [], "equal": []}
    bridge = Bridge(as_config(TREE, [as_said(rule)]))
    assert bridge.told(an_alert(level="a")) == ["r1"]
    assert bridge.told(an_alert(level="a", site="c")) == ["r1"]
    assert bridge.told(an_alert(level="b")) == []
