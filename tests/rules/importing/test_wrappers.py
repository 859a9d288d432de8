"""Configurations inside what people wrap them in."""

from __future__ import annotations

import base64
import gzip
import textwrap

import pytest

from rules.importing.alertmanager import convert
from rules.importing.wrappers import find_configurations
from rules.source.places import read_yaml
from rules.source.problems import ProblemsFound
from tests.rules.importing.builders import Bridge, a_rule_set, an_alert

PLAIN = """\
route:
  receiver: d
  routes:
    - {receiver: a, matchers: ["team=x"]}
receivers:
  - {name: d, webhook_configs: [{url: "http://h.example.org/"}]}
  - {name: a, webhook_configs: [{url: "http://h.example.org/"}]}
"""
BLOCK = textwrap.indent(PLAIN, "    ")
PACKED = base64.b64encode(PLAIN.encode()).decode()
IN_LINES = textwrap.indent(textwrap.fill(PACKED, 60), "    ")
ZIPPED = base64.b64encode(gzip.compress(PLAIN.encode())).decode()
WRAPPED = {
    "plain": PLAIN,
    "bom": "\ufeff" + PLAIN,
    "secret": f"apiVersion: v1\nkind: Secret\ndata:\n  alertmanager.yaml: {PACKED}\n",
    "secret-in-lines": f"kind: Secret\ndata:\n  alertmanager.yaml: |\n{IN_LINES}\n",
    "zipped": f"kind: Secret\ndata:\n  alertmanager.yaml.gz: {ZIPPED}\n",
    "string-data": f"kind: Secret\nstringData:\n  alertmanager.yaml: |-\n{BLOCK}",
    "config-map": f"kind: ConfigMap\ndata:\n  other: hello\n  config.yml: |\n{BLOCK}",
    "list": f"kind: List\nitems:\n- kind: Service\n- kind: ConfigMap\n  data:\n    x: |\n{BLOCK}",
    "documents": f"kind: Service\n---\nkind: Secret\ndata:\n  alertmanager.yaml: {PACKED}\n---\nkind: Service\n",
    "operator-chart": "alertmanager:\n  enabled: true\n  config:\n" + BLOCK,
    "prometheus-chart": "alertmanagerFiles:\n  alertmanager.yml:\n" + BLOCK,
    "umbrella-chart": "stack:\n  alertmanager:\n   config:\n" + BLOCK,
    "mimir": f"template_files: {{}}\nalertmanager_config: |\n{BLOCK}",
}


@pytest.mark.parametrize("name", WRAPPED)
def test_a_configuration_is_found(name: str) -> None:
    bridge = Bridge(WRAPPED[name])
    assert bridge.told(an_alert(team="x"), wait_s=31) == ["a"]
    assert bridge.told(an_alert(team="y"), wait_s=31) == ["d"]


@pytest.mark.parametrize("name", ["string-data", "config-map", "list", "operator-chart", "mimir"])
def test_places_are_those_of_the_file(name: str) -> None:
    text = WRAPPED[name]
    (found,) = find_configurations(text, "f.yml")
    place = found.place_of(("receivers", 1, "name"))
    line = text.split("\n")[place.line - 1]
    assert (place.file, line[place.column - 1 :].startswith("a, webhook")) == ("f.yml", True)


def test_what_is_packed_is_named_by_its_key() -> None:
    (found,) = find_configurations(WRAPPED["secret"], "f.yml")
    assert found.file == "alertmanager.yaml in f.yml"


def test_a_second_configuration_is_named() -> None:
    converted = convert(f"{PLAIN}---\n{PLAIN}", file="f.yml")
    assert [(one.place.line, one.text) for one in converted.remarks if "second" in one.text] == [
        (9, "a second configuration in the file; it was left out, convert it by itself")
    ]


@pytest.mark.parametrize(
    "text", ["route:\n{{- if .Values.x }}\n  receiver: a\n{{- end }}\n", "route:\n  receiver: {{ receiver }}\n"]
)
def test_a_template_of_another_program_is_told_to_be_one(text: str) -> None:
    with pytest.raises(ProblemsFound, match="render it, then convert"):
        convert(text)


@pytest.mark.parametrize("text", ["", "kind: Service", "- a", "a: !!binary x", "kind: AlertmanagerConfig", "hello"])
def test_where_there_is_none_this_is_said(text: str) -> None:
    with pytest.raises(ProblemsFound):
        convert(text)


RESOURCE = """\
apiVersion: monitoring.coreos.com/v1beta1
kind: AlertmanagerConfig
metadata: {name: shop, namespace: shop}
spec:
  route:
    receiver: hook
    groupBy: [alertname]
    groupWait: 10s
    repeatInterval: 12h
    routes:
      - receiver: slack
        matchers:
          - {name: severity, value: critical, matchType: "="}
          - {name: team, value: "a|b", regex: true}
        muteTimeIntervals: [night]
  receivers:
    - name: hook
      webhookConfigs:
        - urlSecret: {name: hooks, key: url}
          sendResolved: true
          httpConfig: {authorization: {credentials: {name: hooks, key: token}}}
    - name: slack
      slackConfigs: [{apiURL: {name: hooks, key: slack}, iconURL: "https://i.example.org/x"}]
      discordConfigs: [{apiURL: {name: hooks, key: discord}}]
  inhibitRules:
    - sourceMatch: [{name: severity, value: critical}]
      targetMatch: [{name: severity, value: warning}]
      equal: [alertname]
  muteTimeIntervals:
    - name: night
      timeIntervals:
        - times: [{startTime: "22:00", endTime: "24:00"}]
          daysOfMonth: [{start: 1, end: 5}]
"""


def test_a_resource_of_the_operator_is_for_its_own_namespace() -> None:
    bridge = Bridge(RESOURCE)
    a_rule_set(bridge.converted)
    assert bridge.told(an_alert(namespace="bank", severity="critical", team="a"), wait_s=31) == []
    assert bridge.told(an_alert(namespace="shop", alertname="N"), wait_s=10) == ["hook"]
    critical = an_alert(namespace="shop", alertname="A", severity="critical", team="b")
    assert sorted(bridge.told(critical, wait_s=10)) == ["slack-discord", "slack-slack"]
    assert bridge.told(an_alert(namespace="shop", alertname="A", severity="warning"), wait_s=31) == []


def test_a_resource_names_its_secrets_as_credentials() -> None:
    converted = convert(RESOURCE, file="f.yml")
    found = read_yaml(converted.settings, "bridge.yaml").value
    assert found["destinations"]["hook"] == {
        "type": "webhook",
        "url": "${credential:hook-url}",
        "headers": {"Authorization": "Bearer ${credential:hook-token}"},
    }
    assert found["intervals"] == {"night": {"times": ["22:00-24:00"], "days_of_month": ["1-5"]}}
    assert {one.place.line for one in converted.remarks} >= {19, 21, 23, 24}
