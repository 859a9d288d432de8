"""Whole configurations of Alertmanager: who is told what and when, and what is named because it could not be kept."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from bridge.settings.settings_file import read_settings
from rules.importing.alertmanager import convert
from rules.language.schema import rules_schema
from rules.source.places import read_yaml
from tests.rules.importing.builders import Bridge, a_rule_set, an_alert

DATA = Path(__file__).parent / "data"
CONFIGS = sorted(DATA.glob("*.yml"))
MINUTE, HOUR = 60, 3600


def a_bridge(name: str) -> Bridge:
    return Bridge((DATA / name).read_text())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_what_is_written_loads(path: Path, tmp_path: Path) -> None:
    converted = convert(path.read_text(), file=path.name)
    a_rule_set(converted)
    jsonschema.validate(read_yaml(converted.rules, "r").value, rules_schema())
    (tmp_path / "bridge.yaml").write_text(converted.settings.replace("${file:/etc/alertmanager", f"${{file:{tmp_path}"))
    for name in ("mattermost-url", "slack", "tickets"):
        (tmp_path / name).write_text("https://hooks.example.org/x")
    for part in converted.settings.split("${credential:")[1:]:
        (tmp_path / part.partition("}")[0]).write_text("https://hooks.example.org/x")
    settings = read_settings(tmp_path / "bridge.yaml", {}, tmp_path)
    assert settings.sources["alertmanager"].topic == "projects/OPS/topics/alerts"
    assert set(settings.projects["OPS"].topics) == {"alerts"}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_no_secret_is_copied(path: Path) -> None:
    converted = convert(path.read_text())
    everything = converted.rules + converted.settings + "".join(one.text for one in converted.remarks)
    assert "secret" not in everything.replace("a secret", "")
    assert "hooks/" not in everything.replace("/hooks/alertmanager", "")


def test_a_cluster_is_told_as_before() -> None:
    bridge = a_bridge("kubernetes.yml")
    pod = {"alertname": "PodCrash", "namespace": "shop", "pod": "a"}
    assert bridge.told(an_alert(**pod, severity="warning"), wait_s=29) == []
    assert bridge.wait(1)[0].destination == "Default"
    assert bridge.told(an_alert(alertname="Watchdog", severity="none"), wait_s=31) == ["Watchdog"]
    assert bridge.told(an_alert(alertname="InfoInhibitor", namespace="shop"), wait_s=31) == []
    assert bridge.told(an_alert(alertname="Slow", namespace="shop", severity="info"), wait_s=10 * MINUTE) == []
    assert bridge.told(an_alert(alertname="Slow", namespace="bank", severity="info"), wait_s=31) == ["Default"]
    assert bridge.told(an_alert(**pod, severity="critical"), wait_s=31) == ["Critical"]


def test_an_urgent_priority_goes_along() -> None:
    bridge = a_bridge("kubernetes.yml")
    bridge.call(an_alert(alertname="A", severity="critical"))
    assert [send.post.overrides for send in bridge.wait(31)] == [{"priority": "urgent"}]


def test_alerts_of_a_group_are_one_post_and_later_ones_wait_for_the_interval() -> None:
    bridge = a_bridge("kubernetes.yml")
    alerts = [
        an_alert(alertname=name, namespace="shop", severity="warning", name=name) for name in ("one", "two", "three")
    ]
    assert bridge.call(alerts[0], alerts[1]) == []
    assert [send.post.text for send in bridge.wait(30)] == ["one one is firing\ntwo two is firing"]
    assert bridge.told(alerts[2], wait_s=4 * MINUTE) == []
    assert [send.post.text for send in bridge.wait(MINUTE)] == ["three three is firing"]


def test_what_alertmanager_sends_again_is_told_again_only_after_the_repeat_interval() -> None:
    bridge = a_bridge("kubernetes.yml")
    alert = an_alert(alertname="A", namespace="shop", severity="warning")
    assert bridge.told(alert, wait_s=MINUTE) == ["Default"]
    for _ in range(11):
        assert bridge.told(alert, wait_s=HOUR) == []
    assert bridge.told(alert, wait_s=2 * HOUR) == ["Default"]
    assert bridge.told({**alert, "status": "resolved"}, wait_s=10 * MINUTE) == ["Default"]
    assert bridge.told({**alert, "status": "resolved"}, wait_s=10 * MINUTE) == []
    assert bridge.told(alert, wait_s=10 * MINUTE) == ["Default"]


def test_who_does_not_hear_the_end_is_told_of_a_new_firing_again() -> None:
    bridge = a_bridge("teams.yml")
    alert = an_alert(alertname="A", service="foo1")
    assert bridge.told(alert, wait_s=MINUTE) == ["team-X-mails"]
    assert bridge.told({**alert, "status": "resolved"}, wait_s=10 * MINUTE) == []
    assert bridge.told(alert, wait_s=10 * MINUTE) == []
    assert bridge.told({**alert, "startsAt": "2026-01-05T12:10:00Z"}, wait_s=10 * MINUTE) == ["team-X-mails"]
    assert bridge.told({**alert, "startsAt": "2026-01-05T12:10:00Z"}, wait_s=4 * HOUR) == []
    assert bridge.told({**alert, "startsAt": "2026-01-05T12:10:00Z"}, wait_s=MINUTE) == ["team-X-mails"]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"service": "foo2"}, ["team-X-mails"]),
        ({"service": "foo2", "severity": "critical"}, ["team-X-pager-email"]),
        ({"service": "foo2x"}, ["team-X-mails"]),
        ({"service": "files", "severity": "warning"}, ["team-Y-mails"]),
        ({"service": "files", "severity": "critical"}, ["team-Y-pager"]),
        ({"service": "database"}, ["team-DB-pager"]),
        ({"service": "database", "owner": "team-X"}, ["team-X-pager-email"]),
        ({"service": "database", "owner": "team-Y"}, ["team-Y-pager"]),
        ({}, ["team-X-mails"]),
    ],
)
def test_each_team_hears_its_own(labels: dict[str, str], told: list[str]) -> None:
    assert a_bridge("teams.yml").told(an_alert(**labels), wait_s=31) == told


def test_hours_are_kept_and_what_still_fires_is_told_when_they_begin() -> None:
    bridge = a_bridge("hours.yml")  # it is Monday 14:00 in Athens
    test = {"environment": "test", "severity": "critical"}
    assert bridge.told(an_alert(**test)) == ["tickets"]
    warning = {"environment": "production", "severity": "warning", "team": "storage"}
    assert bridge.told(an_alert(**warning)) == ["chat", "storage-msteamsv2"]
    bridge.wait(9 * HOUR)
    assert bridge.told(an_alert(**test, n="2")) == []
    assert bridge.told(an_alert(**warning, n="2")) == ["storage-msteamsv2"]
    late = [(send.destination, send.phase) for send in bridge.wait(10.5 * HOUR) if "told before" in send.post.text]
    assert late == [("chat", "firing"), ("tickets", "firing")]


def test_a_slack_receiver_that_posts_with_a_token_becomes_a_bot() -> None:
    converted = convert("""
    route: {receiver: a}
    receivers:
      - name: a
        slack_configs:
          - api_url: https://slack.com/api/chat.postMessage
            http_config: {authorization: {credentials: xoxb-1}}
            channel: "#alerts"
    """)
    destinations = read_yaml(converted.settings, "bridge.yaml").value["destinations"]
    assert destinations == {"a": {"type": "slack_bot", "token": "${credential:a-token}", "channel": "alerts"}}
    assert [one.text for one in converted.remarks] == ["put this token into the credential a-token; it was not copied"]


def test_a_webhook_gets_alertmanagers_own_json() -> None:
    config = """
    route: {receiver: hook, group_by: [alertname, "my.rack"]}
    receivers: [{name: hook, webhook_configs: [{url: "https://h.example.org"}]}]
    """
    bridge = Bridge(config)
    first = an_alert(alertname="A", **{"my.rack": "7"}, host="a", name='say "hi"')
    second = an_alert("resolved", alertname="A", **{"my.rack": "7"}, host="b", name='say "hi"')
    bridge.call({**second, "status": "firing"})
    bridge.call(first, second)
    (send,) = bridge.wait(30)
    body = send.post.body
    assert [alert["status"] for alert in body.pop("alerts")] == ["firing", "firing", "resolved"]
    assert body == {
        "version": "4",
        "receiver": "hook",
        "status": "firing",
        "externalURL": "",
        "truncatedAlerts": 0,
        "groupKey": 'hook:[["alertname","A"],["my.rack","7"]]',
        "groupLabels": {"alertname": "A", "my.rack": "7"},
        "commonLabels": {"alertname": "A", "my.rack": "7"},
        "commonAnnotations": {"summary": 'say "hi"'},
    }


def test_names_that_look_like_templates_stay_names() -> None:
    name = """{{ 7 * 6 }} "and" 'so' %}"""
    config = {
        "route": {"receiver": name, "group_by": [name]},
        "receivers": [{"name": name, "webhook_configs": [{"url": "https://h.example.org"}]}],
    }
    bridge = Bridge(json.dumps(config))
    bridge.call(an_alert(**{name: "x"}))
    (send,) = bridge.wait(30)
    assert (send.post.body["receiver"], send.post.body["groupLabels"]) == (name, {name: "x"})


def test_a_webhook_without_groups_gets_one_alert_at_a_time() -> None:
    config = """
    route: {receiver: hook, group_by: ["..."]}
    receivers: [{name: hook, webhook_configs: [{url: "https://h.example.org"}]}]
    """
    alert = an_alert(alertname="A")
    (send,) = Bridge(config).call(alert)
    assert send.post.body["alerts"] == [alert]
    assert send.post.body["commonLabels"] == send.post.body["groupLabels"] == {"alertname": "A"}


def test_who_is_told_at_the_end_and_who_is_not_may_share_a_receiver() -> None:
    config = """
    route: {receiver: both, group_by: ["..."], routes: [{matchers: [a=b], receiver: both}]}
    receivers:
      - name: both
        mattermost_configs: [{webhook_url: "https://mm.example.org/hooks/x", send_resolved: false}]
        webhook_configs: [{url: "https://h.example.org"}]
    """
    bridge = Bridge(config)
    assert [(rule.name, rule.stop) for rule in bridge.rehearsal.rule_set.rules] == [
        ("both", False), ("both-firing", True), ("both-2", False), ("both-firing-2", False)
    ]  # fmt: skip
    assert bridge.told(an_alert(a="b")) == ["both-webhook", "both-mattermost"]
    assert bridge.told(an_alert("resolved", a="b")) == ["both-webhook"]


@pytest.mark.parametrize(
    ("name", "path", "said"),
    [
        ("kubernetes.yml", "global.resolve_timeout", "forget_after"),
        ("kubernetes.yml", "receivers[0].mattermost_configs[0].webhook_url", "into the credential Default-url"),
        ("teams.yml", "templates", "Go templates cannot be converted"),
        ("teams.yml", "global.smtp_auth_password", "into the credential team-X-mails-password"),
        ("teams.yml", "receivers[1].pagerduty_configs[0]", "no destination of this kind"),
        ("teams.yml", "receivers[3]", 'go to the inbox "team-Y-pager"'),
        ("teams.yml", "receivers[4].slack_configs[0].channel", "make one for #databases"),
        ("teams.yml", "receivers[4].slack_configs[0].title", "template: alertmanager/alert"),
        ("hours.yml", "receivers[2].telegram_configs[0]", "no destination of this kind"),
    ],
)  # fmt: skip
def test_what_could_not_be_converted_is_named_at_its_place(name: str, path: str, said: str) -> None:
    remarks = convert((DATA / name).read_text(), file=name).remarks
    texts = [one.text for one in remarks if one.path == path]
    assert any(said in text for text in texts), json.dumps([(one.path, one.text) for one in remarks], indent=1)
    assert all(one.place.file == name and one.place.line > 1 for one in remarks)


def test_another_topic_may_be_asked_for() -> None:
    text = "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: http://h}]}]"
    converted = convert(text, topic="projects/X/topics/y")
    assert converted.rules.splitlines()[1] == "topic: projects/X/topics/y"
    assert read_yaml(converted.settings, "b").value["projects"] == {"X": {"topics": {"y": {}}}}


def test_a_configuration_that_tells_nobody_is_a_rule_that_drops() -> None:
    bridge = Bridge('route: {receiver: "null"}\nreceivers: [{name: "null"}]')
    assert bridge.told(an_alert(a="b"), wait_s=60) == []
    assert bridge.rehearsal.rule_set.rules[0].drop
