"""The generic webhook destination against a receiver, over real HTTP."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError
from standardwebhooks.webhooks import Webhook as Verifier

from bridge.core.secret import Secret
from bridge.destinations.base import Delivered, Later, Parcel, Refused
from bridge.destinations.kit.http_client import make_client
from bridge.destinations.webhook import Webhook, WebhookConfig, extend_path
from bridge.fakes.trouble import Answer, Close
from bridge.fakes.webhook import FakeWebhook
from broker.clock import SystemClock
from rules.model import Field, Post

OLD, NEW = ("whsec_" + base64.b64encode(word * 8).decode() for word in (b"abcd", b"wxyz"))


def a_parcel(**post: Any) -> Parcel:
    return Parcel(
        id="d-1",
        post=Post(**{"text": "disk full"} | post),
        phase="firing",
        order_key="k",
        rule="disks",
        key="web1",
        topic="projects/P/topics/T",
        created_us=1_767_225_600_000_000,
    )


@asynccontextmanager
async def a_destination(receiver: FakeWebhook, **config: Any) -> AsyncIterator[Webhook]:
    config = {"url": receiver.base_url + "/in", "timeout": 2.0} | config
    destination = Webhook("w", WebhookConfig(**config), make_client(connections=2, timeout_s=2.0), SystemClock())
    try:
        yield destination
    finally:
        await destination.close()


async def test_a_post_goes_out_as_json_with_its_id(webhook_receiver: FakeWebhook) -> None:
    async with a_destination(webhook_receiver) as destination:
        assert await destination.deliver(a_parcel(fields=(Field("vo", "ops"),))) == Delivered()
    request = webhook_receiver.requests[0]
    assert request.json() == {
        "text": "disk full",
        "fields": [{"title": "vo", "value": "ops"}],
        "rule": "disks",
        "key": "web1",
        "phase": "firing",
    }
    assert request.header("idempotency-key") == "d-1"
    assert request.header("content-type") == "application/json"


async def test_a_body_goes_out_exactly(webhook_receiver: FakeWebhook) -> None:
    async with a_destination(webhook_receiver, method="PUT", headers={"Authorization": "Bearer x"}) as destination:
        await destination.deliver(a_parcel(body={"a": [1, None, "ä"]}))
    request = webhook_receiver.requests[0]
    assert request.text == '{"a":[1,null,"ä"]}'
    assert (request.method, request.header("authorization")) == ("PUT", "Bearer x")


async def test_both_secrets_sign_during_a_rotation(webhook_receiver: FakeWebhook) -> None:
    async with a_destination(webhook_receiver, secrets=[NEW, OLD]) as destination:
        await destination.deliver(a_parcel())
    request = webhook_receiver.requests[0]
    for secret in (OLD, NEW):
        assert Verifier(secret).verify(request.body, request.headers)["text"] == "disk full"


async def test_an_ed25519_key_signs_beside_a_secret(webhook_receiver: FakeWebhook) -> None:
    key = Ed25519PrivateKey.generate()
    seed = key.private_bytes_raw()
    both = [
        Secret("whsk_" + base64.b64encode(half).decode()) for half in (seed, seed + key.public_key().public_bytes_raw())
    ]
    async with a_destination(webhook_receiver, secrets=[OLD, *both]) as destination:
        await destination.deliver(a_parcel(text="Zürich"))
        assert destination.preview(a_parcel()).headers["webhook-signature"] == "***"
    request = webhook_receiver.requests[0]
    assert Verifier(OLD).verify(request.body, request.headers)["text"] == "Zürich"
    signed = f"d-1.{request.header('webhook-timestamp')}.".encode() + request.body
    shared, *others = str(request.header("webhook-signature")).split(" ")
    assert shared.startswith("v1,")
    assert len(others) == 2
    for signature in others:
        assert signature.startswith("v1a,")
        key.public_key().verify(base64.b64decode(signature.removeprefix("v1a,")), signed)


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("whsec_c2hvcnQ=", "24 to 64 bytes; this one has 5"),
        ("whsk_c2hvcnQ=", "32 or 64 bytes; this one has 5"),
        ("whsk_!", "whsk_ and base64"),
        ("whpk_" + "A" * 44, "public key, which cannot sign"),
    ],
)
def test_a_key_that_cannot_sign_is_refused_without_being_shown(secret: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why) as refused:
        WebhookConfig(url=Secret("https://x.example.org"), secrets=(Secret(secret),))
    assert secret not in str(refused.value)


async def test_a_structured_cloudevent(webhook_receiver: FakeWebhook) -> None:
    async with a_destination(webhook_receiver, form="cloudevents", source="/bridge") as destination:
        await destination.deliver(a_parcel(body={"n": 1}))
    request = webhook_receiver.requests[0]
    assert request.header("content-type") == "application/cloudevents+json; charset=utf-8"
    assert request.json() == {
        "specversion": "1.0",
        "id": "d-1",
        "source": "/bridge",
        "type": "ams-bridge.firing",
        "subject": "web1",
        "time": "2026-01-01T00:00:00.000Z",
        "datacontenttype": "application/json",
        "data": {"n": 1},
    }


async def test_a_binary_cloudevent(webhook_receiver: FakeWebhook) -> None:
    async with a_destination(webhook_receiver, form="cloudevents-binary") as destination:
        await destination.deliver(a_parcel(body={"n": 1}))
    request = webhook_receiver.requests[0]
    assert (request.header("ce-id"), request.header("ce-specversion"), request.json()) == ("d-1", "1.0", {"n": 1})


async def test_the_attributes_of_a_binary_cloudevent_can_be_read_back(webhook_receiver: FakeWebhook) -> None:
    key = 'A  B\n"50%" é \U0001f525'
    async with a_destination(webhook_receiver, form="cloudevents-binary") as destination:
        await destination.deliver(replace(a_parcel(body="text"), key=key))
    request = webhook_receiver.requests[0]
    assert unquote(str(request.header("ce-subject"))) == key
    assert request.header("ce-subject") == "A%20%20B%0A%2250%25%22%20%C3%A9%20%F0%9F%94%A5"
    assert request.header("ce-time") == "2026-01-01T00:00:00.000Z"
    assert (request.header("content-type"), request.text) == ("text/plain; charset=utf-8", "text")


async def test_a_structured_cloudevent_of_a_text_says_that_it_is_one(webhook_receiver: FakeWebhook) -> None:
    async with a_destination(webhook_receiver, form="cloudevents") as destination:
        await destination.deliver(a_parcel(body="text"))
    event = webhook_receiver.requests[0].json()
    assert (event["datacontenttype"], event["data"]) == ("text/plain", "text")


@pytest.mark.parametrize("source", ["", "my bridge", "brücke", 'a"b'])
def test_a_source_that_is_no_uri_reference_is_refused(source: str) -> None:
    with pytest.raises(ValidationError):
        WebhookConfig(url=Secret("https://x.example.org"), source=source)


async def test_an_ams_push_names_the_subscription_that_it_is_told_to(webhook_receiver: FakeWebhook) -> None:
    async with a_destination(webhook_receiver, form="ams", subscription="projects/P/subscriptions/S") as destination:
        await destination.deliver(a_parcel(body="hello"))
    assert webhook_receiver.requests[0].json()["subscription"] == "projects/P/subscriptions/S"


async def test_the_ams_push_form(webhook_receiver: FakeWebhook) -> None:
    async with a_destination(webhook_receiver, form="ams") as destination:
        await destination.deliver(a_parcel(body="hello"))
    message = webhook_receiver.requests[0].json()
    assert base64.b64decode(message["message"]["data"]) == b"hello"
    assert message["subscription"] == "projects/P/topics/T"


async def test_the_ams_push_form_of_several_messages(webhook_receiver: FakeWebhook) -> None:
    name = "projects/P/subscriptions/S"
    async with a_destination(webhook_receiver, form="ams-batch", subscription=name) as destination:
        await destination.deliver(a_parcel(body='{"id": 7}'))
    (pushed,) = webhook_receiver.requests[0].json()["messages"]
    assert json.loads(base64.b64decode(pushed["message"]["data"])) == {"id": 7}
    assert set(pushed["message"]) == {"messageId", "data", "publishTime"}
    assert pushed["subscription"] == name


async def test_an_event_text_cannot_add_a_header(webhook_receiver: FakeWebhook) -> None:
    parcel = a_parcel(overrides={"headers": {"X-Site": "A\r\nX-Evil: 1"}})
    async with a_destination(webhook_receiver) as destination:
        await destination.deliver(parcel)
    request = webhook_receiver.requests[0]
    assert request.header("x-site") == "A X-Evil: 1"
    assert request.header("x-evil") is None


async def test_410_says_gone_and_a_lost_answer_is_unclear(webhook_receiver: FakeWebhook) -> None:
    webhook_receiver.script.next(Answer(410, "gone"), Close())
    async with a_destination(webhook_receiver) as destination:
        gone = await destination.deliver(a_parcel())
        lost = await destination.deliver(a_parcel())
    assert isinstance(gone, Refused)
    assert gone.destination_gone
    assert isinstance(lost, Later)
    assert lost.unclear


async def test_a_preview_hides_secrets(webhook_receiver: FakeWebhook) -> None:
    async with a_destination(webhook_receiver, secrets=[OLD], headers={"X-Token": "very-secret-value"}) as destination:
        preview = destination.preview(a_parcel())
    assert preview.headers["X-Token"] == "***"
    assert preview.headers["webhook-signature"] == "***"


def test_a_secret_that_cannot_sign_is_refused_at_load() -> None:
    with pytest.raises(ValidationError, match="whsec_"):
        WebhookConfig(url=Secret("https://x.example.org"), secrets=(Secret("whsec_x"),))


async def test_letters_that_headers_cannot_have_are_escaped(webhook_receiver: FakeWebhook) -> None:
    parcel = replace(a_parcel(overrides={"headers": {"X-Site": "Zürich 100%"}}), key="Zürich 100%")
    async with a_destination(webhook_receiver, form="cloudevents-binary") as destination:
        assert await destination.deliver(parcel) == Delivered()
    request = webhook_receiver.requests[0]
    assert request.header("x-site") == "Z%C3%BCrich 100%"
    assert request.header("ce-subject") == "Z%C3%BCrich%20100%25"


async def test_a_send_replaces_a_header_whatever_its_case(webhook_receiver: FakeWebhook) -> None:
    parcel = a_parcel(overrides={"headers": {"AUTHORIZATION": "new", "content-length": "1", "a b": "c"}})
    async with a_destination(webhook_receiver, headers={"authorization": "old"}) as destination:
        assert await destination.deliver(parcel) == Delivered()
    request = webhook_receiver.requests[0]
    assert [value for name, value in request.raw_headers if name == b"authorization"] == [b"new"]
    assert request.header("content-length") == str(len(request.body))


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "nowhere"},
        {"headers": {"Content-Length": "1"}},
        {"headers": {"X Y": "1"}},
        {"headers": {"X": "ü"}},
        {"headers": {"X": "a\r\nb"}},
        {"idempotency_header": "a b"},
    ],
)
def test_settings_that_http_cannot_send_are_refused_at_load(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WebhookConfig(**{"url": "https://x.example.org"} | settings)


@pytest.mark.parametrize("secrets", [(), (NEW,)])
async def test_nobody_replaces_what_says_who_signed_a_request(
    webhook_receiver: FakeWebhook, secrets: tuple[str, ...]
) -> None:
    forged = {"Webhook-Id": "mine", "WEBHOOK-TIMESTAMP": "1", "webhook-signature": "v1,forged", "X-Site": "A"}
    parcel = a_parcel(overrides={"headers": forged})
    async with a_destination(webhook_receiver, secrets=list(secrets)) as destination:
        assert await destination.deliver(parcel) == Delivered()
        shown = {name.lower(): value for name, value in destination.preview(parcel).headers.items()}
    request = webhook_receiver.requests[0]
    names = [name.lower() for name, _ in request.raw_headers]
    assert request.header("x-site") == "A"
    assert names.count(b"webhook-id") == names.count(b"webhook-signature") == len(secrets)
    assert "forged" not in str(shown) and "mine" not in str(shown)  # noqa: PT018 - one fact
    if secrets:
        Verifier(NEW).verify(request.body, request.headers)


@pytest.mark.parametrize("name", ["webhook-id", "Webhook-Signature", "webhook-timestamp", "Host", "Upgrade"])
def test_settings_cannot_set_what_the_destination_sets_itself(name: str) -> None:
    with pytest.raises(ValidationError, match="is not a header that can be set"):
        WebhookConfig(url=Secret("https://x.example.org"), headers={name: Secret("x")})


async def test_the_header_of_the_id_may_be_that_of_standard_webhooks(webhook_receiver: FakeWebhook) -> None:
    async with a_destination(webhook_receiver, secrets=[NEW], idempotency_header="Webhook-Id") as destination:
        await destination.deliver(a_parcel())
    request = webhook_receiver.requests[0]
    assert [value for name, value in request.raw_headers if name.lower() == b"webhook-id"] == [b"d-1"]


@pytest.mark.parametrize(
    ("url", "path", "asked"),
    [
        ("/api/oms/1", "projects/1436/project_items/3", "/api/oms/1/projects/1436/project_items/3"),
        ("/api/oms/1/", "/projects/a b/é", "/api/oms/1/projects/a%20b/%C3%A9"),
        ("", "topics/T:publish", "/topics/T:publish"),
        ("/in?key=x", "a?b#c/%2e%2e/\ud800", "/in/a%3Fb%23c/%252e%252e/%3F?key=x"),
    ],
)
async def test_a_rule_says_where_behind_the_url_it_goes(
    webhook_receiver: FakeWebhook, url: str, path: str, asked: str
) -> None:
    parcel = a_parcel(overrides={"path": path})
    async with a_destination(webhook_receiver, url=webhook_receiver.base_url + url) as destination:
        assert await destination.deliver(parcel) == Delivered()
    assert extend_path(webhook_receiver.base_url + url, path) == webhook_receiver.base_url + asked
    request = webhook_receiver.requests[0]
    assert request.path == unquote(asked.partition("?")[0])
    assert request.query == asked.partition("?")[2]


@pytest.mark.parametrize("path", ["", "/", "projects//items", "projects/1/", "a/../../admin", "./x", "a/ /b", "//evil"])
async def test_a_path_with_nothing_in_a_part_is_refused_and_asks_for_nothing(
    webhook_receiver: FakeWebhook, path: str
) -> None:
    parcel = a_parcel(overrides={"path": path})
    async with a_destination(webhook_receiver) as destination:
        outcome = await destination.deliver(parcel)
        assert isinstance(outcome, Refused)
        assert "has a part with nothing in it" in outcome.reason
        assert "would be refused" in destination.preview(parcel).remarks[0]
    assert webhook_receiver.attempts == []
