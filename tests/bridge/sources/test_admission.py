"""Who may call a webhook: token, password and signature, each in every way it may be given."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError
from standardwebhooks.webhooks import Webhook

from bridge.core.secret import Secret
from bridge.sources.admission import may_enter, may_post
from bridge.sources.source_config import BasicAuth
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


OURS, NEXT = "whsec_" + base64.b64encode(b"k" * 24).decode(), "whsec_" + base64.b64encode(b"n" * 32).decode()
NOW_S = 1_767_225_600


def standard(key: str, *, body: bytes = BODY, at_s: int = NOW_S, name: str = "msg_1") -> dict[str, str]:
    """The headers of a call signed as Standard Webhooks has it, by the library of the standard."""
    at = datetime.fromtimestamp(at_s, UTC)
    signature = Webhook(key).sign(name, at, body.decode())
    return {"webhook-id": name, "webhook-timestamp": str(at_s), "webhook-signature": signature}


def test_a_standard_webhook_is_verified_and_old_and_new_keys_work_while_they_are_changed() -> None:
    source = a_source(secret=(OURS, NEXT))
    for key in (OURS, NEXT):
        assert may_post(source, standard(key), {}, BODY, NOW_S)
        assert may_post(source, standard(key), {}, BODY, NOW_S + 299)
    both = standard(OURS) | {"webhook-signature": f"v1,AAAA {standard(NEXT)['webhook-signature']}"}
    assert may_post(a_source(secret=NEXT), both, {}, BODY, NOW_S)


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "msg_2"},
        {"webhook-timestamp": str(NOW_S + 1)},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "v2," + "A" * 44},
        {"webhook-id": ""},
    ],
)
def test_a_standard_webhook_that_was_changed_is_refused(changed: dict[str, str]) -> None:
    assert not may_post(a_source(secret=OURS), standard(OURS) | changed, {}, BODY, NOW_S)


@pytest.mark.parametrize("off_s", [-301, 301, 86_400])
def test_a_standard_webhook_of_another_time_is_refused(off_s: int) -> None:
    assert not may_post(a_source(secret=OURS), standard(OURS), {}, BODY, NOW_S + off_s)


def test_a_standard_webhook_signed_with_a_private_key_is_verified_with_the_public_one() -> None:
    private = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
    public = "whpk_" + base64.b64encode(private.public_key().public_bytes_raw()).decode()
    signature = base64.b64encode(private.sign(f"msg_1.{NOW_S}.".encode() + BODY)).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(NOW_S), "webhook-signature": f"v1a,{signature}"}
    assert may_post(a_source(secret=public), headers, {}, BODY, NOW_S)
    assert not may_post(a_source(secret=public), headers, {}, BODY + b" ", NOW_S)


def test_one_of_several_plain_keys_must_have_signed() -> None:
    source = a_source(secret=("old", "new"))
    for key in ("old", "new"):
        assert admitted(source, {"x-signature": signature(key)})
    assert not admitted(source, {"x-signature": signature("other")})


@pytest.mark.parametrize("secret", ["whsk_AAAA", "whsec_", "whsec_!", "whpk_AAAA", ()])
def test_a_key_that_cannot_verify_is_told_at_once(secret: Any) -> None:
    with pytest.raises(ValidationError):
        a_source(secret=secret)


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key", "cookie", "not a header"])
def test_headers_that_carry_secrets_are_never_attributes(header: str) -> None:
    with pytest.raises(ValidationError):
        a_source(headers=(header,))


def test_gitlab_gives_its_token_in_a_header_of_its_own() -> None:
    assert admitted(a_source(token="t-1"), {"x-gitlab-token": "t-1"})
