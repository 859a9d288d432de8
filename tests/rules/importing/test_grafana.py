"""Grafana's notification policies and contact points: who is told what, and what is named as not kept."""

from __future__ import annotations

import base64
import copy
import json
import textwrap
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.cli.import_check import check_converted
from rules.importing.alertmanager import Converted
from rules.importing.foreign_references import as_references, has_other_places, secret_reference
from rules.importing.foreign_system import ALERTMANAGER, GRAFANA
from rules.importing.grafana import convert_grafana
from rules.importing.grafana_parts import GrafanaParts, find_parts
from rules.source.foreign_yaml import read_foreign_yaml
from rules.source.places import read_yaml
from rules.source.problems import ProblemsFound
from tests.rules.importing.builders import Bridge, a_rule_set, an_alert
from tests.rules.importing.test_anything import VALUES, changed, places

POLICIES = """\
apiVersion: 1
policies:
  - orgId: 1
    receiver: chat
    group_by: [grafana_folder, alertname]
    routes:
      - receiver: page
        object_matchers: [[severity, =~, critical|page], [team, "!=", web]]
        continue: true
        group_by: ["..."]
        mute_time_intervals: [night]
      - receiver: mail
        matchers: ['team = "data base"']
        routes:
          - {receiver: page, match: {env: prod}}
      - receiver: nowhere
        match_re: {team: "x|y"}
"""
POINTS = """\
apiVersion: 1
contactPoints:
  - orgId: 1
    name: chat
    receivers:
      - {uid: a, type: slack, settings: {url: "https://c.org/hooks/abcdefghijklmnopqrstuvwxyz", recipient: "#ops"}}
  - orgId: 1
    name: page
    receivers:
      - {uid: b, type: webhook, settings: {url: $HOOK, httpMethod: PUT, authorization_credentials: "$__file{/run/t}"}}
  - orgId: 1
    name: mail
    receivers:
      - {uid: c, type: email, settings: {addresses: "a@example.org;b@example.org"}, disableResolveMessage: true}
muteTimes:
  - orgId: 1
    name: night
    time_intervals: [{times: [{start_time: "22:00", end_time: "24:00"}], location: Europe/Athens}]
"""


def converted(*texts: str) -> Converted:
    return convert_grafana([(f"{n}.yaml", text) for n, text in enumerate(texts)])


def told(result: Converted) -> list[str]:
    return [str(one) for one in result.remarks]


def destinations(result: Converted) -> dict[str, Any]:
    found: dict[str, Any] = read_yaml(result.settings, "bridge.yaml").value["destinations"]
    return found


def a_point(kind: str, **said: Any) -> str:
    point = {"name": "d", "receivers": [{"uid": "u", "type": kind, "settings": said}]}
    return json.dumps({"apiVersion": 1, "contactPoints": [point], "policies": [{"receiver": "d"}]})


def test_policies_and_contact_points_of_two_files_are_rules_that_pass_their_own_tests() -> None:
    result = converted(POINTS, POLICIES)
    checked = check_converted(result)
    assert (checked.problems, checked.tests) == ((), 5)
    bridge = Bridge(result)
    assert bridge.told(an_alert(severity="critical"), wait_s=31) == ["page"]
    assert bridge.told(an_alert(severity="critical", team="data base"), wait_s=31) == ["page", "mail"]
    assert bridge.told(an_alert(team="data base", env="prod"), wait_s=31) == ["page"]
    assert bridge.told(an_alert(team="web", severity="critical"), wait_s=31) == ["chat"]
    assert bridge.told(an_alert(team="y"), wait_s=31) == ["nowhere"]
    assert destinations(result)["nowhere"] == {"type": "inbox"}
    assert "1.yaml:16:19" in "".join(one for one in told(result) if 'contact point "nowhere" is in no file' in one)


def test_a_slack_contact_point_at_a_hook_of_mattermost_is_mattermost() -> None:
    assert destinations(converted(POINTS, POLICIES))["chat"] == {
        "type": "mattermost", "url": "${credential:chat-url}", "channel": "ops"
    }  # fmt: skip


def test_variables_and_files_of_grafana_are_references() -> None:
    assert destinations(converted(POINTS, POLICIES))["page"] == {
        "type": "webhook", "url": "${env:HOOK}", "method": "PUT", "headers": {"Authorization": "Bearer ${file:/run/t}"}
    }  # fmt: skip


