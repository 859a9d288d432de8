"""What is written in a foreign file stays as it is written: labels, escapes, names and severities."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rules.importing.alertmanager import convert
from rules.importing.receiver_target import mail_names
from rules.source.places import read_yaml
from tests.rules.importing.builders import Bridge, a_rule_set, an_alert

HOOKS = 'receivers: [{name: d, webhook_configs: [{url: "http://h"}]}, {name: a, webhook_configs: [{url: "http://h"}]}]'


def destinations(config: str) -> Any:
    return read_yaml(convert(config).settings, "bridge.yaml").value["destinations"]


@pytest.mark.parametrize(
    ("matcher", "labels"),
    [
        (r"instance=~10\\.0\\.0\\.[0-9]+:9100", {"instance": "10.0.0.7:9100"}),
        (r"path = C:\\temp", {"path": r"C:\temp"}),
        (r"path = C:\temp", {"path": r"C:\temp"}),
        (r'path = "C:\\temp"', {"path": r"C:\temp"}),
        (r'path = "C:\temp"', {"path": r"C:\temp"}),
        (r"said = say \"hi\"", {"said": 'say "hi"'}),
        (r"lines = a\nb", {"lines": "a\nb"}),
        (r"share = \\\\host\\x", {"share": r"\\host\x"}),
        ("end = a\\", {"end": "a\\"}),
        (r"a=b\,c=d", {"a": "b\\", "c": "d"}),
        ("quoted='x'", {"quoted": "'x'"}),
    ],
)
def test_escapes_outside_quotes_are_read_as_there(matcher: str, labels: dict[str, str]) -> None:
    config = f"route: {{receiver: d, routes: [{{receiver: a, matchers: [{json.dumps(matcher)}]}}]}}\n{HOOKS}"
    assert Bridge(config).told(an_alert(**labels), wait_s=31) == ["a"]


@pytest.mark.parametrize("word", ["0123", "1.10", "1e3", "yes", "True", "0x1F", "2026-01-01"])
def test_a_label_is_compared_as_it_is_spelled(word: str) -> None:
    config = f"route: {{receiver: d, routes: [{{receiver: a, match: {{code: {word}}}}}]}}\n{HOOKS}"
    assert Bridge(config).told(an_alert(code=word), wait_s=31) == ["a"]


def test_a_receiver_may_be_called_by_a_number() -> None:
    config = "route: {receiver: 007, group_by: [0123]}\nreceivers: [{name: 007, webhook_configs: [{url: http://h}]}]"
    assert list(destinations(config)) == ["007"]
    assert "$.labels['0123']" in convert(config).rules


def test_merge_keys_are_read() -> None:
    config = """
    route:
      receiver: d
      routes:
        - &base {receiver: a, group_wait: 10s, matchers: [team=x]}
        - {<<: *base, matchers: [team=y]}
    receivers:
      - name: d
        discord_configs: [&hook {webhook_url: "https://h.example.org/x", send_resolved: false}]
      - {name: a, discord_configs: [{<<: *hook}]}
    """
    bridge = Bridge(config)
    assert bridge.told(an_alert(team="y"), wait_s=11) == ["a"]
    assert bridge.told(an_alert("resolved", team="y"), wait_s=400) == []


RESERVED = ["data", "text", "attributes", "message", "vars", "tables", "parent", "now", "phase", "rule", "key",
            "severity", "incident", "events", "namespace", "range", "items", "get", "keys", "if", "for", "not", "None",
            "a.b", "a-b", "a_b", "label_a_b", "0x", "é", 'q"', "loop", "true"]  # fmt: skip


@pytest.mark.parametrize("names", [*([name] for name in RESERVED), RESERVED, ["alertname", "alertname"]], ids=str)
def test_any_label_may_be_compared_by_an_inhibition(names: list[str]) -> None:
    config = {
        "route": {"receiver": "d", "group_by": ["..."]},
        "inhibit_rules": [{"source_matchers": ["level=high"], "target_matchers": ["level=low"], "equal": names}],
        "receivers": [{"name": "d", "discord_configs": [{"webhook_url": "https://h.example.org/x"}]}],
    }
    bridge = Bridge(json.dumps(config))
    labels = dict.fromkeys(names, "x")
    assert bridge.told(an_alert(level="high", **labels)) == ["d"]
    assert bridge.told(an_alert(level="low", **labels)) == []
    for name in dict.fromkeys(names):
        assert bridge.told(an_alert(level="low", **(labels | {name: "y"}))) == ["d"]
        without = {label: value for label, value in labels.items() if label != name}
        assert bridge.told(an_alert(level="low", **without)) == ["d"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('"Doe, Jane" <jane@example.org>, ops@example.org', ['"Doe, Jane" <jane@example.org>', "ops@example.org"]),
        ("a@example.org , b@example.org,", ["a@example.org", "b@example.org"]),
        (r'"O\"Neil, \\ J" <j@example.org>', [r'"O\"Neil, \\ J" <j@example.org>']),
        ("a@example.org (night, day), b@example.org", ["a@example.org (night, day)", "b@example.org"]),
        ("", []),
    ],
)
def test_a_comma_in_a_mail_name_parts_nothing(text: str, names: list[str]) -> None:
    assert mail_names(text) == names


@pytest.mark.parametrize("group_by", ["[alertname]", '["..."]'])
@pytest.mark.parametrize(
    ("severities", "worst"),
    [
        (["critical"], "critical"),
        (["warning", "critical", "info"], "critical"),
        (["info", "warning"], "warning"),
        (["warning", "page"], "page"),
        (["none"], ""),
        (["CRITICAL"], "critical"),
    ],
)
def test_a_post_is_as_severe_as_the_worst_of_its_alerts(group_by: str, severities: list[str], worst: str) -> None:
    config = f"route: {{receiver: d, group_by: {group_by}}}\n{HOOKS}"
    alerts = [an_alert(alertname="A", severity=severity) for severity in severities]
    bridge = Bridge(config)
    sends = [*bridge.call(*alerts), *bridge.wait(31)]
    expected = [worst] if group_by == "[alertname]" else [one.lower().replace("none", "") for one in severities]
    assert [send.post.severity for send in sends] == expected


def test_an_alert_without_a_severity_has_none() -> None:
    bridge = Bridge(f"route: {{receiver: d}}\n{HOOKS}")
    bridge.call(an_alert(alertname="A"))
    assert [send.post.severity for send in bridge.wait(31)] == [""]


def test_common_labels_of_a_webhook_are_those_that_are_equal_whatever_their_names() -> None:
    bridge = Bridge(f"route: {{receiver: d, group_by: [alertname]}}\n{HOOKS}")
    bridge.call(
        an_alert(alertname="A", **{"my.rack": "1", "7": "x"}), an_alert(alertname="A", **{"my.rack": "2", "7": "x"})
    )
    (send,) = bridge.wait(31)
    assert send.post.body["commonLabels"] == {"alertname": "A", "7": "x"}


def test_what_is_written_loads() -> None:
    a_rule_set(convert(f"route: {{receiver: d}}\n{HOOKS}"))


def test_a_variable_of_a_shell_is_one_of_the_daemons_environment() -> None:
    config = """
    route: {receiver: d}
    receivers:
      - name: d
        mattermost_configs:
          - {webhook_url: "${HOOK}", channel: "${CHANNEL}", username: "${NAME:-x}", icon_url: "${{x}}"}
    """
    assert destinations(config)["d"] == {
        "type": "mattermost", "url": "${credential:d-url}", "channel": "${env:CHANNEL}", "username": "${env:NAME}"
    }  # fmt: skip


def test_a_webhook_is_told_the_state_of_the_whole_group() -> None:
    bridge = Bridge(f"route: {{receiver: d, group_by: [alertname], group_wait: 1s, group_interval: 2s}}\n{HOOKS}")
    first, second = an_alert(alertname="A", host="a"), an_alert(alertname="A", host="b")
    bridge.call(first, second)
    assert [send.post.body["status"] for send in bridge.wait(5)] == ["firing"]
    bridge.call({**first, "status": "resolved"})
    (send,) = bridge.wait(5)
    assert send.post.body["status"] == "firing"
    assert [(one["labels"]["host"], one["status"]) for one in send.post.body["alerts"]] == [
        ("a", "resolved"), ("b", "firing")
    ]  # fmt: skip
    bridge.call({**second, "status": "resolved"})
    (send,) = bridge.wait(5)
    assert (send.post.body["status"], len(send.post.body["alerts"])) == ("resolved", 1)
