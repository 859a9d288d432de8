"""What the schema says of every example, of the rule files of other tests, and of every bad file."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from rules.language.read import read_rules
from rules.language.read_quiet import QUIET_KEYS
from rules.language.read_rule import RULE_KEYS
from rules.language.reference import RULE_KEYS as DESCRIBED
from rules.language.schema import rules_schema
from rules.source.places import read_yaml
from tests.fakes.rule_sets import a_world

ROOT = Path(__file__).parents[3]
BAD = sorted((ROOT / "tests" / "data" / "rules" / "bad").glob("*.yaml"))
EXAMPLES = sorted(
    path for path in (ROOT / "examples").rglob("*.yaml") if path.parent.name == "rules.d" or path.name == "rules.yaml"
)
FOR_CHECK = {
    *("bad-network", "broken-path", "broken-regex", "decode-unknown", "events-without-group", "inhibited-by-itself"),
    *("inhibited-by-one-without-resolved", "name-taken", "past-name-taken", "regex-that-could-stall"),
    *("set-uses-a-later-one", "template-syntax", "unknown-filter", "unknown-name-in-template", "unknown-table"),
    *("unknown-variable", "when-cut-short", "bad-bound", "variable-hides-data"),
    *("not-a-number", "path-ends-early", "template-not-closed", "time-zone-in-a-template"),
}
"""Bad files that only ``ams-bridge check`` can see through: templates, paths, names of other rules."""
NO_YAML = {
    *(
        "key-twice",
        "no-yaml",
        "path-in-brackets-without-quotes",
        "tab-for-indent",
        "two-documents",
        "bracket-never-closed",
    ),
    *("alias-without-anchor", "bold-without-quotes", "star-without-quotes", "negation-with-a-sign", "never-seen-again"),
    *("hexadecimal-escape", "quote-inside-a-quote", "quote-never-closed", "two-documents"),
}
"""Files of which the editor says that they are no YAML, before it asks the schema."""

VALIDATOR = Draft202012Validator(rules_schema(a_world()))


def problems(text: str, validator: Draft202012Validator = VALIDATOR) -> list[str]:
    return [error.message for error in validator.iter_errors(read_yaml(text, "x").value)]


def test_the_schema_is_a_schema_and_is_json():
    Draft202012Validator.check_schema(rules_schema())
    Draft202012Validator.check_schema(rules_schema(a_world()))
    json.dumps(rules_schema(a_world()))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_example_is_valid(file):
    assert problems(file.read_text(), Draft202012Validator(rules_schema())) == []


@pytest.mark.parametrize(
    "file", [file for file in BAD if file.stem not in FOR_CHECK | NO_YAML], ids=lambda file: file.stem
)
def test_a_bad_file_is_underlined(file):
    assert problems(file.read_text()) != []


@pytest.mark.parametrize("file", [file for file in BAD if file.stem in FOR_CHECK], ids=lambda file: file.stem)
def test_what_only_check_can_see_is_not_underlined(file):
    assert problems(file.read_text()) == []


FULL = """
topic: [projects/ARGO/topics/alarms, "projects/*/topics/x"]
rules:
  - name: r
    about: everything at once
    was: [old]
    topic: projects/ARGO/topics/alarms
    decode: gzip+json
    for_each: $.alerts[*]
    match:
      all:
        - $.a: 1
        - any: {$.b: [x, null], attributes.vo: {like: "o*", ignore_case: true}}
        - not: [{message.topic: x}]
        - text: {not: {contains: y}}
        - parent.receiver: {exists: true}
        - $.t: {older_than: 1h30m, gte: 2026-01-01}
        - vars.level: {every: {starts_with: [a, b]}}
    when: "data.a > 1"
    set: {level: "{{ data.a }}"}
    text: t
    title: t
    url: u
    severity: ok
    color: c
    icon: i
    fields: [{title: a, value: b, short: false}]
    footer: f
    mention: m
    send: [ops, {to: mail, channel: c}]
    escalate: [{after: 15m, to: mail}, {after: 1h, to: ops, channel: c, unless: over, mention: m}]
    stop: true
    key: k
    dedupe: 10m
    state: s
    resolved: {$.s: OK}
    group: {by: [$.a], wait: 30s, every: 5m, max: 50}
    throttle: 20/1m
    overflow: delay
    repeat: 4h
    flapping: {changes: 5, within: 30m}
    since: "{{ data.begin }}"
    for: 5m
    count: {at_least: 3, within: 10m}
    hours: [office]
    not_hours: maintenance
    inhibited_by: [{rule: s, same: [$.a], match: {$.b: 1}}]
    shadow: false
    forget_after: 7d
    max_keys: 10
    silenced_ends: wait
  - {name: s, key: k, resolved: {$.a: 1}, send: {to: hook}, body: {a: "{{ data.a }}"}, fields: {a: b}, template: plain}
  - {name: w, schedule: {at: "09:00", days: [mon], timezone: UTC, over: 1d, rules: [e], missed: skip}, send: ops}
  - {name: e, key: k, expect: {every: 1m, grace: 1s, keys: [a]}, repeat: 1h, send: ops}
  - {name: d, drop: true, match: {undecodable: true}}
tests:
  - name: t
    start: 2026-01-05T09:00:00Z
    messages: [{at: 0s, data: {a: 1}, attributes: {vo: ops}}, {at: 10m, text: x, topic: projects/P/topics/T}]
    until: 1h
    taken: [{key: k, rule: r, at: 1m}]
    silences: [{matchers: {rule: r}, from: 0s, until: 5m}]
    expect: [{rule: r, to: ops, at: 10m, text: {contains: [a], lacks: b, regex: c}, fields: {a: b}, channel: c}]
    quiet: [{rule: r, by: silence}]
"""


def test_a_file_with_every_key_is_valid_and_is_read():
    assert problems(FULL) == []
    read_rules([("full.yaml", FULL)], a_world())
    rule = read_yaml(FULL, "x").value["rules"]
    assert set().union(*rule) == set(RULE_KEYS)


def test_every_key_is_described_once():
    assert sorted(entry.name for entry in DESCRIBED) == sorted(RULE_KEYS)
    assert set(QUIET_KEYS) == {entry.name for entry in DESCRIBED if entry.chapter == "keeping quiet"}


def test_an_empty_file_is_valid():
    assert problems("") == []


def keys_without_meaning(node: object, way: str = "") -> list[str]:
    """Where an editor would offer a key and not know what to say of it."""
    if isinstance(node, list):
        return [found for n, member in enumerate(node) for found in keys_without_meaning(member, f"{way}/{n}")]
    if not isinstance(node, dict):
        return []
    properties = node.get("properties", {}) if "if" not in way.split("/") else {}
    bare = [f"{way}/{key}" for key, shape in properties.items() if not {"description", "$ref"} & shape.keys()]
    return bare + [found for key, member in node.items() for found in keys_without_meaning(member, f"{way}/{key}")]


def test_every_key_at_any_depth_says_what_it_means():
    assert keys_without_meaning(rules_schema(a_world())) == []


def test_an_editor_offers_the_severities_and_takes_a_template():
    severity = rules_schema()["$defs"]["rule"]["properties"]["severity"]
    assert severity["anyOf"] == [{"enum": ["critical", "error", "warning", "info", "ok"]}, {"type": "string"}]