def test_mail_goes_by_a_server_that_the_daemon_is_told() -> None:
    result = converted(POINTS, POLICIES)
    assert destinations(result)["mail"]["to"] == ["a@example.org", "b@example.org"]
    assert destinations(result)["mail"]["host"] == "${env:SMTP_HOST}"
    assert sum("SMTP_HOST" in one for one in told(result)) == 1
    bridge = Bridge(result)
    alert = an_alert(team="data base")
    assert bridge.told(alert, wait_s=31) == ["mail"]
    assert bridge.told({**alert, "status": "resolved"}, wait_s=600) == []


def test_the_source_is_a_hook_for_grafana_and_posts_are_drawn_by_its_template() -> None:
    result = converted(POINTS, POLICIES)
    assert set(read_yaml(result.settings, "bridge.yaml").value["sources"]) == {"grafana"}
    assert {rule["template"] for rule in read_yaml(result.rules, "r").value["rules"]} == {"grafana/alert"}


def test_a_mute_timing_keeps_its_policy_quiet() -> None:
    bridge = Bridge(converted(POINTS, POLICIES))
    bridge.wait(8.5 * 3600)  # 22:30 in Athens
    assert bridge.told(an_alert(severity="critical"), wait_s=31) == []
    assert bridge.told(an_alert(severity="other"), wait_s=31) == ["chat"]


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ("teams", {"url": "https://x.example.org/secret"}, {"type": "teams", "url": "${credential:d-url}"}),
        (
            "discord",
            {
                "url": "https://x.example.org/secret",
                "avatar_url": "https://a.example.org/a.png",
                "use_discord_username": True,
            },
            {"type": "discord", "url": "${credential:d-url}", "avatar_url": "https://a.example.org/a.png"},
        ),
        (
            "slack",
            {"token": "xoxb-secret", "recipient": "#ops", "username": "Grafana", "mentionChannel": "here"},
            {"type": "slack_bot", "token": "${credential:d-token}", "channel": "ops", "username": "Grafana"},
        ),
        ("slack", {"url": "https://hooks.slack.com/services/secret"}, {"type": "slack", "url": "${credential:d-url}"}),
        ("slack", {"url": "${SLACK_URL}"}, {"type": "slack", "url": "${env:SLACK_URL}"}),
        (
            "webhook",
            {"url": "https://x.example.org/secret", "username": "me", "password": "secret", "headers": {"X-A": "b"}},
            {
                "type": "webhook",
                "url": "${credential:d-url}",
                "headers": {"X-A": "b", "Authorization": "Basic ${credential:d-basic}"},
            },
        ),
        (
            "prometheus-alertmanager",
            {"url": "http://a:9093/"},
            {"type": "webhook", "url": "http://a:9093/api/v2/alerts"},
        ),
        ("email", {"addresses": "<example@email.com>"}, {"type": "inbox"}),
        ("pagerduty", {"integrationKey": "secret"}, {"type": "inbox"}),
    ],
)
def test_an_integration_is_a_destination(kind: str, said: dict[str, Any], expected: dict[str, Any]) -> None:
    result = converted(a_point(kind, **said))
    assert destinations(result) == {"d": expected}
    assert check_converted(result).problems == ()
    assert "secret" not in result.rules + result.settings + "".join(told(result)).replace("a secret", "")


@pytest.mark.parametrize(
    "kind",
    ["pagerduty", "googlechat", "telegram", "opsgenie", "victorops", "pushover", "sensugo", "line", "dingding", "kafka",
     "threema", "webex", "wecom", "sns", "mqtt", "oncall", "jira", "none-known"],
)  # fmt: skip
def test_an_integration_of_another_kind_is_said_in_one_line(kind: str) -> None:
    result = converted(a_point(kind, url="https://x.example.org/y"))
    (line,) = [one for one in told(result) if "there is no destination of this kind" in one]
    assert f'type "{kind}"' in line
    assert check_converted(result).problems == ()


def test_an_alertmanager_is_fed_what_fires_before_it_forgets_it() -> None:
    result = converted(a_point("prometheus-alertmanager", url="http://a:9093,http://b:9093"))
    assert list(destinations(result)) == ["d", "d-2"]
    bridge = Bridge(result)
    alert = an_alert(alertname="A")
    (first, second) = [*bridge.call(alert), *bridge.wait(31)]
    assert {first.destination, second.destination} == {"d", "d-2"}
    (fed,) = first.post.body
    assert fed["labels"] == {"alertname": "A"}
    assert "endsAt" not in fed
    assert [one.destination for one in bridge.wait(299)] == ["d", "d-2"]


