"""The Mattermost bot against the stand-in server, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.core.secret import Secret
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Refused
from bridge.destinations.kit.http_client import make_client
from bridge.destinations.mattermost.bot import MattermostBot, MattermostBotConfig
from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost, Settings
from bridge.fakes.trouble import Answer, Close, Hang, Normal
from broker.clock import Clock, ManualClock, SystemClock
from rules.model import Field
from tests.bridge.destinations.parcels import NOW_US, a_parcel, of_incident, receipt_in

ERROR = '{{"id": "{}", "message": "no"}}'


@asynccontextmanager
async def a_bot(server: FakeMattermost, clock: Clock | None = None, **config: Any) -> AsyncIterator[MattermostBot]:
    config = {
        "url": server.base_url,
        "token": Secret(server.bot_token),
        "channel": "monitoring",
        "timeout": 2.0,
    } | config
    client = make_client(connections=4, timeout_s=config["timeout"])
    bot = MattermostBot("ops", MattermostBotConfig(**config), client, clock or SystemClock())
    try:
        yield bot
    finally:
        await bot.close()


async def outcome_from(server: FakeMattermost, parcel: Parcel | None = None, **config: Any) -> Outcome:
    async with a_bot(server, **config) as bot:
        return await bot.deliver(parcel or a_parcel())


async def told(server: FakeMattermost, *news: Parcel, **config: Any) -> list[Outcome]:
    """The outcomes of news told one after the other, each with the receipt of the one before, as couriers do."""
    outcomes: list[Outcome] = []
    receipt = None
    async with a_bot(server, **config) as bot:
        for parcel in news:
            outcomes.append(await bot.deliver(replace(parcel, earlier=receipt)))
            if isinstance(outcomes[-1], Delivered) and outcomes[-1].receipt is not None:
                receipt = outcomes[-1].receipt
    return outcomes


def paths(server: FakeMattermost) -> list[str]:
    return [f"{each.request.method} {each.request.path.removeprefix('/api/v4')}" for each in server.attempts]


# --- making a post ------------------------------------------------------------------------------------


async def test_a_post_stands_in_its_channel_and_its_id_is_the_receipt(mattermost: FakeMattermost) -> None:
    outcome = await outcome_from(mattermost)
    (post,) = mattermost.posts
    assert (post.text, post.channel, post.username) == ("disk full", "monitoring", "ams-bridge")
    assert json.loads(receipt_in(outcome))["post"] == post.id


async def test_the_delivery_is_known_again_by_its_pending_id_and_its_marker(mattermost: FakeMattermost) -> None:
    await outcome_from(mattermost)
    (post,) = mattermost.posts
    assert post.pending_post_id == a_parcel().id
    assert post.props["ams_bridge"] == {"delivery": a_parcel().id, "rule": "disks", "key": "web1"}


async def test_names_are_looked_up_once(mattermost: FakeMattermost) -> None:
    async with a_bot(mattermost) as bot:
        for n in range(3):
            await bot.deliver(a_parcel(id=f"d{n}"))
    assert len(mattermost.posts) == 3
    assert sum(path.startswith("GET") for path in paths(mattermost)) == 2


async def test_the_team_and_the_bot_itself_are_asked_for_once_whatever_the_channel(mattermost: FakeMattermost) -> None:
    async with a_bot(mattermost) as bot:
        for n, channel in enumerate(["monitoring", "town-square", "@alice", "@bob"]):
            assert isinstance(await bot.deliver(a_parcel(id=f"d{n}", overrides={"channel": channel})), Delivered)
    asked = paths(mattermost)
    assert (asked.count("GET /users/me/teams"), asked.count("GET /users/me")) == (1, 1)


@pytest.mark.parametrize("channel", ["#monitoring", "~monitoring"])
async def test_a_channel_may_be_written_as_people_write_it(mattermost: FakeMattermost, channel: str) -> None:
    assert isinstance(await outcome_from(mattermost, channel=channel, team="operations"), Delivered)


async def test_a_channel_may_be_an_id(mattermost: FakeMattermost) -> None:
    channel = mattermost.town.find_channel("town-square")
    assert channel is not None
    assert isinstance(await outcome_from(mattermost, channel=channel.id), Delivered)
    assert paths(mattermost) == ["POST /posts"]


async def test_a_person_gets_a_direct_message(mattermost: FakeMattermost) -> None:
    assert isinstance(await outcome_from(mattermost, a_parcel(overrides={"channel": "@alice"})), Delivered)
    assert "__" in mattermost.posts[0].channel


async def test_a_numeric_field_goes_out_as_text(mattermost: FakeMattermost) -> None:
    await outcome_from(mattermost, a_parcel(fields=(Field("bytes", "1000000"),)))
    assert mattermost.posts[0].attachments[0]["fields"][0]["value"] == "1000000"


async def test_a_silent_urgent_reply_with_a_card_is_all_of_these(mattermost: FakeMattermost) -> None:
    first = json.loads(receipt_in(await outcome_from(mattermost)))["post"]
    await outcome_from(mattermost, a_parcel(id="d2", overrides={"thread": first, "silent": "true", "card": "**more**"}))
    await outcome_from(mattermost, a_parcel(id="d3", overrides={"priority": "urgent"}))
    reply, urgent = mattermost.posts[1:]
    assert (reply.root_id, reply.silent, reply.props["card"]) == (first, True, "**more**")
    assert urgent.priority is not None
    assert urgent.priority.priority == "urgent"


# --- news of an incident ------------------------------------------------------------------------------


async def test_the_end_changes_the_post_that_told_the_beginning(mattermost: FakeMattermost) -> None:
    beginning = of_incident("firing", severity="critical", fields=(Field("vo", "ops"),))
    await told(mattermost, beginning, of_incident("resolved", 125, text="disk fine", title="web1", severity="critical"))
    (post,) = mattermost.posts
    assert post.text == "**web1**\ndisk fine"
    assert post.attachments == ({"footer": "lasted 2h5m · update 1", "fallback": "web1", "color": "#3db887"},)
    assert post.props["ams_bridge"]["delivery"] == "resolved-125"


async def test_a_whole_life_is_one_post_with_a_counter(mattermost: FakeMattermost) -> None:
    phases = ["firing", "reminder", "firing", "flapping", "calm", "resolved"]
    await told(mattermost, *(of_incident(phase, n * 10, text=phase) for n, phase in enumerate(phases)))
    (post,) = mattermost.posts
    assert [form.text for form in mattermost.world.board.history(post.id)] == phases
    assert post.attachments[0]["footer"] == "lasted 50m · update 5"


async def test_the_next_incident_has_a_post_of_its_own(mattermost: FakeMattermost) -> None:
    lives = [of_incident(phase, n) for n, phase in enumerate(["firing", "resolved", "firing", "resolved"])]
    await told(mattermost, *lives)
    assert [len(mattermost.world.board.history(post.id)) for post in mattermost.posts] == [2, 2]


async def test_a_receipt_survives_a_restart_of_the_daemon(mattermost: FakeMattermost) -> None:
    receipt = receipt_in(await outcome_from(mattermost, of_incident("firing")))
    await outcome_from(mattermost, of_incident("resolved", 5, text="fine", earlier=receipt))
    assert [post.text for post in mattermost.posts] == ["fine"]


async def test_history_is_told_in_the_thread_too(mattermost: FakeMattermost) -> None:
    news = [of_incident("firing"), of_incident("reminder", 5), of_incident("resolved", 9, text="fine")]
    await told(mattermost, *news, history="thread")
    post, *replies = mattermost.posts
    assert post.text == "fine"
    assert [(reply.text, reply.root_id) for reply in replies] == [("disk full", post.id), ("fine", post.id)]


async def test_edits_can_be_switched_off(mattermost: FakeMattermost) -> None:
    await told(mattermost, of_incident("firing"), of_incident("resolved", 5), edit=False)
    assert len(mattermost.posts) == 2


async def test_a_deleted_post_is_followed_by_a_new_one(mattermost: FakeMattermost) -> None:
    receipt = receipt_in(await outcome_from(mattermost, of_incident("firing")))
    mattermost.script.next(Answer(404, ERROR.format("app.post.get.app_error")))
    outcome = await outcome_from(mattermost, of_incident("resolved", 5, text="fine", earlier=receipt))
    assert [post.text for post in mattermost.posts] == ["disk full", "fine"]
    assert json.loads(receipt_in(outcome))["post"] == mattermost.posts[1].id
    assert mattermost.posts[1].attachments[0]["footer"] == "lasted 5m · update 1"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "api.post.patch_post.can_not_update_post_in_deleted.error"),
        (400, "api.post.update_post.permissions_details.app_error"),
        (400, "api.post.update_post.system_message.app_error"),
        (400, "of.a.server.to.come"),
        (403, "api.context.permissions.app_error"),
        (404, "app.post.get.app_error"),
        (405, "none"),
        (410, "none"),
        (451, "none"),
    ],
)
async def test_whatever_keeps_a_post_from_being_changed_a_new_one_tells_the_news(
    mattermost: FakeMattermost, status: int, error: str
) -> None:
    receipt = receipt_in(await outcome_from(mattermost, of_incident("firing")))
    mattermost.script.next(Answer(status, ERROR.format(error)))
    outcome = await outcome_from(mattermost, of_incident("resolved", 5, text="fine", earlier=receipt))
    assert [post.text for post in mattermost.posts] == ["disk full", "fine"]
    assert json.loads(receipt_in(outcome))["post"] == mattermost.posts[1].id


@pytest.mark.parametrize(("status", "is_later"), [(401, True), (408, True), (413, False), (429, True), (500, True)])
async def test_an_edit_refused_for_another_reason_makes_no_second_post(
    mattermost: FakeMattermost, status: int, is_later: bool
) -> None:
    receipt = receipt_in(await outcome_from(mattermost, of_incident("firing")))
    mattermost.script.next(Answer(status, ERROR.format("none")))
    outcome = await outcome_from(mattermost, of_incident("resolved", 5, text="fine", earlier=receipt))
    assert isinstance(outcome, Later if is_later else Refused)
    assert len(mattermost.posts) == 1


async def test_a_post_that_somebody_deleted_is_followed_by_a_new_one(mattermost: FakeMattermost) -> None:
    receipt = receipt_in(await outcome_from(mattermost, of_incident("firing")))
    post = mattermost.posts[0]
    mattermost.world.board.change(replace(post, delete_at_ms=1))
    await outcome_from(mattermost, of_incident("resolved", 5, text="fine", earlier=receipt))
    assert [post.text for post in mattermost.posts] == ["fine"]


async def test_a_post_too_old_to_edit_is_answered_in_its_thread() -> None:
    clock = ManualClock(NOW_US)
    with running(FakeMattermost(Settings(post_edit_limit_s=60), clock=clock)) as server:
        receipt = receipt_in(await outcome_from(server, of_incident("firing")))
        await clock.advance(120)
        outcome = await outcome_from(server, of_incident("reminder", 2, text="still", earlier=receipt))
        first, reply = server.posts
        assert (first.text, reply.text, reply.root_id) == ("disk full", "still", first.id)
        # The reply is young enough to be edited itself.
        await outcome_from(server, of_incident("resolved", 3, text="fine", earlier=receipt_in(outcome)))
        assert [post.text for post in server.posts] == ["disk full", "fine"]


async def test_of_a_text_in_parts_the_last_one_is_the_post_that_changes(mattermost: FakeMattermost) -> None:
    parts = [of_incident("firing", text=f"part {n}", id=f"d{n}", part=n, parts=2) for n in range(2)]
    end = [of_incident("resolved", 5, text=f"end {n}", id=f"e{n}", part=n, parts=2) for n in range(2)]
    outcomes = await told(mattermost, *parts, *end)
    assert [receipt is None for receipt in (getattr(each, "receipt", None) for each in outcomes)] == [True, False] * 2
    assert [(post.text, bool(post.root_id)) for post in mattermost.posts] == [
        ("part 0", False),
        ("end 1", False),
        ("end 0", True),
    ]


# --- once, as far as the server lets us know ----------------------------------------------------------


@pytest.mark.parametrize("reset", [False, True])
async def test_an_answer_lost_after_the_post_was_made_is_unclear_and_found_again(
    mattermost: FakeMattermost, reset: bool
) -> None:
    mattermost.script.next(Normal(), Normal(), Close(at="after_accepting", reset=reset))
    lost = await outcome_from(mattermost)
    assert isinstance(lost, Later)
    assert lost.unclear
    again = await outcome_from(mattermost, a_parcel(maybe_there=True, attempt=2))
    assert json.loads(receipt_in(again))["post"] == mattermost.posts[0].id
    assert len(mattermost.posts) == 1


async def test_a_post_is_found_again_after_the_server_forgot_its_pending_id() -> None:
    clock = ManualClock(NOW_US)
    with running(FakeMattermost(clock=clock)) as server:
        server.script.next(Normal(), Normal(), Close(at="after_accepting"))
        await outcome_from(server)
        await clock.advance(3_600)
        again = await outcome_from(server, a_parcel(maybe_there=True, attempt=2))
        assert json.loads(receipt_in(again))["post"] == server.posts[0].id
        assert len(server.posts) == 1


async def test_a_post_is_found_again_behind_more_than_the_server_tells_of_at_once(mattermost: FakeMattermost) -> None:
    mattermost.script.next(Normal(), Normal(), Close(at="after_accepting"))
    created_us = SystemClock().wall_us()
    await outcome_from(mattermost, a_parcel(created_us=created_us))
    for n in range(1_100):
        mattermost.say("monitoring", f"talk {n}", "bob")
    again = await outcome_from(mattermost, a_parcel(created_us=created_us, maybe_there=True, attempt=2))
    ours = [post.id for post in mattermost.posts if post.username == "ams-bridge"]
    assert [json.loads(receipt_in(again))["post"]] == ours


async def test_a_channel_is_read_no_further_back_than_the_delivery_is_old(mattermost: FakeMattermost) -> None:
    for n in range(450):
        mattermost.say("monitoring", f"talk {n}", "bob")
    later_us = SystemClock().wall_us() + 3_600_000_000
    await outcome_from(mattermost, a_parcel(created_us=later_us, maybe_there=True))
    assert sum(path.startswith("GET /channels/") and path.endswith("/posts") for path in paths(mattermost)) == 1


async def test_a_post_that_never_arrived_is_made_after_looking(mattermost: FakeMattermost) -> None:
    mattermost.script.next(Normal(), Normal(), Close(at="after_body"))
    await outcome_from(mattermost)
    assert isinstance(await outcome_from(mattermost, a_parcel(maybe_there=True)), Delivered)
    assert len(mattermost.posts) == 1


async def test_a_reply_is_not_told_twice(mattermost: FakeMattermost) -> None:
    receipt = receipt_in(await outcome_from(mattermost, of_incident("firing")))
    mattermost.script.next(Normal(), Close(at="after_accepting"))
    reminder = of_incident("reminder", 5, earlier=receipt)
    lost = await outcome_from(mattermost, reminder, history="thread")
    assert isinstance(lost, Later)
    assert lost.unclear
    assert isinstance(await outcome_from(mattermost, replace(reminder, maybe_there=True), history="thread"), Delivered)
    assert len(mattermost.posts) == 2


async def test_a_look_that_fails_is_no_reason_to_post_again(mattermost: FakeMattermost) -> None:
    mattermost.script.always(lambda request: Close() if request.path.endswith("/posts") else None)
    outcome = await outcome_from(mattermost, a_parcel(maybe_there=True))
    assert isinstance(outcome, Later)
    assert not outcome.unclear
    assert mattermost.posts == []


async def test_the_same_delivery_within_half_a_minute_is_the_same_post(mattermost: FakeMattermost) -> None:
    first, second = await told(mattermost, a_parcel(), a_parcel())
    assert receipt_in(first) == receipt_in(second)
    assert len(mattermost.posts) == 1


async def test_a_lookup_that_fails_is_clear(mattermost: FakeMattermost) -> None:
    mattermost.script.always(lambda request: Close())
    outcome = await outcome_from(mattermost)
    assert isinstance(outcome, Later)
    assert not outcome.unclear


@pytest.mark.parametrize(("before", "unclear"), [(0, False), (2, True)])
async def test_a_silence_is_unclear_only_once_the_post_was_sent(
    mattermost: FakeMattermost, before: int, unclear: bool
) -> None:
    mattermost.script.next(*[Normal()] * before, Hang())
    outcome = await outcome_from(mattermost, timeout=0.3)
    mattermost.let_go()
    assert isinstance(outcome, Later)
    assert outcome.unclear is unclear


# --- refusals -------------------------------------------------------------------------------------------


async def test_a_renamed_channel_is_looked_up_again(mattermost: FakeMattermost) -> None:
    async with a_bot(mattermost) as bot:
        await bot.deliver(a_parcel())
        mattermost.town.change_channel("monitoring", new_name="old", private=True)
        mattermost.town.add_channel("monitoring")
        assert isinstance(await bot.deliver(a_parcel(id="d2")), Delivered)
    assert [post.channel for post in mattermost.posts] == ["monitoring", "monitoring"]


async def test_a_bot_that_moved_to_another_team_finds_its_channels_there(mattermost: FakeMattermost) -> None:
    async with a_bot(mattermost) as bot:
        mattermost.script.next(Answer(200, '[{"id": "aformerteamaformerteamafor"}]'))
        assert isinstance(await bot.deliver(a_parcel()), Refused)
        assert isinstance(await bot.deliver(a_parcel(id="d2")), Delivered)


async def test_a_channel_that_is_nowhere_is_refused_with_its_name(mattermost: FakeMattermost) -> None:
    outcome = await outcome_from(mattermost, channel="nowhere", team="operations")
    assert isinstance(outcome, Refused)
    assert 'no channel "nowhere" in team "operations"' in outcome.reason
    assert (outcome.plainer, outcome.destination_gone) == (None, False)


@pytest.mark.parametrize("trouble", ["missing", "private", "archived"])
async def test_a_channel_that_is_closed_falls_back(mattermost: FakeMattermost, trouble: str) -> None:
    channel = mattermost.town.add_channel("cdi")
    async with a_bot(mattermost, fallback_channel="town-square") as bot:
        parcel = a_parcel(overrides={"channel": channel.id if trouble == "archived" else "cdi"})
        change = {"missing": {"new_name": "x"}, "private": {"private": True}, "archived": {"archived": True}}
        mattermost.town.change_channel("cdi", **change[trouble])
        refused = await bot.deliver(parcel)
        assert isinstance(refused, Refused)
        assert refused.plainer == "other-channel"
        assert isinstance(await bot.deliver(replace(parcel, form="other-channel")), Delivered)
    assert mattermost.posts[0].channel == "town-square"
    assert mattermost.posts[0].text.startswith("_(meant for ")


async def test_without_a_fall_back_channel_it_is_refused_for_good(mattermost: FakeMattermost) -> None:
    mattermost.town.change_channel("monitoring", private=True)
    outcome = await outcome_from(mattermost)
    assert isinstance(outcome, Refused)
    assert outcome.plainer is None


async def test_a_token_that_is_not_accepted_means_that_nothing_can_arrive(mattermost: FakeMattermost) -> None:
    outcome = await outcome_from(mattermost, token=Secret("abcdefghijklmnopqrstuvwxyz"))
    assert isinstance(outcome, Later)
    assert outcome.misconfigured
    assert "abcdefghijklmnopqrstuvwxyz" not in outcome.reason


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        (Settings(post_priority=False), "urgent"),
        (Settings(), {"priority": "urgent", "requested_ack": True}),
        (Settings(), {"priority": "nonsense"}),
    ],
)
async def test_a_refused_priority_is_tried_without_it(
    mattermost: FakeMattermost, settings: Settings, asked: Any
) -> None:
    mattermost.settings = settings
    urgent = a_parcel(overrides={"priority": asked})
    refused = await outcome_from(mattermost, urgent)
    assert isinstance(refused, Refused)
    assert refused.plainer == "without-priority"
    assert isinstance(await outcome_from(mattermost, replace(urgent, form="without-priority")), Delivered)


async def test_a_thread_that_is_gone_is_tried_without_it(mattermost: FakeMattermost) -> None:
    reply = a_parcel(overrides={"thread": "a" * 26})
    refused = await outcome_from(mattermost, reply)
    assert isinstance(refused, Refused)
    assert refused.plainer == "without-thread"
    assert isinstance(await outcome_from(mattermost, replace(reply, form="without-thread")), Delivered)


async def test_details_that_are_too_much_for_the_server_are_told_in_the_text(mattermost: FakeMattermost) -> None:
    mattermost.settings = Settings(version=(5, 37))
    large = a_parcel(fields=tuple(Field(f"f{n}", f"{n}" * 1_000) for n in range(9)), footer="since noon")
    refused = await outcome_from(mattermost, large)
    assert isinstance(refused, Refused)
    assert refused.plainer == "small"
    assert isinstance(await outcome_from(mattermost, replace(large, form="small")), Delivered)
    (post,) = mattermost.posts
    assert all(f"**f{n}**: {n}{n}" in post.text for n in range(9))
    assert post.attachments[0]["footer"] == "since noon"


async def test_a_card_that_is_too_much_for_the_server_is_cut(mattermost: FakeMattermost) -> None:
    mattermost.settings = Settings(version=(5, 37))
    large = a_parcel(overrides={"card": "<" * 9_000}, fields=(Field("a", "b"),))
    assert (await outcome_from(mattermost, large)).plainer == "small"  # type: ignore[union-attr]
    assert isinstance(await outcome_from(mattermost, replace(large, form="small")), Delivered)
    assert "**a**: b" in mattermost.posts[0].text


async def test_a_coloured_text_too_long_for_an_attachment_stands_above_it_whole(mattermost: FakeMattermost) -> None:
    mattermost.settings = Settings(version=(5, 37))
    assert isinstance(await outcome_from(mattermost, a_parcel(text="x" * 12_000, color="#ff0000")), Delivered)
    assert [post.text for post in mattermost.posts] == ["x" * 12_000]


async def test_a_plainer_form_is_small_enough_for_every_server(mattermost: FakeMattermost) -> None:
    mattermost.settings = Settings(version=(5, 37))
    large = a_parcel(fields=tuple(Field(f"f{n}", "y" * 1_000) for n in range(9)), form="other-channel")
    assert isinstance(await outcome_from(mattermost, large, fallback_channel="town-square"), Delivered)
    assert mattermost.posts[0].channel == "town-square"


async def test_a_nul_is_left_out_wherever_it_stands(mattermost: FakeMattermost) -> None:
    parcel = a_parcel(text="disk\0 full", fields=(Field("a\0", "b\0"),), key="k\0")
    assert isinstance(await outcome_from(mattermost, parcel), Delivered)
    assert "\0" not in repr(mattermost.posts[0].text) + json.dumps(mattermost.attempts[-1].request.json())


async def test_a_reply_that_is_refused_does_not_hold_up_the_edit(mattermost: FakeMattermost) -> None:
    receipt = receipt_in(await outcome_from(mattermost, of_incident("firing")))
    mattermost.script.next(Normal(), Answer(403, ERROR.format("api.context.permissions.app_error")))
    end = of_incident("resolved", 5, text="fine", earlier=receipt)
    refused = await outcome_from(mattermost, end, history="thread")
    assert isinstance(refused, Refused)
    assert refused.plainer == "without-history"
    assert isinstance(await outcome_from(mattermost, replace(end, form="without-history"), history="thread"), Delivered)


async def test_a_web_page_in_place_of_an_answer_is_not_delivered(mattermost: FakeMattermost) -> None:
    mattermost.script.next(Normal(), Normal(), Answer(200, "<html>please log in</html>"))
    outcome = await outcome_from(mattermost)
    assert isinstance(outcome, Later)
    assert "please log in" in outcome.reason


async def test_a_bot_in_several_teams_is_asked_to_name_one(mattermost: FakeMattermost) -> None:
    mattermost.script.next(Answer(200, '[{"id": "a"}, {"id": "b"}]'))
    outcome = await outcome_from(mattermost)
    assert isinstance(outcome, Refused)
    assert "the bot is in 2 teams" in outcome.reason


# --- asking and showing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["monitoring", "@alice"])
async def test_a_probe_asks_for_bot_and_channel_and_changes_nothing(mattermost: FakeMattermost, channel: str) -> None:
    async with a_bot(mattermost, channel=channel) as bot:
        assert await bot.probe() == Delivered()
    assert {each.request.method for each in mattermost.attempts} == {"GET"}


async def test_a_probe_says_what_is_wrong(mattermost: FakeMattermost) -> None:
    for config, word in [({"channel": "nowhere"}, "nowhere"), ({"token": Secret("no-such-token")}, "token")]:
        async with a_bot(mattermost, **config) as bot:
            outcome = await bot.probe()
        assert isinstance(outcome, Later if "token" in config else Refused)
        assert word in outcome.reason


async def test_a_preview_is_what_is_sent_once_the_channel_is_known(mattermost: FakeMattermost) -> None:
    parcel = a_parcel(title="T", fields=(Field("a", "b"),), overrides={"silent": True})
    async with a_bot(mattermost) as bot:
        assert bot.preview(parcel).body["channel_id"] == "monitoring"
        await bot.deliver(parcel)
        preview = bot.preview(parcel)
    sent = mattermost.attempts[-1].request
    assert sent.json() == preview.body
    assert preview.target == f"{mattermost.base_url}{sent.path}?{sent.query}"
    assert mattermost.bot_token not in repr(preview)


async def test_a_preview_of_an_edit_is_what_is_sent(mattermost: FakeMattermost) -> None:
    async with a_bot(mattermost) as bot:
        end = of_incident("resolved", 5, earlier=receipt_in(await bot.deliver(of_incident("firing"))))
        preview = bot.preview(end)
        await bot.deliver(end)
    sent = mattermost.attempts[-1].request
    assert (preview.target, preview.body) == (f"{mattermost.base_url}{sent.path}", sent.json())


def test_an_address_that_is_none_is_refused_at_load() -> None:
    for url in ("chat.example.org", "ftp://chat.example.org", "https://", "http://[x"):
        with pytest.raises(ValidationError, match="URL"):
            MattermostBotConfig(url=url, token=Secret("t"), channel="c")


# --- what a real server says of channels -------------------------------------------------------------------


@pytest.mark.parametrize("version", [(5, 37), (11, 10)])
@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ("not joined", "invite it there, /invite @ams-bridge"),
        ("left", "invite it there"),
        ("private", "no channel"),
        ("archived", "archived"),
        ("missing", "no channel"),
    ],
)
async def test_a_probe_knows_a_channel_in_which_the_bot_cannot_post(
    mattermost: FakeMattermost, version: tuple[int, int], trouble: str, says: str
) -> None:
    mattermost.settings = Settings(version=version)
    asked = "nowhere"
    if trouble != "missing":
        members = ["alice"] if trouble in ("not joined", "private") else ["alice", "ams-bridge"]
        channel = mattermost.town.add_channel("cdi", private=trouble == "private", members=members)
        asked = channel.id if trouble == "archived" else "cdi"
        if trouble == "left":
            mattermost.town.leave(channel.id, "ams-bridge")
        if trouble == "archived":
            mattermost.town.change_channel("cdi", archived=True)
    for config in ({"channel": asked}, {"channel": "monitoring", "fallback_channel": asked}):
        async with a_bot(mattermost, **config) as bot:
            outcome = await bot.probe()
        assert isinstance(outcome, Refused)
        assert says in outcome.reason
        assert ("the fallback_channel" in outcome.reason) is ("fallback_channel" in config)
    assert {each.request.method for each in mattermost.attempts} == {"GET"}


async def test_a_bot_that_may_post_everywhere_needs_no_place_in_an_open_channel(mattermost: FakeMattermost) -> None:
    channel = mattermost.town.add_channel("cdi", members=["alice"])
    me = {"id": "b" * 26, "username": "ams-bridge", "roles": "system_user system_post_all_public"}
    mattermost.script.next(Answer(200, json.dumps(me)))
    async with a_bot(mattermost, channel=channel.id) as bot:
        assert await bot.probe() == Delivered()


async def test_an_open_channel_that_the_bot_has_not_joined_is_refused_with_what_to_do(
    mattermost: FakeMattermost,
) -> None:
    mattermost.town.add_channel("cdi", members=["alice"])
    outcome = await outcome_from(mattermost, channel="cdi")
    assert isinstance(outcome, Refused)
    assert "/invite" in outcome.reason
    assert (outcome.plainer, outcome.destination_gone) == (None, False)


async def test_a_person_is_found_whatever_the_case_of_the_name(mattermost: FakeMattermost) -> None:
    assert isinstance(await outcome_from(mattermost, channel="@Alice"), Delivered)


@pytest.mark.parametrize("fallback", ["", "town-square"])
@pytest.mark.parametrize("version", [(5, 37), (11, 10)])
async def test_the_end_of_what_was_told_in_a_channel_that_is_archived_by_now_is_told_elsewhere(
    mattermost: FakeMattermost, version: tuple[int, int], fallback: str
) -> None:
    mattermost.settings = Settings(version=version)
    receipt = receipt_in(await outcome_from(mattermost, of_incident("firing"), fallback_channel=fallback))
    mattermost.town.change_channel("monitoring", archived=True)
    end = of_incident("resolved", 5, text="fine", earlier=receipt)
    refused = await outcome_from(mattermost, end, fallback_channel=fallback)
    assert isinstance(refused, Refused)
    assert refused.plainer == ("other-channel" if fallback else None)
    if fallback:
        outcome = await outcome_from(mattermost, replace(end, form="other-channel"), fallback_channel=fallback)
        assert isinstance(outcome, Delivered)
        assert mattermost.posts[-1].channel == "town-square"


async def test_a_post_that_moved_on_to_another_channel_is_followed_there(mattermost: FakeMattermost) -> None:
    receipt = receipt_in(await outcome_from(mattermost, of_incident("firing")))
    mattermost.town.change_channel("monitoring", archived=True)
    end = of_incident("resolved", 5, text="fine", earlier=receipt)
    assert isinstance(await outcome_from(mattermost, end, channel="town-square"), Delivered)


async def test_long_posts_are_made_changed_and_found_again(mattermost: FakeMattermost) -> None:
    mattermost.settings = Settings(version=(5, 37))
    news = of_incident("firing", text="x" * 5_000), of_incident("resolved", 5, text="y" * 5_000)
    outcomes = await told(mattermost, *news)
    assert all(isinstance(each, Delivered) for each in outcomes)
    again = await outcome_from(mattermost, replace(news[1], maybe_there=True))
    assert isinstance(again, Delivered)
    assert [post.text for post in mattermost.posts] == ["y" * 5_000]
