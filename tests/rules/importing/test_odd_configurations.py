"""Odd configurations as people have them, reduced: each is converted as Alertmanager reads it, or says why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridge.cli.import_check import check_converted
from bridge.cli.import_compare import compare
from rules.importing.alertmanager import Converted, convert
from rules.source.places import read_yaml
from rules.source.problems import ProblemsFound
from tests.house.requirements import require_program

HOOKS = "".join(f"  - {{name: {one}, webhook_configs: [{{url: 'http://h.example.org/'}}]}}\n" for one in "dab")


def tree(*routes: str, rest: str = "") -> str:
    """A configuration with these routes below the root, and receivers d, a and b."""
    lines = "".join(f"  - {one}\n" for one in routes)
    return f"route:\n  receiver: d\n  routes:\n{lines}{rest}receivers:\n{HOOKS}"


def receiver(text: str) -> str:
    """A configuration with one receiver."""
    return f"route: {{receiver: d}}\nreceivers:\n- name: d\n  {text}\n"


ODD = {
    "commas and quotes in matchers": tree(
        "{receiver: a, matchers: ['job=\"a,b\", env=~\"x|y,z\"', 'inst!=\"it''s\"']}",
        '{receiver: b, matchers: [\'{a="}", b="{"}\']}',
        '{receiver: a, matchers: [\'c="\\\\"\', \'e="q\\"q",\']}',
    ),
    "labels beyond ASCII": tree("{receiver: b, matchers: ['team=wörld', 'x=~\"é+|🙂\"']}"),
    "a comma at the end": tree("{receiver: a, matchers: ['{foo=\"bar\",}']}", "{receiver: b, matchers: ['foo=baz,']}"),
    "old forms of match": tree(
        "{receiver: a, match: {severity: page, code: 0500, live: true, v: 1.10}}",
        "{receiver: b, match_re: {service: '^(a|b)$', x: .+, y: '', z: 'a|'}}",
    ),
    "single quotes belong to the value": tree('{receiver: a, matchers: ["a=\'b\'", "c==d"]}'),
    "no children": f"route:\n  receiver: d\n  routes:\nreceivers:\n{HOOKS}",
    "empty children": tree("{receiver: a, matchers: [], match: }", "{receiver: b, matchers: [x=y]}"),
    "anchors and merge keys": (
        "route: &all\n  group_wait: 1m\n  group_by: [a]\n  receiver: d\n  routes:\n"
        f"  - &r {{receiver: a, matchers: [x=y], continue: true}}\n  - {{<<: *r, receiver: b}}\n"
        f"  - {{<<: [*r], match: {{z: y}}}}\nreceivers:\n{HOOKS}"
    ),
    "lines of another system": tree("{receiver: a, matchers: [x=y]}").replace("\n", "\r\n"),
    "tabs between words": f"route:\t\n  receiver:\td\t# a tab\n  group_by:\t[a]\nreceivers:\n{HOOKS}",
    "a mark at the beginning": "\ufeff" + tree("{receiver: a, matchers: [x=y]}"),
    "several documents": f"# nothing\n---\nroute: {{receiver: d}}\nreceivers:\n{HOOKS}---\nroute: {{receiver: a}}\n...\n",  # noqa: E501
    "JSON": '{"route":{"receiver":"d"},"receivers":[{"name":"d","webhook_configs":[{"url":"http://h.example.org"}]}]}',
    "every label a group": tree("{receiver: a, matchers: [x=y], group_by: [a, b]}").replace(
        "  receiver: d\n", "  receiver: d\n  group_by: ['...']\n", 1
    ),
    "odd labels in a group": tree("{receiver: a, matchers: [x=y], group_by: [items, class, data, a_b]}"),
    "odd durations": tree(
        "{receiver: a, matchers: [x=y], group_wait: 1d12h, repeat_interval: 500ms}",
        "{receiver: b, matchers: [x=z], group_wait: 0s, repeat_interval: 1y}",
    ),
    "mute and active at once": tree(
        "{receiver: a, matchers: [x=y], mute_time_intervals: [night], active_time_intervals: [office, weekend]}",
        rest="mute_time_intervals:\n- {name: night, time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}]}]}\n"  # noqa: E501
        "time_intervals:\n- {name: office, time_intervals: [{weekdays: ['Monday:Friday'], location: Europe/Berlin}]}\n"
        "- {name: weekend, time_intervals: [{weekdays: [sunday], months: ['january:march', '12'], years: ['2026:2030']}]}\n",  # noqa: E501
    ),
    "an interval of all moments": tree(
        "{receiver: a, matchers: [x=y], mute_time_intervals: [all]}",
        rest="time_intervals: [{name: all, time_intervals: [{}]}]\n",
    ),
    "times that YAML takes for numbers": tree(
        "{receiver: a, matchers: [x=y], mute_time_intervals: [n]}",
        rest="time_intervals: [{name: n, time_intervals: [{times: [{start_time: 09:00, end_time: 17:30}]}]}]\n",
    ),
    "names with blanks and slashes": (
        "route:\n  receiver: 'team X / #1'\n  routes:\n"
        "  - {receiver: team-X-1, matchers: [a=b], mute_time_intervals: ['out of hours / prod']}\n"
        "  - {receiver: 'null', matchers: [a=c]}\n  - {receiver: yes, matchers: [a=d]}\n  - {receiver: 123, matchers: [a=e]}\n"  # noqa: E501
        "time_intervals: [{name: 'out of hours / prod', time_intervals: [{weekdays: [monday]}]}]\nreceivers:\n"
        + "".join(f"  - {{name: {one}}}\n" for one in ("'team X / #1'", "team-X-1", "'null'", "yes", "123"))
    ),
    "nobody is told": "route: {receiver: n, routes: [{receiver: m, continue: true}]}\nreceivers: [{name: n}, {name: m}]\n",  # noqa: E501
    "old forms of inhibition": tree(
        "{receiver: a, matchers: [x=y]}",
        rest="inhibit_rules:\n- {source_match: {severity: critical}, source_match_re: {a: 'x|y'}, target_match: {b: c},"
        " equal: [items, class, x_y]}\n- {target_match: {a: b}}\n- {}\n",
    ),
    "odd regular expressions": tree(
        "{receiver: a, matchers: ['a=~\"(?i)foo.*\"']}",
        "{receiver: b, matchers: ['a=~\"[a-z]{2,5}\\\\d+\"', 'b!~\"^$\"']}",
        "{receiver: a, matchers: ['c=~\"\"', 'g=~\"a$|^b\"', 'h=~\"\\\\p{Lu}+\"']}",
    ),
    "words for truths": tree(
        "{receiver: a, matchers: [x=y], continue: 'yes'}", "{receiver: b, matchers: ['x=~\"y|z\"'], continue: True}"
    ).replace("'yes'", "true"),
    "a hundred routes": tree(
        *(
            f"{{receiver: {'ab'[n % 2]}, matchers: [team=t{n}], continue: {str(n % 3 == 0).lower()}}}"
            for n in range(100)
        )
    ),
    "twelve levels": "route:\n  receiver: d\n"
    + "".join(f"{'  ' * n}  routes:\n{'  ' * n}  - matchers: [l{n}=v]\n{'  ' * n}    receiver: a\n" for n in range(12))
    + f"receivers:\n{HOOKS}",
}
BEYOND_AMTOOL = {
    "quoted names of labels": tree('{receiver: a, matchers: [\'"label with spaces"="x"\', \'"🙂"=~"é+"\']}'),
    "matchers of an API": tree("{receiver: a, matchers: [{name: a, value: b, isRegex: true, isEqual: false}]}"),
    "VictoriaMetrics' resource": (
        "kind: VMAlertmanagerConfig\nmetadata: {namespace: shop}\nspec:\n  route: {receiver: d, matchers: [x=y]}\n"
        "  receivers:\n  - {name: d, webhook_configs: [{url: 'http://h.example.org/'}]}\n"
    ),
    "Grafana's own Alertmanager": (
        "alertmanager_config:\n  route: {receiver: d, routes: [{receiver: d, object_matchers: [[a, '=~', b]]}]}\n"
        "  receivers: [{name: d, grafana_managed_receiver_configs: [{type: teams, settings: {url: x}}]}]\n"
    ),
}
REFUSED = {
    "tabs that indent": ("route:\n\treceiver: d\n", "a tab cannot indent; use spaces"),
    "Helm": ("{{- if .Values.x }}\nroute:\n  receiver: {{ .Values.r }}\n{{- end }}\n", "render it, then convert"),
    "Ansible": (
        "route:\n  receiver: d\n  {% for t in teams %}\n  x: {{ t }}\n  {% endfor %}\n",
        "render it, then convert",
    ),
    "Jinja's comment": ("{# made by Ansible #}\nroute: {receiver: d}\n", "render it, then convert"),
    "ERB": ("route:\n  receiver: <%= @r %>\n<% if x %>\n", "render it, then convert"),
    "a template in quotes": (
        "route: {receiver: '{{ r }}'}\nreceivers: [{name: '{{ s }}'}]\n",
        '"{{ r }}" is filled in by another program (envsubst, Helm, Ansible); convert what it gives',
    ),
    "a variable for a duration": (
        tree("{receiver: a, matchers: [x=y], group_wait: '${WAIT:-30s}'}"),
        '"${WAIT:-30s}" is filled in by another program',
    ),
    "a variable for a receiver": (
        tree("{receiver: '${R}', matchers: [x=y]}"),
        '"${R}" is filled in by another program',
    ),
    "a receiver twice": (tree() + "  - {name: d}\n", 'the receiver "d" stands twice'),
    "a key twice": ("route: {receiver: d}\nroute: {receiver: a}\n", 'the key "route" stands twice'),
    "an unknown receiver": (tree("{receiver: aa, matchers: [x=y]}"), 'no receiver "aa"; did you mean "a"?'),
    "an unknown interval": (tree("{receiver: a, mute_time_intervals: [nite]}"), 'no time interval "nite"'),
    "an interval without a moment": (
        tree("{receiver: a}", rest="time_intervals: [{name: none, time_intervals: []}]\n"),
        'the time interval "none" is empty',
    ),
    "an unknown zone": (
        tree("{receiver: a}", rest="time_intervals: [{name: n, time_intervals: [{location: Mars/X}]}]\n"),
        'there is no time zone "Mars/X"',
    ),
    "a text for a list": (
        tree("{receiver: a, group_by: alertname}"),
        'a list is wanted, not the text "alertname"; write [\'a',
    ),
    "a text for matchers": (tree("{receiver: a, matchers: a=b}"), "write ['a=b']"),
    "a mapping for matchers": (tree("{receiver: a, matchers: {a: b}}"), "a mapping of labels is match:"),
    "a mapping for a matcher": (tree("{receiver: a, matchers: [a: b]}"), "a matcher is a text: write 'a=\"b\"'"),
    "a duration in words": (tree("{receiver: a, group_wait: 5 minutes}"), '"5 minutes" is not a duration'),
    "a duration without a unit": (tree("{receiver: a, group_wait: 30}"), "write 30s for seconds"),
    "a look-ahead": (tree("{receiver: a, match_re: {a: '^(?!foo).*'}}"), "look-ahead"),
    "a glob for a regular expression": (tree("{receiver: a, match_re: {a: '*foo'}}"), "nothing to repeat"),
    "a route that is not indented": (
        f"route:\nreceiver: d\nreceivers:\n{HOOKS}",
        "route: holds nothing; is what belongs",
    ),
    "nothing": ("# nothing\n", "there is no route: in this file"),
    "a word": ("hello\n", "there is no route: in this file"),
    "a root that does not take all": (
        tree().replace("receiver: d\n", "receiver: d\n  match: {a: b}\n", 1),
        "every alert",
    ),
    "a port in words": (
        receiver("email_configs: [{to: a@example.org, from: b@example.org, smarthost: 'm:x'}]"),
        "is no port",
    ),
}


def destination(text: str) -> dict[str, Any]:
    """The only destination of a receiver, after everything was checked."""
    converted = convert(receiver(text), file="am.yml")
    assert check_converted(converted).problems == ()
    ((_, found),) = read_yaml(converted.settings, "s").value["destinations"].items()
    return dict(found)


def checked(converted: Converted) -> Any:
    found = check_converted(converted)
    assert found.problems == ()
    assert found.rule_set is not None
    return found.rule_set


@pytest.mark.parametrize("name", ODD)
def test_an_odd_configuration_is_what_amtool_says(name: str, tmp_path: Path) -> None:
    require_program("amtool", package="prometheus-alertmanager")
    path = tmp_path / "alertmanager.yml"
    path.write_text(ODD[name], newline="")
    converted = convert(ODD[name], file="alertmanager.yml")
    rule_set = checked(converted)
    if name == "several documents":
        path.write_text(ODD[name].partition("---\n")[2].partition("---\n")[0])
    assert [str(one) for one in compare(path, converted, rule_set)] == []


@pytest.mark.parametrize("name", BEYOND_AMTOOL)
def test_what_this_amtool_does_not_know_is_converted_too(name: str) -> None:
    checked(convert(BEYOND_AMTOOL[name], file="am.yml"))


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_converted_says_why_in_one_line(name: str) -> None:
    text, said = REFUSED[name]
    with pytest.raises(ProblemsFound) as error:
        convert(text, file="am.yml")
    line = next(one for one in error.value.problems if said in one.text)
    assert "\n" not in line.text


@pytest.mark.parametrize(
    "kind",
    ["sns", "rocketchat", "jira", "webex", "telegram", "victorops", "opsgenie", "wechat", "pushover", "pagerduty",
     "incidentio", "hipchat", "foo"],
)  # fmt: skip
def test_a_receiver_of_another_kind_is_an_inbox_and_named(kind: str) -> None:
    converted = convert(
        receiver(f"{kind}_configs: [{{api_key: x, sigv4: {{region: y}}, chat_id: -100}}]"), file="am.yml"
    )
    assert check_converted(converted).problems == ()
    assert "d: {type: inbox}" in converted.settings
    assert sum(f"{kind}_configs: there is no destination of this kind" in one.text for one in converted.remarks) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("msteamsv2_configs: [{webhook_url_file: /run/x}]", {"type": "teams", "url": "${file:/run/x}"}),
        (
            "discord_configs: [{webhook_url: 'https://d.example.org/x', username: me, avatar_url: 'https://a.org/a.png'}]",
            {"type": "discord", "url": "${credential:d-url}", "username": "me", "avatar_url": "https://a.org/a.png"},
        ),
        (
            "slack_configs: [{api_url: 'https://mm.example.org/hooks/abcdefghijklmnopqrstuvwxyz', channel: '#town'}]",
            {"type": "mattermost", "url": "${credential:d-url}", "channel": "town"},
        ),
        ("slack_configs: [{api_url_file: /etc/am/slack}]", {"type": "slack", "url": "${file:/etc/am/slack}"}),
        (
            "slack_configs: [{app_token_file: /run/t, channel: C0123}]",
            {"type": "slack_bot", "token": "${file:/run/t}", "channel": "C0123"},
        ),
        (
            "webhook_configs: [{url_file: /run/u, http_config: {http_headers: {X-A: {values: [b]}, 'Bad Name': {values: [x]}}}}]",  # noqa: E501
            {"type": "webhook", "url": "${file:/run/u}", "headers": {"X-A": "b"}},
        ),
        (
            "webhook_configs: [{url: 'http://x/{{ .Receiver }}', max_alerts: 5}]",
            {"type": "webhook", "url": "${credential:d-url}"},
        ),
        ("email_configs: [{to: '', from: 'a@example.org', smarthost: 'm:25'}]", {"type": "inbox"}),
        (
            "email_configs: [{to: '{{ .CommonLabels.mail }}', from: 'a@example.org', smarthost: 'm:25'}]",
            {"type": "inbox"},
        ),
    ],
)
def test_a_receiver_is_a_destination(text: str, expected: dict[str, Any]) -> None:
    assert destination(text) == expected


@pytest.mark.parametrize(
    ("smarthost", "host", "port"),
    [
        ("mail.example.org:25", "mail.example.org", 25),
        ("mail.example.org:submission", "mail.example.org", 587),
        ("mail.example.org:smtps", "mail.example.org", 465),
        ("mail.example.org", "mail.example.org", 25),
        ("[::1]:2525", "::1", 2525),
        ("${SMTP_HOST}:${SMTP_PORT}", "${env:SMTP_HOST}", "${env:SMTP_PORT}"),
        ("mail.example.org:${SMTP_PORT}", "mail.example.org", "${env:SMTP_PORT}"),
    ],
)
def test_a_smarthost_is_host_and_port(smarthost: str, host: str, port: object) -> None:
    found = destination(
        f"email_configs: [{{to: root, from: alertmanager, smarthost: '{smarthost}', require_tls: false}}]"
    )
    assert (found["host"], found["port"]) == (host, port)
    assert (found["from"], found["to"]) == ("alertmanager@localhost", ["root@localhost"])
