"""``http_config`` as headers; nothing secret is copied."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rules.importing.alertmanager import Converted, convert
from rules.source.places import read_yaml

BASIC = "Basic ${credential:hook-basic}"


def converted(http_config: Any, *, everywhere: Any = None) -> Converted:
    hook = {"url": "https://h.example.org", **({"http_config": http_config} if http_config is not None else {})}
    config = {
        "global": {"http_config": everywhere} if everywhere else {},
        "route": {"receiver": "hook"},
        "receivers": [{"name": "hook", "webhook_configs": [hook]}],
    }
    return convert(json.dumps(config))


@pytest.mark.parametrize(
    ("http_config", "headers"),
    [
        ({"basic_auth": {"username": "u", "password": "a-secret"}}, {"Authorization": BASIC}),
        ({"basic_auth": {"username": "u", "password_file": "/a-secret"}}, {"Authorization": BASIC}),
        ({"authorization": {"credentials": "a-secret"}}, {"Authorization": "Bearer ${credential:hook-token}"}),
        ({"authorization": {"type": "Key", "credentials_file": "/k"}}, {"Authorization": "Key ${file:/k}"}),
        ({"bearer_token": "a-secret"}, {"Authorization": "Bearer ${credential:hook-token}"}),
        ({"bearer_token_file": "/k"}, {"Authorization": "Bearer ${file:/k}"}),
        ({"http_headers": {"X-Team": {"values": ["a", "b"]}}}, {"X-Team": "a, b"}),
        ({"http_headers": {"X-Key": {"secrets": ["a-secret"]}}}, {"X-Key": "${credential:hook-X-Key}"}),
        ({"http_headers": {"X-Key": {"files": ["/k"]}}}, {"X-Key": "${file:/k}"}),
        ({"follow_redirects": True}, None),
    ],
)
@pytest.mark.parametrize("globally", [False, True])
def test_what_proves_who_we_are_becomes_a_header(http_config: Any, headers: Any, globally: bool) -> None:
    made = converted(None, everywhere=http_config) if globally else converted(http_config)
    assert read_yaml(made.settings, "b").value["destinations"]["hook"].get("headers") == headers
    assert "a-secret" not in made.settings + made.rules + "".join(one.text for one in made.remarks)


def test_what_has_no_counterpart_is_named() -> None:
    made = converted({"tls_config": {"insecure_skip_verify": True}, "proxy_url": "http://p", "oauth2": {"a": "b"}})
    assert [one.path.rpartition(".")[2] for one in made.remarks if "http_config" in one.path] == [
        "tls_config", "proxy_url", "oauth2"
    ]  # fmt: skip
