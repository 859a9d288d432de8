"""The Slack bot against the stand-in workspace, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from bridge.core.secret import Secret
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Refused
from bridge.destinations.kit.http_client import make_client
from bridge.destinations.slack.bot import SlackBot, SlackBotConfig
from bridge.fakes.slack import FakeSlack, Limits
from bridge.fakes.trouble import Answer, Close, Normal
from broker.clock import SystemClock
from rules.model import Field
from tests.bridge.destinations.parcels import a_parcel, of_incident, receipt_in


@asynccontextmanager
async def a_bot(slack: FakeSlack, **config: Any) -> AsyncIterator[SlackBot]:
    config = {"url": slack.api_url, "token": Secret(slack.bot_token), "channel": "alerts", "timeout": 2.0} | config
    bot = SlackBot("ops", SlackBotConfig(**config), make_client(connections=2, timeout_s=2.0), SystemClock())
    try:
        yield bot
    finally:
        await bot.close()


async def outcome_from(slack: FakeSlack, parcel: Parcel | None = None, **config: Any) -> Outcome:
    async with a_bot(slack, **config) as bot:
        return await bot.deliver(parcel or a_parcel())


async def told(slack: FakeSlack, *news: Parcel, **config: Any) -> list[Outcome]:
    """The outcomes of news told one after the other, each with the receipt of the one before, as couriers do."""
    outcomes: list[Outcome] = []
    receipt = None
    for parcel in news:
        outcomes.append(await outcome_from(slack, replace(parcel, earlier=receipt), **config))
        if isinstance(outcomes[-1], Delivered) and outcomes[-1].receipt is not None:
            receipt = outcomes[-1].receipt
    return outcomes


def refusing(error: str) -> Answer:
    return Answer(200, json.dumps({"ok": False, "error": error}))


async def test_channel_and_time_stamp_are_the_receipt(slack: FakeSlack) -> None:
    receipt = json.loads(receipt_in(await outcome_from(slack, a_parcel(icon=":bell:"), username="argo")))
    (message,) = slack.messages
    assert (receipt["post"], receipt["channel"]) == (message.ts, "C00ALERTS")
    assert (message.username, message.icon_emoji) == ("argo", ":bell:")


async def test_a_whole_life_is_one_message(slack: FakeSlack) -> None:
    news = [of_incident("firing", fields=(Field("a", "b"),)), of_incident("reminder", 5, text="still")]
    await told(slack, *news, of_incident("resolved", 65, text="fine"))
    (message,) = slack.messages
    assert message.shown == "fine\nlasted 1h5m · update 2"
    assert message.edits == 2


async def test_history_is_told_in_the_thread_too(slack: FakeSlack) -> None:
    await told(slack, of_incident("firing"), of_incident("resolved", 5, text="fine"), history="thread")
    message, reply = slack.messages
    assert (message.edits, reply.thread_ts, reply.shown) == (1, message.ts, "fine")


@pytest.mark.parametrize(("trouble", "in_thread"), [("deleted", False), ("closed", True)])
async def test_a_message_that_cannot_be_changed_is_followed_by_another(
    slack: FakeSlack, trouble: str, in_thread: bool
) -> None:
    receipt = receipt_in(await outcome_from(slack, of_incident("firing")))
    slack.edits_closed = trouble == "closed"
    if trouble == "deleted":
        slack.delete(slack.messages[0])
    outcome = await outcome_from(slack, of_incident("resolved", 5, text="fine", earlier=receipt))
    follower = slack.messages[-1]
    assert (follower.shown, bool(follower.thread_ts)) == ("fine", in_thread)
    assert json.loads(receipt_in(outcome))["post"] == follower.ts


@pytest.mark.parametrize("error", ["is_inactive", "channel_not_found", "not_in_channel", "restricted_action", "new"])
async def test_whatever_keeps_a_message_from_being_changed_another_one_tells_the_news(
    slack: FakeSlack, error: str
) -> None:
    receipt = receipt_in(await outcome_from(slack, of_incident("firing")))
    slack.script.next(refusing(error))
    await outcome_from(slack, of_incident("resolved", 5, text="fine", earlier=receipt))
    assert [message.shown for message in slack.messages] == ["disk full", "fine"]


async def test_the_end_of_what_was_told_in_a_channel_that_is_archived_by_now_falls_back(slack: FakeSlack) -> None:
    receipt = receipt_in(await outcome_from(slack, of_incident("firing")))
    slack.archived.add("alerts")
    end = of_incident("resolved", 5, text="fine", earlier=receipt)
    refused = await outcome_from(slack, end, fallback_channel="general")
    assert isinstance(refused, Refused)
    assert refused.plainer == "other-channel"
    await outcome_from(slack, replace(end, form="other-channel"), fallback_channel="general")
    assert slack.messages[-1].channel == "C0GENERAL"


async def test_edits_can_be_switched_off(slack: FakeSlack) -> None:
    await told(slack, of_incident("firing"), of_incident("resolved", 5), edit=False)
    assert len(slack.messages) == 2


@pytest.mark.parametrize("error", ["invalid_auth", "token_revoked", "account_inactive"])
async def test_a_token_that_is_not_accepted_means_that_nothing_can_arrive(slack: FakeSlack, error: str) -> None:
    slack.script.next(refusing(error))
    outcome = await outcome_from(slack)
    assert isinstance(outcome, Later)
    assert outcome.misconfigured
    assert error in outcome.reason


@pytest.mark.parametrize(
    ("error", "unclear", "throttled"),
    [("service_unavailable", False, False), ("ratelimited", False, True), ("fatal_error", True, False)],
)
async def test_troubles_of_slack_are_for_later(slack: FakeSlack, error: str, unclear: bool, throttled: bool) -> None:
    slack.script.next(refusing(error))
    outcome = await outcome_from(slack)
    assert isinstance(outcome, Later)
    assert (outcome.unclear, outcome.throttled) == (unclear, throttled)


async def test_the_rate_limit_is_obeyed(slack: FakeSlack) -> None:
    slack.limits = Limits(per_s=0.25, burst=1)
    outcomes = await told(slack, a_parcel(), a_parcel())
    assert isinstance(outcomes[1], Later)
    assert (outcomes[1].after_s, outcomes[1].throttled) == (4.0, True)


@pytest.mark.parametrize("trouble", ["unknown", "archived"])
async def test_a_closed_channel_falls_back(slack: FakeSlack, trouble: str) -> None:
    slack.archived.add("alerts")
    parcel = a_parcel(overrides={"channel": "nowhere" if trouble == "unknown" else "alerts"})
    refused = await outcome_from(slack, parcel, fallback_channel="general")
    assert isinstance(refused, Refused)
    assert refused.plainer == "other-channel"
    await outcome_from(slack, replace(parcel, form="other-channel"), fallback_channel="general")
    assert slack.messages[0].channel == "C0GENERAL"
    assert slack.messages[0].shown.startswith("_(meant for ")


async def test_a_message_too_long_is_tried_in_plain_form(slack: FakeSlack) -> None:
    slack.script.next(refusing("msg_blocks_too_long"))
    refused = await outcome_from(slack)
    assert isinstance(refused, Refused)
    assert refused.plainer == "plain"


async def test_a_thread_that_is_gone_is_tried_without_it(slack: FakeSlack) -> None:
    reply = a_parcel(overrides={"thread": "1.5"})
    refused = await outcome_from(slack, reply)
    assert isinstance(refused, Refused)
    assert refused.plainer == "without-thread"
    assert isinstance(await outcome_from(slack, replace(reply, form="without-thread")), Delivered)


async def test_a_reply_that_is_refused_does_not_hold_up_the_update(slack: FakeSlack) -> None:
    receipt = receipt_in(await outcome_from(slack, of_incident("firing")))
    slack.script.next(Normal(), refusing("restricted_action"))
    end = of_incident("resolved", 5, text="fine", earlier=receipt)
    refused = await outcome_from(slack, end, history="thread")
    assert isinstance(refused, Refused)
    assert refused.plainer == "without-history"
    assert isinstance(await outcome_from(slack, replace(end, form="without-history"), history="thread"), Delivered)


async def test_a_web_page_in_place_of_an_answer_is_not_delivered(slack: FakeSlack) -> None:
    slack.script.next(Answer(200, "<html>please log in</html>"))
    outcome = await outcome_from(slack)
    assert isinstance(outcome, Later)
    assert not outcome.unclear


async def test_a_lost_answer_is_unclear(slack: FakeSlack) -> None:
    slack.script.next(Close(at="after_accepting"))
    outcome = await outcome_from(slack)
    assert isinstance(outcome, Later)
    assert outcome.unclear
    assert len(slack.messages) == 1


async def test_a_probe_asks_for_token_and_scope_and_posts_nothing(slack: FakeSlack) -> None:
    async with a_bot(slack) as bot:
        assert await bot.probe() == Delivered()
        slack.scopes = "channels:read"
        refused = await bot.probe()
    assert isinstance(refused, Refused)
    assert "chat:write" in refused.reason
    assert slack.messages == []


async def test_previews_are_what_is_sent(slack: FakeSlack) -> None:
    async with a_bot(slack) as bot:
        first = of_incident("firing", title="T", severity="critical", footer="f")
        previews = [bot.preview(first)]
        end = of_incident("resolved", 5, earlier=receipt_in(await bot.deliver(first)))
        previews.append(bot.preview(end))
        await bot.deliver(end)
    sent = [each.request for each in slack.attempts]
    assert [preview.body for preview in previews] == [request.json() for request in sent]
    assert [preview.target for preview in previews] == [slack.base_url + request.path for request in sent]
    assert slack.bot_token not in repr(previews)
