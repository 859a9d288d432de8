"""Who may call a webhook: token, password and signature, each in every way it may be given."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest

from bridge.core.secret import Secret
from bridge.sources.admission import may_enter, may_post
from bridge.sources.config import BasicAuth
from bridge.sources.webhook import WebhookSourceConfig

TOPIC = "projects/P/topics/T"
BODY = b'{"a": 1}'


def a_source(**said: Any) -> WebhookSourceConfig:
    return WebhookSourceConfig(topic=TOPIC, **said)


def basic(text: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def signature(key: str, body: bytes = BODY) -> str:
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def admitted(source: WebhookSourceConfig, headers: dict[str, str], body: bytes = BODY, **query: str) -> bool:
    return may_post(source, headers, query, body)


def test_a_receiver_that_demands_nothing_lets_everybody_in() -> None:
    assert admitted(a_source(), {})


@pytest.mark.parametrize(
    ("headers", "query", "comes_in"),
    [
        ({"x-api-key": "t-1"}, {}, True),
        ({"authorization": "Bearer t-1"}, {}, True),
        ({"authorization": "bearer  t-1 "}, {}, True),
        ({}, {"token": "t-1"}, True),
        ({}, {"key": "t-1"}, True),
        ({}, {}, False),
        ({"x-api-key": ""}, {}, False),
        ({"x-api-key": "t-2"}, {}, False),
        ({"x-api-key": "t-2"}, {"token": "t-1"}, False),
        ({"x-api-key": "T-1"}, {}, False),
        ({"x-api-key": "t-1 "}, {}, False),
        ({"authorization": "t-1"}, {}, False),
        ({"authorization": "Basic t-1"}, {}, False),
        ({}, {"token": "t-11"}, False),
        ({}, {"token": "\ud800"}, False),
    ],
)
def test_a_token_is_demanded(headers: dict[str, str], query: dict[str, str], comes_in: bool) -> None:
    assert admitted(a_source(token="t-1"), headers, **query) == comes_in


def test_a_token_may_have_letters_beyond_ascii() -> None:
    as_sent = "schlüssel".encode().decode("latin-1")
    assert admitted(a_source(token="schlüssel"), {"x-api-key": as_sent})
    assert admitted(a_source(token="schlüssel"), {}, token="schlüssel")
    assert not admitted(a_source(token="schlüssel"), {"x-api-key": "schlussel"})


@pytest.mark.parametrize(
    ("headers", "comes_in"),
    [
        (basic("ann:pw"), True),
        ({"authorization": basic("ann:pw")["authorization"].replace("Basic", "basic")}, True),
        (basic("ann:pw2"), False),
        (basic("ann:"), False),
        (basic("ann"), False),
        (basic(":"), False),
        (basic(""), False),
        ({"authorization": "Basic !!"}, False),
        ({"authorization": "Basic ünicode"}, False),
        ({"authorization": "Bearer ann:pw"}, False),
        ({}, False),
    ],
)
def test_a_password_is_demanded(headers: dict[str, str], comes_in: bool) -> None:
    assert admitted(a_source(auth={"basic": "ann:pw"}), headers) == comes_in


@pytest.mark.parametrize(
    ("headers", "comes_in"),
    [
        ({"x-hub-signature-256": f"sha256={signature('k')}"}, True),
        ({"x-hub-signature-256": signature("k")}, True),
        ({"x-signature-256": signature("k").upper()}, True),
        ({"x-signature": signature("k")}, True),
        ({"x-hub-signature-256": f"sha256={signature('other')}"}, False),
        ({"x-hub-signature-256": f"sha256={signature('k', b'other')}"}, False),
        ({"x-hub-signature-256": f"sha256={signature('')}"}, False),
        ({"x-hub-signature-256": ""}, False),
        ({"x-hub-signature-256": "ü"}, False),
        ({}, False),
    ],
)
def test_a_signature_of_the_body_is_demanded(headers: dict[str, str], comes_in: bool) -> None:
    assert admitted(a_source(secret="k"), headers) == comes_in


def test_all_that_is_demanded_must_hold() -> None:
    source = a_source(token="t", auth={"basic": "ann:pw"}, secret="k")
    all_of_it = {"x-api-key": "t", **basic("ann:pw"), "x-signature": signature("k")}
    assert admitted(source, all_of_it)
    for missing in all_of_it:
        assert not admitted(source, {name: value for name, value in all_of_it.items() if name != missing})


def test_before_the_body_is_read_token_and_password_are_judged() -> None:
    source = a_source(token="t", secret="k")
    assert may_enter(source, {"x-api-key": "t"}, {})
    assert not may_enter(source, {"x-signature": signature("k")}, {})


EMPTY = Secret("")


@pytest.mark.parametrize(
    "secrets",
    [
        {"token": EMPTY},
        {"auth": BasicAuth.model_construct(basic=EMPTY)},
        {"secret": EMPTY},
        {"token": EMPTY, "secret": EMPTY},
    ],
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": ""},
        {"authorization": "Bearer "},
        basic(""),
        {"x-hub-signature-256": f"sha256={signature('')}"},
        {"x-api-key": "", "x-signature": signature("")},
    ],
)
def test_an_empty_secret_lets_nobody_in(secrets: dict[str, Any], headers: dict[str, str]) -> None:
    source = a_source().model_copy(update=secrets)
    assert not admitted(source, headers)
    assert not admitted(source, headers, token="")
