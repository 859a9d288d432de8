"""Teams workflows against the stand-in, over real HTTP, and the card they are given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.secret import Secret
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Refused
from bridge.destinations.kit.http_client import make_client
from bridge.destinations.teams.adaptive_card import MAX_REQUEST_BYTES, draw, wire_bytes
from bridge.destinations.teams.teams import Teams, TeamsConfig
from bridge.fakes.teams import FakeTeams
from bridge.fakes.trouble import Answer, proxy_page
from broker.clock import SystemClock
from rules.model import Field
from rules.rendering.escape import escape_value
from tests.bridge.destinations.parcels import a_parcel, of_incident


@asynccontextmanager
async def a_workflow(teams: FakeTeams, **config: Any) -> AsyncIterator[Teams]:
    config = {"url": Secret(teams.hook_url), "timeout": 2.0} | config
    workflow = Teams("ops", TeamsConfig(**config), make_client(connections=2, timeout_s=2.0), SystemClock())
    try:
        yield workflow
    finally:
        await workflow.close()


async def outcome_from(teams: FakeTeams, parcel: Parcel | None = None, **config: Any) -> Outcome:
    async with a_workflow(teams, **config) as workflow:
        return await workflow.deliver(parcel or a_parcel())


def card_of(**changed: Any) -> dict[str, Any]:
    return draw(a_parcel(**changed))["attachments"][0]["content"]


async def test_202_means_that_it_is_queued(teams: FakeTeams) -> None:
    post = a_parcel(title="web1 \\*down\\*", severity="critical", fields=(Field("vo", "ops"),), footer="argo")
    assert await outcome_from(teams, post) == Delivered()
    assert teams.shown == ["web1 \\*down\\*\ndisk full\nvo: ops\nargo"]


async def test_a_card_over_28_kb_is_cut_before_it_is_sent(teams: FakeTeams) -> None:
    large = a_parcel(text="\N{FIRE}" * 7_000, fields=tuple(Field("f", "ä" * 2_000) for _ in range(40)))
    assert await outcome_from(teams, large) == Delivered()


async def test_a_flow_that_is_gone_says_so(teams: FakeTeams) -> None:
    teams.exists = False
    outcome = await outcome_from(teams)
    assert isinstance(outcome, Refused)
    assert outcome.destination_gone


async def test_a_wrong_signature_means_that_nothing_can_arrive(teams: FakeTeams) -> None:
    outcome = await outcome_from(teams, url=Secret(teams.hook_url + "x"))
    assert isinstance(outcome, Refused)
    assert outcome.destination_gone
    assert "abcdefghijklmnopqrstuvwxyz0123456789" not in outcome.reason


async def test_a_flow_that_is_switched_off_is_asked_again_after_a_long_while(teams: FakeTeams) -> None:
    teams.is_on = False
    outcome = await outcome_from(teams)
    assert isinstance(outcome, Later)
    assert (outcome.after_s, outcome.throttled) == (600.0, False)


@pytest.mark.parametrize("legacy", [False, True])
async def test_being_too_fast_is_read_from_status_or_body(teams: FakeTeams, legacy: bool) -> None:
    teams.legacy, teams.throttled = legacy, True
    outcome = await outcome_from(teams)
    assert isinstance(outcome, Later)
    assert outcome.throttled


async def test_an_old_connector_is_understood(teams: FakeTeams) -> None:
    teams.legacy = True
    assert await outcome_from(teams) == Delivered()


@pytest.mark.parametrize("status", [400, 413])
async def test_a_refused_card_is_tried_once_more_cut(teams: FakeTeams, status: int) -> None:
    teams.script.next(Answer(status, "no"), Answer(status, "no"))
    refused = await outcome_from(teams)
    assert isinstance(refused, Refused)
    assert refused.plainer == "cut"
    again = await outcome_from(teams, a_parcel(form="cut"))
    assert isinstance(again, Refused)
    assert again.plainer is None


async def test_a_sign_in_page_is_not_delivered(teams: FakeTeams) -> None:
    teams.script.next(proxy_page())
    assert isinstance(await outcome_from(teams), Later)


async def test_a_probe_starts_no_workflow(teams: FakeTeams) -> None:
    async with a_workflow(teams) as workflow:
        assert await workflow.probe() == Delivered()
    assert [each.request.method for each in teams.attempts] == ["OPTIONS"]


async def test_a_preview_is_what_is_sent_without_the_secret(teams: FakeTeams) -> None:
    parcel = a_parcel(title="T", text="x " * 20_000)
    async with a_workflow(teams) as workflow:
        preview = workflow.preview(parcel)
        await workflow.deliver(parcel)
    assert preview.body == teams.attempts[0].request.json()
    assert preview.remarks == ("cut to fit into 28672 bytes",)
    assert "abcdefghijklmnopqrstuvwxyz" not in repr(preview)


def test_the_colour_is_the_style_of_the_head() -> None:
    assert card_of(title="T", severity="critical")["body"][0]["style"] == "attention"
    assert draw(of_incident("resolved", title="T", severity="critical"))["attachments"][0]["content"]["body"][0][
        "style"
    ] == ("good")
    assert card_of(title="T")["body"][0]["type"] == "TextBlock"


def test_people_are_mentioned_by_their_address() -> None:
    card = card_of(mention="@alice@example.org team")
    assert card["body"][0]["text"] == "<at>alice@example.org</at> team"
    assert card["msteams"]["entities"][0]["mentioned"] == {"id": "alice@example.org", "name": "alice@example.org"}


def test_paragraphs_lists_and_code_have_blocks_of_their_own() -> None:
    body = card_of(text="one\ntwo\n\n- a\n- b\n\n```\nls -l\n```\n# Head")["body"]
    assert [block["text"] for block in body] == ["one\n\ntwo", "- a\r- b", "ls -l", "**Head**"]
    assert body[2]["fontType"] == "Monospace"


def test_a_url_is_a_button() -> None:
    assert card_of(url="https://ui.example")["actions"][0]["url"] == "https://ui.example"


@pytest.mark.parametrize("value", ["[click](https://evil.example)", "**x**", "<at>bob</at>", "# big", "- item"])
def test_an_event_value_is_shown_and_does_nothing(value: str) -> None:
    (block,) = card_of(text=escape_value(value))["body"]
    assert "click](" not in block["text"]
    assert "<at>" not in block["text"]
    assert "**" not in block["text"]
    assert not block["text"].startswith(("#", "- "))
    assert "size" not in block


@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=60), fields=st.integers(0, 40), long=st.sampled_from([1, 10, 100]))
def test_no_card_is_over_28_kb(text: str, fields: int, long: int) -> None:
    post = a_parcel(
        text=(text * long)[:7_000],
        title=text * 20,
        mention=text * 20,
        fields=tuple(Field(text, text * long) for _ in range(fields)),
    )
    assert wire_bytes(draw(post)) <= MAX_REQUEST_BYTES