def test_go_templates_are_named_one_by_one_with_the_nearest_text() -> None:
    templates = """\
templates:
  - name: mine
    template: |
      {{ define "my.title" }}[{{ .Status | toUpper }}] {{ .CommonLabels.alertname }} {{ .DashboardURL }}{{ end }}
      {{ define "my.text" }}{{ .Annotations.summary }} {{ index .Labels "a b" }}{{ end }}
"""
    lines = told(converted(a_point("slack", url="x", text="{{ .CommonLabels.job }}"), templates))
    assert any('"my.title"' in one and "[{{ data.status | upper }}] {{ data.labels.alertname" in one for one in lines)
    assert any('"my.text"' in one and "{{ data.labels['a b'] | default('') }}" in one for one in lines)
    assert any("settings.text" in one and "{{ data.labels.job | default('') }}" in one for one in lines)


PLAIN = POINTS + POLICIES.removeprefix("apiVersion: 1\n")
TREE = read_yaml(POLICIES, "p").value["policies"][0]
POINT_LIST = [
    {"uid": "a", "name": one["name"], **one["receivers"][0], "provenance": "file"}
    for one in read_yaml(POINTS, "p").value["contactPoints"]
]
MUTES = read_yaml(POINTS, "p").value["muteTimes"]
MANAGED = [
    {"name": one["name"], "grafana_managed_receiver_configs": one["receivers"]}
    for one in read_yaml(POINTS, "p").value["contactPoints"]
]
BLOCK = textwrap.indent(PLAIN, "    ")
SHAPES: dict[str, tuple[str, ...]] = {
    "one-file": (PLAIN,),
    "documents": (f"{POINTS}---\n{POLICIES}",),
    "api": (json.dumps(TREE), json.dumps(POINT_LIST), json.dumps(MUTES)),
    "api-indented": (json.dumps(TREE, indent=2), json.dumps(POINT_LIST, indent="\t"), json.dumps(MUTES)),
    "export-json": (json.dumps(read_yaml(PLAIN, "p").value, indent=4),),
    "alertmanager": (
        json.dumps(
            {
                "template_files": {},
                "alertmanager_config": {"route": TREE, "receivers": MANAGED, "time_intervals": MUTES},
            }
        ),
    ),
    "config-map": (f"kind: ConfigMap\ndata:\n  alerting.yaml: |\n{BLOCK}",),
    "helm": ("grafana:\n alerting:\n  all.yaml:\n" + BLOCK,),
    "operator": (
        "\n---\n".join(
            json.dumps(one)
            for one in (
                {"kind": "GrafanaNotificationPolicy", "spec": {"route": TREE}},
                *(
                    {
                        "kind": "GrafanaContactPoint",
                        "metadata": {"name": "m"},
                        "spec": {**point, "instanceSelector": {}},
                    }
                    for point in POINT_LIST
                ),
                {"kind": "GrafanaMuteTiming", "spec": MUTES[0]},
            )
        ),
    ),
    "resources": (
        json.dumps(
            {
                "kind": "RoutingTree",
                "spec": {"defaults": {"receiver": "chat", "group_by": ["alertname"]}, "routes": TREE["routes"]},
            }
        ),
        *(
            json.dumps({"kind": "Receiver", "spec": {"title": one["name"], "integrations": one["receivers"]}})
            for one in read_yaml(POINTS, "p").value["contactPoints"]
        ),
        json.dumps({"kind": "TimeInterval", "spec": MUTES[0]}),
    ),
    "bom-and-crlf": ("\ufeff" + PLAIN.replace("\n", "\r\n"),),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_in_which_grafana_gives_it_is_the_same(shape: str) -> None:
    result = converted(*SHAPES[shape])
    assert check_converted(result).problems == ()
    bridge = Bridge(result)
    assert bridge.told(an_alert(severity="critical"), wait_s=31) == ["page"]
    assert bridge.told(an_alert(team="data base"), wait_s=31) == ["mail"]
    assert bridge.told(an_alert(a="b"), wait_s=31) == ["chat"]
    assert destinations(result)["chat"]["type"] == "mattermost"
    assert "hours: [night]" in result.rules


def test_places_and_paths_are_those_of_the_file() -> None:
    (line,) = [one for one in told(converted(POLICIES, POINTS)) if "chat-url" in one]
    assert line.startswith("1.yaml:6:47  contactPoints[0].receivers[0].settings.url")


def test_secrets_that_an_answer_does_not_show_are_references() -> None:
    point = {"name": "d", "type": "slack", "settings": {"recipient": "#x"}, "secureFields": {"token": True}}
    result = converted(json.dumps([point]), '{"receiver": "d", "group_by": ["alertname"]}')
    assert destinations(result)["d"] == {"type": "slack_bot", "token": "${credential:d-token}", "channel": "x"}


def test_only_one_organisation_is_converted_and_the_others_are_named() -> None:
    other = "contactPoints: [{orgId: 2, name: chat, receivers: [{type: teams, settings: {url: x}}]}]"
    result = converted(POINTS, POLICIES, other)
    assert any("organisation 2" in one for one in told(result))
    assert destinations(result)["chat"]["type"] == "mattermost"


def test_a_root_policy_that_does_not_take_everything_tells_nobody_of_the_rest() -> None:
    bridge = Bridge(converted(POINTS, "policies: [{receiver: chat, object_matchers: [[a, =, b]]}]"))
    assert bridge.told(an_alert(a="b"), wait_s=31) == ["chat"]
    assert bridge.told(an_alert(a="c"), wait_s=31) == []


def test_a_missing_mute_timing_is_named_and_alerts_are_told() -> None:
    result = converted(POINTS.partition("muteTimes")[0], POLICIES)
    assert any('mute timing "night" is in no file given' in one for one in told(result))
    assert Bridge(result).told(an_alert(severity="critical"), wait_s=31) == ["page"]


def test_an_alert_rule_that_names_its_contact_point_is_named() -> None:
    rules = "groups: [{rules: [{title: A, notification_settings: {receiver: chat}}]}]"
    assert any('tells "chat" by itself' in one for one in told(converted(PLAIN, rules)))


def test_characters_beyond_the_basic_plane_in_json_are_read() -> None:
    text = json.dumps({"policies": [{"receiver": "\U0001f600 d"}]})
    assert destinations(converted(text)) == {"d": {"type": "inbox"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (POINTS, "there are no notification policies, only contact points"),
        ("a: b", "only nothing of Grafana's alerting"),
        ("policies: [{receiver: a, routes: [{object_matchers: [[a, '==', b]]}]}]", "one of = != =~ !~"),
        ("policies: [{receiver: a, routes: [{object_matchers: [a, =, b]}]}]", "a list is wanted"),
        ("a: [", "is missing here"),
    ],
)
def test_what_cannot_be_converted_says_why_in_one_line(text: str, said: str) -> None:
    with pytest.raises(ProblemsFound) as error:
        converted(text)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "reference", "secret"),
    [
        ("$A", "${env:A}", "${env:A}"),
        ("${A}", "${env:A}", "${env:A}"),
        ("$__env{A}", "${env:A}", "${env:A}"),
        ("$__file{/run/a}", "${file:/run/a}", "${file:/run/a}"),
        ("a$$b", "a$b", ""),
        ("https://$HOST/x", "https://${env:HOST}/x", ""),
        ("5 $", "5 $", ""),
    ],
)
def test_places_that_are_filled_in_are_references(text: str, reference: str, secret: str) -> None:
    assert as_references(text, GRAFANA) == reference
    assert secret_reference(text, GRAFANA) == secret
    assert not has_other_places(reference)
    assert secret_reference(text, ALERTMANAGER) == ""


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(sorted(SHAPES)))
def test_a_file_with_anything_in_it_is_converted_or_refused(data: st.DataObject, shape: str) -> None:
    values = [copy.deepcopy(one.value) for text in SHAPES[shape] for one in read_foreign_yaml(text, "f")]
    n = data.draw(st.integers(0, len(values) - 1))
    for _ in range(data.draw(st.integers(1, 2))):
        values[n] = changed(values[n], data.draw(st.sampled_from(places(values[n]))), data.draw(VALUES))
    try:
        result = converted(*(json.dumps(value) for value in values))
    except ProblemsFound:
        return
    a_rule_set(result)


def test_a_packed_text_of_something_else_is_passed_over() -> None:
    text = json.dumps({"data": {"x": base64.b64encode(b"policies: 1").decode(), "y": "policies: ["}})
    parts = GrafanaParts()
    for document in read_foreign_yaml(text, "f"):
        find_parts(document, text, parts)
    assert parts == GrafanaParts()
