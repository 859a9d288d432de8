"""The Slack webhook against the stand-in workspace, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from bridge.core.secret import Secret
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Refused
from bridge.destinations.kit.http_client import make_client
from bridge.destinations.slack.webhook import Slack, SlackConfig
from bridge.fakes.slack import FakeSlack, Limits
from bridge.fakes.trouble import Answer
from broker.clock import SystemClock
from rules.rendering.escape import escape_value
from tests.bridge.destinations.parcels import a_parcel


@asynccontextmanager
async def a_hook(slack: FakeSlack, **config: Any) -> AsyncIterator[Slack]:
    config = {"url": Secret(slack.hook_url), "timeout": 2.0} | config
    hook = Slack("ops", SlackConfig(**config), make_client(connections=2, timeout_s=2.0), SystemClock())
    try:
        yield hook
    finally:
        await hook.close()


async def outcome_from(slack: FakeSlack, parcel: Parcel | None = None, **config: Any) -> Outcome:
    async with a_hook(slack, **config) as hook:
        return await hook.deliver(parcel or a_parcel())


async def test_a_post_stands_in_the_hooks_channel(slack: FakeSlack) -> None:
    assert await outcome_from(slack, a_parcel(title="web1", mention="@here")) == Delivered()
    (message,) = slack.messages
    assert message.shown == "<!here>\n*web1*\ndisk full"
    assert message.pings == {"!here"}


async def test_an_event_cannot_ping(slack: FakeSlack) -> None:
    text = " ".join(escape_value(value) for value in ("@channel", "<!channel>", "<!here|x>", "<@U123>"))
    await outcome_from(slack, a_parcel(text=text, title=text))
    assert slack.messages[0].pings == frozenset()


async def test_a_reply_goes_to_its_thread(slack: FakeSlack) -> None:
    await outcome_from(slack, a_parcel(overrides={"thread": "17.5"}))
    assert slack.messages[0].thread_ts == "17.5"


async def test_a_hook_that_is_gone_says_so_and_does_not_show_itself(slack: FakeSlack) -> None:
    slack.hook_is_live = False
    outcome = await outcome_from(slack)
    assert isinstance(outcome, Refused)
    assert outcome.destination_gone
    assert "no_service" in outcome.reason


async def test_an_archived_channel_means_that_nothing_can_arrive(slack: FakeSlack) -> None:
    slack.archived.add("alerts")
    outcome = await outcome_from(slack)
    assert isinstance(outcome, Refused)
    assert outcome.destination_gone


@pytest.mark.parametrize("word", ["invalid_blocks", "invalid_payload", "msg_blocks_too_long"])
async def test_what_slack_cannot_draw_is_tried_in_plain_form(slack: FakeSlack, word: str) -> None:
    slack.script.next(Answer(400, word))
    refused = await outcome_from(slack)
    assert isinstance(refused, Refused)
    assert refused.plainer == "plain"
    assert await outcome_from(slack, a_parcel(form="plain")) == Delivered()
    assert slack.messages[0].blocks == ()


async def test_a_plain_form_that_is_refused_has_no_plainer_one(slack: FakeSlack) -> None:
    slack.script.next(Answer(400, "invalid_blocks"))
    outcome = await outcome_from(slack, a_parcel(form="plain"))
    assert isinstance(outcome, Refused)
    assert outcome.plainer is None


async def test_the_rate_limit_is_obeyed(slack: FakeSlack) -> None:
    slack.limits = Limits(per_s=0.5, burst=1)
    async with a_hook(slack) as hook:
        outcomes = [await hook.deliver(a_parcel(id=f"d{n}")) for n in range(2)]
    assert isinstance(outcomes[1], Later)
    assert (outcomes[1].after_s, outcomes[1].throttled) == (2.0, True)


async def test_a_200_that_is_not_ok_is_not_delivered(slack: FakeSlack) -> None:
    slack.script.next(Answer(200, "<html>please log in</html>"))
    assert isinstance(await outcome_from(slack), Later)


async def test_a_probe_tells_a_live_hook_from_a_dead_one_and_posts_nothing(slack: FakeSlack) -> None:
    async with a_hook(slack) as hook:
        assert await hook.probe() == Delivered()
        slack.hook_is_live = False
        assert isinstance(await hook.probe(), Refused)
    assert slack.messages == []


async def test_a_preview_is_what_is_sent(slack: FakeSlack) -> None:
    parcel = a_parcel(title="T", overrides={"thread": "1.5"})
    async with a_hook(slack) as hook:
        preview = hook.preview(parcel)
        await hook.deliver(parcel)
    assert preview.body == slack.attempts[0].request.json()
    assert "abcdefghijklmnopqrstuvwx" not in repr(preview)


async def test_a_preview_says_what_is_cut(slack: FakeSlack) -> None:
    async with a_hook(slack) as hook:
        preview = hook.preview(replace(a_parcel(text="&" * 9_000)))
    assert any("cut" in remark for remark in preview.remarks)
