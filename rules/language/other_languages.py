"""Keys that people know from other languages, and what is written here in their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_IMPORT: Final = "ams-bridge rules import"
RULE_ADVICE: Final[Mapping[str, str]] = {
    "then": "what a rule does stands beside match:, such as send: NAME",
    "do": "what a rule does stands beside match:, such as send: NAME",
    "action": "what a rule does stands beside match:, such as send: NAME",
    "actions": "what a rule does stands beside match:, such as send: NAME",
    "steps": "what a rule does stands beside match:, such as send: NAME",
    "notify": "write send: NAME",
    "notifications": "write send: NAME",
    "receivers": "write send: [NAME, OTHER]",
    "output": "write send: NAME",
    "outputs": "write send: [NAME, OTHER]",
    "else": "write a second rule whose match: says not: of this one's",
    "trigger": "a rule hears topic:, and match: says which messages",
    "input": "a rule hears topic:, and match: says which messages",
    "inputs": "a rule hears topic:, and match: says which messages",
    "continue": "the next rules see a message too; stop: true keeps it from them",
    "enabled": "take the rule out, or let it decide without sending: shadow: true",
    "disabled": "take the rule out, or let it decide without sending: shadow: true",
    "cooldown": "write dedupe: 5m, so long is the same not told again",
    "rate_limit": "write throttle: 20/1m",
    "ratelimit": "write throttle: 20/1m",
    "repeat_interval": "write repeat: 4h",
    "renotify": "write repeat: 4h",
    "group_by": "write group: {by: [$.labels.alertname], wait: 30s, every: 5m}",
    "group_wait": "write group: {by: [$.labels.alertname], wait: 30s, every: 5m}",
    "group_interval": "write group: {by: [$.labels.alertname], wait: 30s, every: 5m}",
    "matchers": "write match: {$.labels.severity: critical}",
    "match_re": "write match: {$.labels.service: {regex: '^(?:a|b)$'}}",
    "mute_time_intervals": "write not_hours: NAME",
    "active_time_intervals": "write hours: NAME",
    "send_resolved": "write resolved: {$.status: resolved}, or leave it out",
    "schedule": "write hours: NAME, with intervals: in bridge.yaml",
    "extends": "rules share nothing but what an anchor holds: &NAME and *NAME",
    "uses": "rules share nothing but what an anchor holds: &NAME and *NAME",
    "labels": "write fields: {Team: \"{{ data.labels.team | default('') }}\"}",
    "annotations": "write text: \"{{ data.annotations.summary | default('') }}\"",
    "summary": "write title:",
    "subject": "write title:",
    "expr": "rules judge messages, not metrics: write match: or when:",
    "query": "rules judge messages, not metrics: write match: or when:",
    "alert": "write name:",
}
"""What to say of a key of a rule."""
FILE_ADVICE: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("route", "receivers", "inhibit_rules", "time_intervals", "mute_time_intervals"),
        f"this is a configuration of Alertmanager; {_IMPORT} alertmanager makes rules of it",
    ),
    **dict.fromkeys(
        ("contactPoints", "policies", "muteTimes"),
        f"this is a file of Grafana's alerting; {_IMPORT} grafana makes rules of it",
    ),
    "groups": "this is a file of Prometheus, which makes alerts; rules here decide who is told of them",
    **dict.fromkeys(
        ("server", "store", "auth", "projects", "sources", "destinations", "intervals", "tables", "retention"),
        "it belongs into bridge.yaml",
    ),
    "defaults": "what several rules share is an anchor: &NAME and *NAME; topic: of the file is the default of all",
    "automation": "write rules:, each with name:, match: and send:",
    "name": 'write rules:, and this rule below it as "- name: ..."',
    "match": 'write rules:, and this rule below it as "- name: ..."',
    "send": 'write rules:, and this rule below it as "- name: ..."',
}
"""What to say of a key of a rule file."""
TEST_ADVICE: Final[Mapping[str, str]] = {
    "at": "it is when a message comes: messages: [{at: 5h, data: {...}}]",
    "data": "write message: {data: {...}}",
    "input": "write message: {data: {...}}",
    "event": "write message: {data: {...}}",
    "payload": "write message: {data: {...}}",
    "output": "write expect: [{to: NAME}]",
    "expected": "write expect: [{to: NAME}]",
    "assert": "write expect: [{to: NAME}]",
    "sends": "write expect: [{to: NAME}]",
}
"""What to say of a key of a test."""
