"""The Discord webhook against the stand-in, over real HTTP, and the message it is given."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.secret import Secret
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, RateLimitStatus, Refused
from bridge.destinations.discord.discord import Discord, DiscordConfig
from bridge.destinations.discord.embed import discord_text, draw
from bridge.destinations.kit.http_client import make_client
from bridge.fakes.discord import FakeDiscord, _wrong
from bridge.fakes.listening import running
from bridge.fakes.trouble import Answer
from broker.clock import ManualClock, SystemClock
from rules.model import Field
from rules.rendering.escape import escape_value
from tests.bridge.destinations.parcels import a_parcel, of_incident, receipt_in


@asynccontextmanager
async def a_hook(discord: FakeDiscord, **config: Any) -> AsyncIterator[Discord]:
    config = {"url": Secret(discord.hook_url), "timeout": 2.0} | config
    hook = Discord("ops", DiscordConfig(**config), make_client(connections=2, timeout_s=2.0), SystemClock())
    try:
        yield hook
    finally:
        await hook.close()


async def outcome_from(discord: FakeDiscord, parcel: Parcel | None = None, **config: Any) -> Outcome:
    async with a_hook(discord, **config) as hook:
        return await hook.deliver(parcel or a_parcel())


async def told(discord: FakeDiscord, *news: Parcel, **config: Any) -> None:
    receipt = None
    for parcel in news:
        outcome = await outcome_from(discord, replace(parcel, earlier=receipt), **config)
        receipt = outcome.receipt if isinstance(outcome, Delivered) and outcome.receipt else receipt


async def test_the_messages_id_is_the_receipt(discord: FakeDiscord) -> None:
    receipt = json.loads(receipt_in(await outcome_from(discord)))
    (message,) = discord.messages
    assert (message.content, message.embeds, receipt["post"]) == ("disk full", (), message.id)


async def test_a_whole_life_is_one_message(discord: FakeDiscord) -> None:
    await told(discord, of_incident("firing"), of_incident("reminder", 5), of_incident("resolved", 65, text="fine"))
    (message,) = discord.messages
    assert (message.content, message.edits) == ("", 2)
    assert message.embeds == ({"description": "fine", "footer": {"text": "lasted 1h5m · update 2"}, "color": 0x3DB887},)


async def test_edits_can_be_switched_off(discord: FakeDiscord) -> None:
    await told(discord, of_incident("firing"), of_incident("resolved", 5), edit=False)
    assert len(discord.messages) == 2


async def test_a_deleted_message_is_followed_by_a_new_one(discord: FakeDiscord) -> None:
    receipt = receipt_in(await outcome_from(discord, of_incident("firing")))
    discord.delete(discord.messages[0])
    outcome = await outcome_from(discord, of_incident("resolved", 5, earlier=receipt))
    assert json.loads(receipt_in(outcome))["updates"] == 1
    assert len(discord.messages) == 1


async def test_of_a_text_in_parts_only_the_last_changes_the_message(discord: FakeDiscord) -> None:
    end = [of_incident("resolved", 5, text=f"end {n}", id=f"e{n}", part=n, parts=2) for n in range(2)]
    await told(discord, of_incident("firing"), *end)
    assert [(message.edits, message.embeds[0]["description"]) for message in discord.messages] == [
        (1, "end 1"),
        (0, "end 0"),
    ]


@pytest.mark.parametrize("trouble", ["deleted", "wrong token"])
async def test_a_hook_that_is_gone_says_so(discord: FakeDiscord, trouble: str) -> None:
    discord.exists = trouble != "deleted"
    url = discord.hook_url.rsplit("/", 1)[0] + "/another-token-of-a-hook"
    outcome = await outcome_from(discord, url=Secret(url))
    assert isinstance(outcome, Refused)
    assert outcome.destination_gone
    assert "another-token" not in outcome.reason


async def test_a_message_over_the_limits_is_tried_in_plain_form(discord: FakeDiscord) -> None:
    discord.script.next(Answer(400, '{"code": 50035, "message": "Invalid Form Body"}'))
    refused = await outcome_from(discord)
    assert isinstance(refused, Refused)
    assert refused.plainer == "plain"
    assert isinstance(await outcome_from(discord, a_parcel(form="plain", title="T")), Delivered)
    assert discord.messages[0].content == "T\ndisk full"


async def test_a_thread_that_is_gone_is_tried_without_it(discord: FakeDiscord) -> None:
    there, gone = (a_parcel(overrides={"thread": thread}) for thread in (FakeDiscord.THREAD, "12345"))
    assert isinstance(await outcome_from(discord, there), Delivered)
    assert discord.messages[0].thread == FakeDiscord.THREAD
    refused = await outcome_from(discord, gone)
    assert isinstance(refused, Refused)
    assert refused.plainer == "without-thread"
    assert isinstance(await outcome_from(discord, replace(gone, form="without-thread")), Delivered)


@pytest.mark.parametrize(("status", "code"), [(400, 50083), (403, 50001), (404, 10008), (400, 40033), (409, 0)])
async def test_whatever_keeps_a_message_from_being_changed_another_one_tells_the_news(
    discord: FakeDiscord, status: int, code: int
) -> None:
    receipt = receipt_in(await outcome_from(discord, of_incident("firing")))
    discord.script.next(Answer(status, f'{{"code": {code}, "message": "no"}}'))
    outcome = await outcome_from(discord, of_incident("resolved", 5, text="fine", earlier=receipt))
    assert receipt_in(outcome) != receipt
    assert len(discord.messages) == 2


async def test_the_end_of_what_was_told_in_a_thread_that_is_archived_by_now_is_told_below_it(
    discord: FakeDiscord,
) -> None:
    asked = {"thread": FakeDiscord.THREAD}
    receipt = receipt_in(await outcome_from(discord, of_incident("firing", overrides=asked)))
    discord.thread_is_archived = True
    end = of_incident("resolved", 5, text="fine", overrides=asked, earlier=receipt)
    refused = await outcome_from(discord, end)
    assert isinstance(refused, Refused)
    assert refused.plainer == "without-thread"
    assert isinstance(await outcome_from(discord, replace(end, form="without-thread")), Delivered)
    assert [message.thread for message in discord.messages] == [FakeDiscord.THREAD, ""]


async def test_the_rate_headers_are_read_before_the_wall_is_hit() -> None:
    with running(FakeDiscord(clock=ManualClock())) as discord:
        discord.is_limited = True
        async with a_hook(discord) as hook:
            outcomes = [await hook.deliver(a_parcel(id=f"d{n}")) for n in range(6)]
    assert outcomes[0].pace == RateLimitStatus(remaining=4, reset_s=0.4)
    assert outcomes[4].pace == RateLimitStatus(remaining=0, reset_s=2.0)
    assert isinstance(outcomes[5], Later)
    assert (outcomes[5].after_s, outcomes[5].throttled) == (0.4, True)  # the header says 1


async def test_the_pause_that_is_asked_for_is_the_bodys_to_the_millisecond(discord: FakeDiscord) -> None:
    body = '{"message": "You are being rate limited.", "retry_after": 0.337, "global": true}'
    discord.script.next(Answer(429, body, {"Retry-After": "1"}))
    outcome = await outcome_from(discord)
    assert isinstance(outcome, Later)
    assert (outcome.after_s, outcome.throttled) == (0.337, True)


@pytest.mark.parametrize("page", ["<!DOCTYPE html>\n<html><title>Access denied</title>", "error code: 1015"])
@pytest.mark.parametrize("status", [403, 429])
async def test_a_page_of_cloudflares_is_no_answer_of_discord(discord: FakeDiscord, page: str, status: int) -> None:
    discord.script.next(Answer(status, page))
    outcome = await outcome_from(discord)
    assert isinstance(outcome, Later)
    assert not outcome.unclear
    assert outcome.after_s == (600.0 if status == 403 else None)


async def test_name_picture_and_silence_are_asked_for(discord: FakeDiscord) -> None:
    await outcome_from(discord, a_parcel(overrides={"silent": "true"}), username="argo", avatar_url="https://x.example")
    (message,) = discord.messages
    assert (message.username, message.flags) == ("argo", 4096)


async def test_a_204_without_the_message_is_not_taken_for_an_answer(discord: FakeDiscord) -> None:
    discord.script.next(Answer(204))
    assert isinstance(await outcome_from(discord), Later)


async def test_a_probe_reads_the_hook(discord: FakeDiscord) -> None:
    async with a_hook(discord) as hook:
        assert await hook.probe() == Delivered()
        discord.exists = False
        assert isinstance(await hook.probe(), Refused)
    assert {each.request.method for each in discord.attempts} == {"GET"}


async def test_previews_are_what_is_sent(discord: FakeDiscord) -> None:
    async with a_hook(discord) as hook:
        first = of_incident("firing", title="T", severity="critical")
        previews = [hook.preview(first)]
        end = of_incident("resolved", 5, earlier=receipt_in(await hook.deliver(first)))
        previews.append(hook.preview(end))
        await hook.deliver(end)
    assert [preview.body for preview in previews] == [each.request.json() for each in discord.attempts]
    assert "abcdefghijklmnopqrstuvwxyz" not in repr(previews)


# --- the message -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mention", "allowed", "pings"),
    [
        ("<@12345678>", {"parse": [], "users": ["12345678"]}, {"<@12345678>"}),
        ("<@&87654321>", {"parse": [], "roles": ["87654321"]}, {"<@&87654321>"}),
        ("@here", {"parse": ["everyone"]}, {"@here"}),
        ("", {"parse": []}, set()),
    ],
)
async def test_only_whom_the_rule_mentions_is_pinged(
    discord: FakeDiscord, mention: str, allowed: dict[str, Any], pings: set[str]
) -> None:
    await outcome_from(discord, a_parcel(text="@everyone <@99999999> <@&99999999>", mention=mention))
    (message,) = discord.messages
    assert message.allowed == allowed
    assert message.pings == pings


def test_a_short_text_alone_is_the_message() -> None:
    assert draw(a_parcel())["content"] == "disk full"
    assert draw(a_parcel())["embeds"] == []


def test_everything_more_is_one_embed() -> None:
    post = a_parcel(
        title="web1", url="https://ui.example", fields=(Field("vo", "ops"),), footer="argo", severity="warning"
    )
    assert draw(post)["embeds"] == [
        {
            "title": "web1",
            "url": "https://ui.example",
            "description": "disk full",
            "fields": [{"name": "vo", "value": "ops", "inline": True}],
            "footer": {"text": "argo"},
            "color": 0xF2A93B,
        }
    ]


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("**b** _i_ ~~s~~ `c`", "**b** *i* ~~s~~ `c`"),
        ("[ui](https://x.example)", "[ui](https://x.example)"),
        (":red_circle: web1", "🔴 web1"),
        ("a &lt;b> \\*c\\*", "a \\<b> \\*c\\*"),
        ("- one\n- two", "- one\n- two"),
    ],
)
def test_markdown_becomes_discords(markdown: str, shown: str) -> None:
    assert discord_text(markdown) == shown


@pytest.mark.parametrize(
    "value", ["[click](https://evil.example)", "**x**", "# big", "> quote", "- item", "||hidden||"]
)
def test_an_event_value_is_shown_and_does_nothing(value: str) -> None:
    shown = discord_text(escape_value(value))
    assert not shown.startswith(("#", ">", "-"))
    assert "**" not in shown.replace("\\*", "")
    assert "||" not in shown.replace("\\|", "")
    assert "](" not in shown.replace("\\]", "")


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(st.sampled_from("a *_[]()<>`|\n#-"), max_size=60),
    fields=st.integers(0, 40),
    long=st.integers(0, 100),
    form=st.sampled_from(["", "plain"]),
)
def test_no_message_is_over_discords_limits(text: str, fields: int, long: int, form: str) -> None:
    post = a_parcel(
        text=(text * long)[:3_500] or "x",
        title=text * 30,
        footer=text * 60,
        form=form,
        fields=tuple(Field(text * 10, text * long) for _ in range(fields)),
    )
    drawn = draw(post, course="lasted 5m · update 1")
    assert _wrong(drawn) == ""
    assert drawn["content"] or drawn["embeds"]
