"""Apprise against a receiver, over real HTTP, through Apprise's own JSON service."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.core.secret import Secret
from bridge.destinations.apprise import Apprise, AppriseConfig
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Refused
from bridge.fakes.trouble import Answer, Close, Hang
from bridge.fakes.webhook import FakeWebhook
from broker.clock import SystemClock
from rules.model import Field
from tests.bridge.destinations.parcels import a_parcel, of_incident

SECRET = "abcdefghijklmnop"


def url_of(receiver: FakeWebhook) -> Secret:
    return Secret(receiver.base_url.replace("http://", "json://bridge:s3cret-pass@") + f"/{SECRET}")


@asynccontextmanager
async def a_service(receiver: FakeWebhook, **config: Any) -> AsyncIterator[Apprise]:
    config = {"url": url_of(receiver), "timeout": 3.0} | config
    service = Apprise("any", AppriseConfig(**config), SystemClock())
    try:
        yield service
    finally:
        await service.close()


async def outcome_from(receiver: FakeWebhook, parcel: Parcel | None = None, **config: Any) -> Outcome:
    async with a_service(receiver, **config) as service:
        return await service.deliver(parcel or a_parcel())


async def test_a_post_goes_out_through_the_service(webhook_receiver: FakeWebhook) -> None:
    post = a_parcel(title="**web1**", text="disk \\*full\\*", fields=(Field("vo", "ops"),), severity="critical")
    assert await outcome_from(webhook_receiver, post) == Delivered()
    (request,) = webhook_receiver.requests
    sent = request.json()
    assert (sent["title"], sent["message"]) == ("web1", "disk \\*full\\*\n\n**vo**: ops")
    assert sent["type"] == "failure"


async def test_the_end_is_a_success(webhook_receiver: FakeWebhook) -> None:
    await outcome_from(webhook_receiver, of_incident("resolved", severity="critical"))
    assert webhook_receiver.requests[0].json()["type"] == "success"


@pytest.mark.parametrize(
    ("status", "expected"), [(404, Refused), (401, Refused), (410, Refused), (429, Later), (503, Later)]
)
async def test_a_status_in_what_apprise_tells_is_judged_as_any_other(
    webhook_receiver: FakeWebhook, status: int, expected: type[Outcome]
) -> None:
    webhook_receiver.script.next(Answer(status, "no"))
    outcome = await outcome_from(webhook_receiver)
    assert type(outcome) is expected
    assert str(status) in getattr(outcome, "reason", "")
    assert getattr(outcome, "throttled", False) is (status == 429)
    assert getattr(outcome, "destination_gone", False) is (status == 410)
    assert len(webhook_receiver.attempts) == 1


@pytest.mark.parametrize("trouble", ["closed", "hangs"])
async def test_without_a_status_nobody_knows(webhook_receiver: FakeWebhook, trouble: str) -> None:
    webhook_receiver.script.next(Close() if trouble == "closed" else Hang())
    outcome = await outcome_from(webhook_receiver, timeout=0.5)
    webhook_receiver.let_go()
    assert isinstance(outcome, Later)
    assert outcome.unclear


async def test_secrets_are_neither_told_nor_logged(
    webhook_receiver: FakeWebhook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    webhook_receiver.script.next(Answer(500, SECRET))
    async with a_service(webhook_receiver) as service:
        outcome = await service.deliver(a_parcel())
        logged = [record.getMessage() for record in caplog.records if not record.name.startswith("uvicorn")]
        told = repr((outcome, service.preview(a_parcel()), logged))
    assert SECRET not in told
    assert "s3cret-pass" not in told


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ("text", "disk full & <b>"),
        ("markdown", "**disk** full &amp; &lt;b>"),
        ("html", "<p><strong>disk</strong> full &amp; &lt;b&gt;</p>"),
    ],
)
async def test_a_post_is_written_as_the_service_writes(webhook_receiver: FakeWebhook, wanted: str, sent: str) -> None:
    url = Secret(url_of(webhook_receiver).reveal() + f"?format={wanted}")
    await outcome_from(webhook_receiver, a_parcel(text="**disk** full &amp; &lt;b>"), url=url)
    assert webhook_receiver.requests[0].json()["message"] == sent


async def test_a_preview_is_what_apprise_is_given(webhook_receiver: FakeWebhook) -> None:
    async with a_service(webhook_receiver) as service:
        preview = service.preview(a_parcel(title="T"))
        await service.deliver(a_parcel(title="T"))
        long = service.preview(a_parcel(text="x" * 100_000))
    sent = webhook_receiver.requests[0].json()
    assert (sent["title"], sent["message"]) == (preview.body["title"], preview.body["body"])
    assert preview.target == "apprise: JSON"
    assert long.remarks == ("the text is cut",)


async def test_a_probe_posts_nothing(webhook_receiver: FakeWebhook) -> None:
    async with a_service(webhook_receiver) as service:
        assert await service.probe() == Delivered()
    assert webhook_receiver.attempts == []


def test_a_url_that_apprise_does_not_know_is_refused_at_load() -> None:
    for url in ("nonsense://x", "nothing", "json://"):
        with pytest.raises(ValidationError, match="apprise does not know this URL"):
            AppriseConfig(url=Secret(url))


def test_without_its_extra_the_kind_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ValidationError, match=r"pip install 'ams-bridge\[apprise\]'"):
        AppriseConfig(url=Secret("json://127.0.0.1"))
