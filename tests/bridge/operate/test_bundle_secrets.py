"""Secrets are taken out of payloads in every form, and out of rules without harm to what asks for them."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from bridge.app.settings_facts import list_secrets
from bridge.core.secret import Secret
from bridge.operate.bundle_secrets import SecretRedaction
from bridge.settings.model import AuthSettings, Settings
from rules.events.decode import AUTO, decode, read_spec

SECRET = "s3cr3t-value"
EVENT = {"host": "web1", "auth": {"password": SECRET}, "list": [{"api_key": SECRET}], "n": 1}
HIDING = SecretRedaction([])


def pack(text: str, *, gzipped: bool = False) -> str:
    body = text.encode()
    return base64.b64encode(gzip.compress(body) if gzipped else body).decode()


@pytest.mark.parametrize(
    ("payload", "spec"),
    [
        (json.dumps(EVENT), "auto"),
        (pack(json.dumps(EVENT)), "auto"),
        (pack(json.dumps(EVENT)), "json"),
        (pack(json.dumps(EVENT), gzipped=True), "gzip+json"),
    ],
)
def test_a_payload_keeps_its_form_and_what_is_no_secret(payload: str, spec: str) -> None:
    hidden = HIDING.payload(payload, [read_spec(spec, {})])
    assert hidden is not None
    value = decode(hidden, read_spec(spec, {})).value
    assert value == {"host": "web1", "auth": {"password": "***"}, "list": [{"api_key": "***"}], "n": 1}


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdef0123456789",
        "see https://user:s3cr3tpass@host.example/x",
        "-----BEGIN PRIVATE KEY-----\nMIIEs3cr3t\n-----END PRIVATE KEY-----",
        "eyJhbGciOi.eyJzdWIiOiIx.c2lnbmF0dXJl",
        "password=s3cr3tpass",
        '{"token": "s3cr3tpass"}',
    ],
)
def test_what_looks_like_a_secret_is_hidden_wherever_it_stands(text: str) -> None:
    hidden = HIDING.text(f"before {text} behind")
    assert hidden.startswith("before ")
    assert hidden.endswith(" behind")
    assert all(part not in hidden for part in ("s3cr3t", "abcdef0123456789", "eyJzdWIiOiIx"))


def test_a_payload_without_secrets_stays_as_it_is() -> None:
    payload = pack('{"host":  "web1"}')
    assert HIDING.payload(payload, [AUTO]) == payload


def test_a_form_in_which_nothing_can_be_hidden_gives_no_payload() -> None:
    schema = {"type": "record", "name": "r", "fields": [{"name": "password", "type": "string"}]}
    spec = read_spec("avro:r", {"r": schema})
    payload = base64.b64encode(bytes([len(SECRET) * 2]) + SECRET.encode()).decode()
    assert decode(payload, spec).value == {"password": SECRET}
    assert HIDING.payload(payload, [spec, AUTO]) is None


def test_the_secrets_of_the_settings_are_known_wherever_they_stand() -> None:
    secrets = list_secrets(Settings(auth=AuthSettings(service_token=Secret("https://h.example/hooks/abcdefghijkl"))))
    hiding = SecretRedaction(secrets)
    assert hiding.text("see https://h.example/hooks/abcdefghijkl") == "see ***"
    assert hiding.text("the hook abcdefghijkl") == "the hook ***"
    assert hiding.rule_text("text: abcdefghijkl\n") == "text: ***\n"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("    token: abc123\n", '    token: "***"\n'),
        ("send: {to: x, api_key: 'abc', channel: y}", 'send: {to: x, api_key: "***", channel: y}'),
        ('  set: {token: "{{ data.token }}"}', '  set: {token: "{{ data.token }}"}'),
        ("match: {$.token: abc}", "match: {$.token: abc}"),
        ("match: {attributes.token: abc}", "match: {attributes.token: abc}"),
        ("  token: {exists: true}\n", "  token: {exists: true}\n"),
    ],
)
def test_rules_lose_literal_secrets_and_keep_what_asks_for_them(text: str, hidden: str) -> None:
    assert HIDING.rule_text(text) == hidden
