"""What each kind of webhook call becomes: the body byte for byte, and what is known of it as attributes."""

from __future__ import annotations

import base64

import pytest
from pydantic import ValidationError

from bridge.sources.alertmanager import AlertmanagerSourceConfig, alertmanager_messages
from bridge.sources.github import GithubSourceConfig, github_messages
from bridge.sources.source_kinds import KINDS
from bridge.sources.webhook import BadPayload, WebhookSourceConfig, webhook_messages
from broker.model import NewMessage

JSON = {"content-type": "application/json"}
CALL = b'{"version":"4","status":"firing","receiver":"ops","alerts":[{"status":"firing"},{"status":"firing"}]}'


def body_of(message: NewMessage) -> bytes:
    return base64.b64decode(message.data)


@pytest.mark.parametrize("body", [b"", b"text", b"\x00\xff", CALL, " \u00fc ".encode("latin-1")])
def test_any_body_becomes_one_message_byte_for_byte(body: bytes) -> None:
    (message,) = webhook_messages("any", {}, body)
    assert body_of(message) == body
    assert message.attributes == {"source": "any"}


def test_the_content_type_becomes_an_attribute_without_its_parameters() -> None:
    (message,) = webhook_messages("any", {"content-type": "Text/Plain; charset=utf-8"}, b"x")
    assert message.attributes == {"source": "any", "content_type": "text/plain"}


BROKEN = [b"", b"{", b"not json", b'{"a": NaN}', b"[" * 200_000, b"\xff", b'{"a": 1} x']


@pytest.mark.parametrize("body", BROKEN)
@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", "application/x+json"])
def test_a_body_that_calls_itself_json_must_be(body: bytes, content_type: str) -> None:
    with pytest.raises(BadPayload, match="the body is not JSON"):
        webhook_messages("any", {"content-type": content_type}, body)


def test_a_call_of_alertmanager_becomes_one_message_as_it_came() -> None:
    (message,) = alertmanager_messages("prometheus", JSON, CALL)
    assert body_of(message) == CALL
    assert message.attributes == {
        "source": "prometheus",
        "type": "alertmanager",
        "status": "firing",
        "receiver": "ops",
    }


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"alerts": {}}', b'"alerts"', b"null", b'{"alerts": null}'])
def test_what_is_no_call_of_alertmanager_is_told(body: bytes) -> None:
    with pytest.raises(BadPayload, match='a JSON object with a list "alerts" is expected'):
        alertmanager_messages("prometheus", JSON, body)


@pytest.mark.parametrize("body", BROKEN)
def test_alertmanager_and_github_send_json(body: bytes) -> None:
    for messages in (alertmanager_messages, github_messages):
        with pytest.raises(BadPayload, match="the body is not JSON"):
            messages("any", {}, body)


def test_odd_values_of_alertmanager_are_no_attributes() -> None:
    (message,) = alertmanager_messages("prometheus", {}, b'{"alerts": [], "status": 5, "receiver": null}')
    assert message.attributes == {"source": "prometheus", "type": "alertmanager"}


def test_githubs_event_and_delivery_become_attributes() -> None:
    headers = JSON | {"x-github-event": "push", "x-github-delivery": "guid"}
    (message,) = github_messages("forge", headers, b'{"ref": "main"}')
    assert message.attributes == {"source": "forge", "type": "github", "event": "push", "delivery": "guid"}


def test_github_needs_its_secret() -> None:
    with pytest.raises(ValidationError):
        GithubSourceConfig(topic="projects/P/topics/T")  # type: ignore[call-arg]


@pytest.mark.parametrize("topic", ["T", "projects/P", "projects/P/topics/", "projects//topics/T", "p/P/topics/T", "/"])
def test_a_source_names_its_topic_in_full(topic: str) -> None:
    with pytest.raises(ValidationError, match="is not a topic; write projects/PROJECT/topics/TOPIC"):
        WebhookSourceConfig(topic=topic)


@pytest.mark.parametrize("said", ["ann", "ann:", ":pw", "", ":"])
def test_user_and_password_are_both_needed(said: str) -> None:
    with pytest.raises(ValidationError):
        WebhookSourceConfig(topic="projects/P/topics/T", auth={"basic": said})  # type: ignore[arg-type]


def test_every_kind_of_the_table_reads_calls_or_pulls() -> None:
    assert KINDS["webhook"].messages is webhook_messages
    assert KINDS["alertmanager"].config is AlertmanagerSourceConfig
    assert KINDS["ams"].messages is None
