"""The Mattermost webhook destination against the stand-in server, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from bridge.core.secret import Secret
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Refused
from bridge.destinations.kit.http_client import make_client
from bridge.destinations.mattermost.attachment import MAX_TEXT_RUNES
from bridge.destinations.mattermost.webhook import Mattermost, MattermostConfig, draw
from bridge.fakes.mattermost import FakeMattermost, RateLimit, Settings
from bridge.fakes.trouble import Answer, Close, Hang
from broker.clock import ManualClock, SystemClock
from rules.model import Field, Post


def a_parcel(*, form: str = "", part: int = 0, **post: Any) -> Parcel:
    return Parcel(
        id="d1", post=Post(**{"text": "disk full"} | post), phase="message", order_key="k", form=form, part=part
    )


def a_config(url: str, **changed: Any) -> MattermostConfig:
    return MattermostConfig(url=Secret(url), **{"timeout": 2.0} | changed)


@asynccontextmanager
async def a_destination(url: str, **changed: Any) -> AsyncIterator[Mattermost]:
    client = make_client(connections=4, timeout_s=changed.get("timeout", 2.0))
    destination = Mattermost("monitoring", a_config(url, **changed), client, SystemClock())
    try:
        yield destination
    finally:
        await destination.close()


async def outcome_from(mattermost: FakeMattermost, parcel: Parcel | None = None, **changed: Any) -> Outcome:
    async with a_destination(changed.pop("url", mattermost.hook_url), **changed) as destination:
        return await destination.deliver(parcel or a_parcel())


async def test_an_accepted_post_is_delivered_without_a_receipt(mattermost: FakeMattermost) -> None:
    assert await outcome_from(mattermost) == Delivered()
    assert [post.text for post in mattermost.posts] == ["disk full"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (301, Refused),
        (302, Refused),
        (307, Refused),
        (400, Refused),
        (401, Refused),
        (403, Refused),
        (404, Refused),
        (405, Refused),
        (408, Later),
        (409, Refused),
        (410, Refused),
        (413, Refused),
        (422, Refused),
        (425, Later),
        (429, Later),
        (500, Later),
        (501, Later),
        (502, Later),
        (503, Later),
        (504, Later),
        (520, Later),
    ],
)
async def test_every_status_has_its_outcome(mattermost: FakeMattermost, status: int, expected: type[Outcome]) -> None:
    mattermost.script.next(Answer(status, "no", {"Location": f"{mattermost.base_url}/elsewhere"}))
    outcome = await outcome_from(mattermost)
    assert type(outcome) is expected
    assert isinstance(outcome, (Later, Refused))
    assert str(status) in outcome.reason
    assert mattermost.posts == []


async def test_a_200_that_is_not_ok_is_a_proxys_page_and_not_delivered(mattermost: FakeMattermost) -> None:
    mattermost.script.next(Answer(200, "<html>please log in</html>"))
    outcome = await outcome_from(mattermost)
    assert isinstance(outcome, Later)
    assert "please log in" in outcome.reason
    assert not outcome.unclear


async def test_a_redirect_is_not_followed(mattermost: FakeMattermost) -> None:
    mattermost.script.next(Answer(302, "", {"Location": mattermost.hook_url}))
    assert isinstance(await outcome_from(mattermost), Refused)
    assert len(mattermost.attempts) == 1


async def test_retry_after_in_seconds_is_passed_on(mattermost: FakeMattermost) -> None:
    mattermost.script.next(Answer(429, "limit exceeded", {"Retry-After": "7"}))
    outcome = await outcome_from(mattermost)
    assert isinstance(outcome, Later)
    assert (outcome.after_s, outcome.throttled, outcome.unclear) == (7.0, True, False)


async def test_retry_after_as_a_date_counts_from_now(mattermost: FakeMattermost) -> None:
    mattermost.script.next(Answer(503, "", {"Retry-After": "Thu, 01 Jan 2026 00:02:00 GMT"}))
    client = make_client(connections=1, timeout_s=2.0)
    destination = Mattermost("m", a_config(mattermost.hook_url), client, ManualClock(1_767_225_600_000_000))
    outcome = await destination.deliver(a_parcel())
    await destination.close()
    assert isinstance(outcome, Later)
    assert outcome.after_s == 120.0


async def test_the_servers_own_rate_limit_is_read(mattermost: FakeMattermost) -> None:
    mattermost.settings = Settings(rate_limit=RateLimit(per_s=0.5, burst=1))
    async with a_destination(mattermost.hook_url) as destination:
        first, *rest = [await destination.deliver(a_parcel()) for _ in range(4)]
    assert isinstance(first, Delivered)
    assert first.pace is not None
    limited = rest[-1]
    assert isinstance(limited, Later)
    assert limited.throttled
    assert limited.after_s is not None


async def test_hooks_switched_off_wait_long(mattermost: FakeMattermost) -> None:
    mattermost.settings = Settings(hooks_enabled=False)
    outcome = await outcome_from(mattermost)
    assert isinstance(outcome, Later)
    assert (outcome.after_s or 0) >= 60


async def test_no_connection_is_clear(mattermost: FakeMattermost) -> None:
    outcome = await outcome_from(mattermost, url="http://127.0.0.1:9/hooks/abcdefghijklmnopqrstuvwxyz")
    assert isinstance(outcome, Later)
    assert not outcome.unclear
    assert "abcdefghijklmnopqrstuvwxyz" not in outcome.reason


async def test_an_unknown_host_is_clear(mattermost: FakeMattermost) -> None:
    outcome = await outcome_from(mattermost, url="http://no-such-host.invalid/hooks/x")
    assert isinstance(outcome, Later)
    assert not outcome.unclear


@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_lost_after_the_body_is_unclear(mattermost: FakeMattermost, reset: bool) -> None:
    mattermost.script.next(Close(at="after_accepting", reset=reset))
    outcome = await outcome_from(mattermost)
    assert isinstance(outcome, Later)
    assert outcome.unclear
    assert len(mattermost.posts) == 1


async def test_no_answer_in_time_is_unclear(mattermost: FakeMattermost) -> None:
    hang = Hang()
    mattermost.script.next(hang)
    outcome = await outcome_from(mattermost, timeout=0.2)
    hang.release()
    assert isinstance(outcome, Later)
    assert outcome.unclear


async def test_tls_to_a_port_without_tls_is_clear(mattermost: FakeMattermost) -> None:
    outcome = await outcome_from(mattermost, url=mattermost.hook_url.replace("http://", "https://"))
    assert isinstance(outcome, Later)
    assert not outcome.unclear


@pytest.mark.parametrize("style", ["specific", "wrapped"])
async def test_a_deleted_hook_is_refused_and_its_id_never_shows(mattermost: FakeMattermost, style: Any) -> None:
    mattermost.settings = Settings(error_style=style)
    dead = mattermost.base_url + "/hooks/abcdefghijklmnopqrstuvwxyz"
    outcome = await outcome_from(mattermost, url=dead)
    assert isinstance(outcome, Refused)
    assert outcome.destination_gone
    assert "abcdefghijklmnopqrstuvwxyz" not in outcome.reason


async def test_410_says_that_the_destination_is_gone(mattermost: FakeMattermost) -> None:
    mattermost.script.next(Answer(410, "gone"))
    outcome = await outcome_from(mattermost)
    assert isinstance(outcome, Refused)
    assert outcome.destination_gone


async def test_a_refused_priority_is_tried_without_it(mattermost: FakeMattermost) -> None:
    mattermost.settings = Settings(post_priority=False)
    urgent = a_parcel(overrides={"priority": "urgent"})
    outcome = await outcome_from(mattermost, urgent)
    assert isinstance(outcome, Refused)
    assert outcome.plainer == "without-priority"
    assert await outcome_from(mattermost, replace(urgent, form="without-priority")) == Delivered()


async def test_a_channel_closed_to_the_hook_falls_back_to_the_hooks_own(mattermost: FakeMattermost) -> None:
    elsewhere = a_parcel(overrides={"channel": "no-such-channel"})
    outcome = await outcome_from(mattermost, elsewhere)
    assert isinstance(outcome, Refused)
    assert outcome.plainer == "other-channel"
    assert await outcome_from(mattermost, replace(elsewhere, form="other-channel")) == Delivered()
    assert mattermost.posts[0].text == "_(meant for no-such-channel)_\ndisk full"


async def test_a_channel_without_fall_back_is_refused_for_good(mattermost: FakeMattermost) -> None:
    outcome = await outcome_from(
        mattermost, a_parcel(overrides={"channel": "no-such-channel"}), fallback_channel="none"
    )
    assert isinstance(outcome, Refused)
    assert outcome.plainer is None


@pytest.mark.parametrize("card", ["", "<" * 9_000])
async def test_details_that_are_too_much_for_the_server_are_told_in_the_text(
    mattermost: FakeMattermost, card: str
) -> None:
    mattermost.settings = Settings(version=(5, 37))
    fields = tuple(Field(f"f{n}", f"{n}" * 1_000) for n in range(9))
    large = a_parcel(fields=fields, footer="since noon", overrides={"card": card})
    refused = await outcome_from(mattermost, large)
    assert isinstance(refused, Refused)
    assert refused.plainer == "small"
    assert await outcome_from(mattermost, replace(large, form="small")) == Delivered()
    (post,) = mattermost.posts
    assert all(f"**f{n}**: {n}{n}" in post.text for n in range(9))
    assert post.attachments[0]["footer"] == "since noon"
    assert bool(post.props.get("card")) is bool(card)


@pytest.mark.parametrize("text", ["x" * 12_000, "<" * 2_000])
async def test_a_coloured_text_too_long_for_an_attachment_stands_above_it_whole(
    mattermost: FakeMattermost, text: str
) -> None:
    mattermost.settings = Settings(version=(5, 37))
    assert await outcome_from(mattermost, a_parcel(text=text, color="#ff0000")) == Delivered()
    assert [post.text for post in mattermost.posts] == [text]
    assert await outcome_from(mattermost, a_parcel(text="short", color="#ff0000")) == Delivered()
    assert mattermost.posts[-1].attachments[0]["text"] == "short"


async def test_a_plainer_form_is_small_enough_for_every_server(mattermost: FakeMattermost) -> None:
    mattermost.settings = Settings(version=(5, 37))
    fields = tuple(Field(f"f{n}", "y" * 1_000) for n in range(9))
    assert await outcome_from(mattermost, a_parcel(fields=fields, form="other-channel")) == Delivered()


@pytest.mark.parametrize("style", ["specific", "wrapped"])
async def test_a_nul_is_left_out_wherever_it_stands(mattermost: FakeMattermost, style: Any) -> None:
    mattermost.settings = Settings(error_style=style)
    parcel = a_parcel(text="disk\0 full", title="a\0", fields=(Field("a\0", "b\0"),))
    assert await outcome_from(mattermost, parcel) == Delivered()


async def test_a_request_too_large_is_cut(mattermost: FakeMattermost) -> None:
    mattermost.settings = Settings(max_payload_bytes=20_000)
    big = a_parcel(text="x" * 15_000, fields=tuple(Field("f", "y" * 1000) for _ in range(10)))
    outcome = await outcome_from(mattermost, big)
    assert isinstance(outcome, Refused)
    assert outcome.plainer == "cut"
    assert await outcome_from(mattermost, replace(big, form="cut")) == Delivered()


async def test_a_plainer_form_that_is_refused_too_has_no_plainer_one(mattermost: FakeMattermost) -> None:
    mattermost.script.next(Answer(400, "no"))
    outcome = await outcome_from(mattermost, a_parcel(form="without-priority", overrides={"priority": "urgent"}))
    assert isinstance(outcome, Refused)
    assert outcome.plainer is None


async def test_one_post_stays_one_post_at_the_size_limit(mattermost: FakeMattermost) -> None:
    longest = a_parcel(text="ä" * 15_500, title="T" * 200, url="https://example.org/" + "p" * 500, mention="@oncall")
    assert await outcome_from(mattermost, longest) == Delivered()
    assert len(mattermost.posts) == 1


async def test_switched_off_overrides_are_ignored_in_silence(mattermost: FakeMattermost) -> None:
    assert await outcome_from(mattermost, username="bot argo", icon_emoji="bell") == Delivered()


async def test_a_probe_posts_nothing(mattermost: FakeMattermost) -> None:
    async with a_destination(mattermost.hook_url) as destination:
        assert await destination.probe() == Delivered()
    assert mattermost.posts == []


async def test_a_probe_of_a_hook_that_the_server_calls_invalid_says_so(mattermost: FakeMattermost) -> None:
    mattermost.script.next(
        Answer(400, '{"id": "web.incoming_webhook.invalid.app_error", "message": "Invalid webhook."}')
    )
    async with a_destination(mattermost.hook_url) as destination:
        outcome = await destination.probe()
    assert isinstance(outcome, Refused)
    assert outcome.destination_gone


async def test_a_preview_shows_the_body_and_hides_the_hook(mattermost: FakeMattermost) -> None:
    async with a_destination(mattermost.hook_url) as destination:
        preview = destination.preview(a_parcel())
    assert preview.body == {"text": "disk full"}
    assert mattermost.hook.id not in preview.target


async def test_many_at_once_all_arrive(mattermost: FakeMattermost) -> None:
    async with a_destination(mattermost.hook_url, concurrency=8) as destination:
        outcomes = await asyncio.gather(*(destination.deliver(a_parcel(text=f"n{n}")) for n in range(50)))
    assert set(outcomes) == {Delivered()}
    assert {post.text for post in mattermost.posts} == {f"n{n}" for n in range(50)}


def drawn(config: dict[str, Any] | None = None, **post: Any) -> dict[str, Any]:
    return draw(a_parcel(**post), a_config("https://mm.example.org/hooks/x", **(config or {})))


def test_the_settings_channel_and_name_are_used() -> None:
    assert drawn({"channel": "#ops", "username": "bot argo"}) == {
        "text": "disk full",
        "channel": "ops",
        "username": "bot argo",
    }


def test_a_send_may_override_them() -> None:
    body = drawn({"channel": "ops", "username": "bot"}, overrides={"channel": "cdi", "username": "argo"})
    assert (body["channel"], body["username"]) == ("cdi", "argo")


def test_a_title_stands_in_the_text_with_its_link() -> None:
    body = drawn(title="SITE-A", url="https://ui/x (1)")
    assert body == {"text": "**[SITE-A](https://ui/x%20(1%29)**\ndisk full"}


def test_fields_and_footer_stand_in_one_attachment() -> None:
    body = drawn(fields=(Field("vo", "ops"),), footer="argo", severity="critical")
    assert body["text"] == "disk full"
    assert body["attachments"] == [
        {
            "fields": [{"title": "vo", "value": "ops", "short": True}],
            "footer": "argo",
            "fallback": "disk full",
            "color": "#d24b4e",
        }
    ]


def test_a_colour_alone_colours_the_text() -> None:
    body = drawn(color="#ff0000", title="T")
    assert body["attachments"] == [{"text": "disk full", "fallback": "T", "color": "#ff0000"}]
    assert body["text"] == "**T**"


def test_a_text_over_the_servers_limit_is_cut_by_us() -> None:
    assert len(drawn(text="x" * 20_000)["text"]) == MAX_TEXT_RUNES


def test_priority_rides_on_the_first_part_only() -> None:
    assert drawn(overrides={"priority": "urgent"})["priority"] == {"priority": "urgent"}
    assert "priority" not in drawn(part=1, overrides={"priority": "urgent"})
    assert "priority" not in drawn(overrides={"priority": "standard"})


# --- as a stranger reads destinations.md 2.1-2.4 --------------------------------------------------------


def test_a_code_block_that_is_cut_is_closed_before_what_people_did() -> None:
    body = draw(a_parcel(text="```\n" + "x\n" * 9_000), a_config("https://mm/hooks/x"), (), ["Taken by alice"])
    assert len(body["text"]) <= MAX_TEXT_RUNES
    assert body["text"].endswith("\n```\n…\n_Taken by alice_")


@pytest.mark.parametrize("last", ["| a | b |", "a | b", "- one", "> said", "1. one", "* one"])
def test_what_people_did_is_not_drawn_into_a_list_a_quote_or_a_table(last: str) -> None:
    body = draw(a_parcel(text=f"web1\n{last}"), a_config("https://mm/hooks/x"), (), ["Taken by alice"])
    assert body["text"] == f"web1\n{last}\n\n_Taken by alice_"


async def test_a_request_that_no_server_takes_is_not_sent_but_its_text(mattermost: FakeMattermost) -> None:
    large = a_parcel(fields=tuple(Field(f"f{n}", "😀" * 2_000) for n in range(50)))
    assert await outcome_from(mattermost, large) == Delivered()
    assert len(mattermost.attempts[-1].request.body) < 300_000
    assert (mattermost.posts[0].text, mattermost.posts[0].attachments) == ("disk full", ())
    async with a_destination(mattermost.hook_url) as destination:
        assert any("cut to its text" in remark for remark in destination.preview(large).remarks)


async def test_a_request_too_large_for_one_channel_still_falls_back_to_the_other(mattermost: FakeMattermost) -> None:
    fields = tuple(Field(f"f{n}", "😀" * 2_000) for n in range(50))
    large = a_parcel(fields=fields, overrides={"channel": "nowhere"}, form="other-channel")
    assert await outcome_from(mattermost, large) == Delivered()
    assert (mattermost.posts[0].channel, mattermost.posts[0].attachments) == ("monitoring", ())


@pytest.mark.parametrize("style", ["specific", "wrapped"])
@pytest.mark.parametrize("trouble", ["archived", "private", "maker gone"])
async def test_a_hook_whose_own_channel_is_shut_is_a_destination_that_is_gone(
    mattermost: FakeMattermost, style: Any, trouble: str
) -> None:
    mattermost.settings = Settings(error_style=style)
    if trouble == "maker gone":
        mattermost.town.remove_user("hook-owner")
    else:
        mattermost.town.change_channel("monitoring", archived=trouble == "archived", private=trouble == "private")
    outcome = await outcome_from(mattermost)
    assert isinstance(outcome, Refused)
    assert (outcome.destination_gone, outcome.plainer) == (True, None)
    assert mattermost.hook.id not in outcome.reason


async def test_a_proxy_that_forbids_one_text_does_not_mean_that_the_hook_is_gone(mattermost: FakeMattermost) -> None:
    mattermost.script.next(Answer(403, "<html>blocked by policy</html>"))
    outcome = await outcome_from(mattermost)
    assert isinstance(outcome, Refused)
    assert not outcome.destination_gone


@pytest.mark.parametrize("style", ["specific", "wrapped"])
async def test_a_hook_locked_to_its_channel_posts_there(mattermost: FakeMattermost, style: Any) -> None:
    mattermost.settings = Settings(error_style=style)
    hook = mattermost.town.add_hook("monitoring", locked=True)
    url = f"{mattermost.base_url}/hooks/{hook.id}"
    elsewhere = a_parcel(overrides={"channel": "town-square"})
    refused = await outcome_from(mattermost, elsewhere, url=url)
    assert isinstance(refused, Refused)
    assert (refused.plainer, refused.destination_gone) == ("other-channel", False)
    assert await outcome_from(mattermost, replace(elsewhere, form="other-channel"), url=url) == Delivered()


@pytest.mark.parametrize("style", ["specific", "wrapped"])
@pytest.mark.parametrize(
    "asked",
    [
        "urgent",
        {"priority": "urgent", "requested_ack": True},
        {"priority": "important", "persistent_notifications": True},
        {"priority": "nonsense"},
    ],
)
async def test_a_priority_that_is_not_had_is_left_out_whatever_the_server_calls_it(
    mattermost: FakeMattermost, style: Any, asked: Any
) -> None:
    mattermost.settings = Settings(error_style=style, post_priority=False)
    parcel = a_parcel(overrides={"priority": asked})
    refused = await outcome_from(mattermost, parcel)
    assert isinstance(refused, Refused)
    assert refused.plainer == "without-priority"
    assert await outcome_from(mattermost, replace(parcel, form="without-priority")) == Delivered()


@pytest.mark.parametrize("style", ["specific", "wrapped"])
async def test_an_unknown_person_is_a_dead_end_for_that_route_alone(mattermost: FakeMattermost, style: Any) -> None:
    mattermost.settings = Settings(error_style=style)
    outcome = await outcome_from(mattermost, a_parcel(overrides={"channel": "@nobody"}))
    assert isinstance(outcome, Refused)
    assert not outcome.destination_gone


@pytest.mark.parametrize("runes", [15_499, 15_500])
async def test_the_longest_text_that_rules_make_is_one_post(mattermost: FakeMattermost, runes: int) -> None:
    assert await outcome_from(mattermost, a_parcel(text="😀" * runes)) == Delivered()
    assert [len(post.text) for post in mattermost.posts] == [runes]


async def test_the_hook_shows_in_no_reason_whatever_repeats_it(mattermost: FakeMattermost) -> None:
    hook = mattermost.hook.id
    bodies = [f"no hook {hook}", f'{{"id": "x", "detailed_error": "/hooks/{hook}"}}', f"%2Fhooks%2F{hook}", hook * 9]
    for status in (400, 403, 404, 410, 429, 500, 501, 200):
        for body in bodies:
            mattermost.script.next(Answer(status, body))
            outcome = await outcome_from(mattermost)
            assert not isinstance(outcome, Delivered)
            assert hook not in repr(outcome)


async def probed(server: FakeMattermost, **config: Any) -> Outcome:
    """What a probe says, having posted nothing and made no direct channel's post."""
    async with a_destination(server.hook_url, **config) as destination:
        outcome = await destination.probe()
    assert server.posts == []
    return outcome


@pytest.mark.parametrize("version", [(5, 37), (11, 10)])
@pytest.mark.parametrize("config", [{}, {"channel": "town-square"}, {"channel": "@alice"}])
async def test_a_probe_of_a_hook_that_can_deliver_says_so(
    mattermost: FakeMattermost, version: tuple[int, int], config: dict[str, str]
) -> None:
    mattermost.settings = Settings(version=version)
    assert await probed(mattermost, **config) == Delivered()


@pytest.mark.parametrize("version", [(5, 37), (11, 10)])
@pytest.mark.parametrize("channel", ["", "town-square"])
async def test_a_probe_knows_a_hook_that_is_gone(
    mattermost: FakeMattermost, version: tuple[int, int], channel: str
) -> None:
    mattermost.settings = Settings(version=version)
    mattermost.town.delete_hook(mattermost.hook.id)
    outcome = await probed(mattermost, channel=channel)
    assert isinstance(outcome, Refused)
    assert outcome.destination_gone


@pytest.mark.parametrize("version", [(5, 37), (11, 10)])
@pytest.mark.parametrize("trouble", ["missing", "closed", "archived"])
async def test_a_probe_knows_a_channel_that_takes_no_posts(
    mattermost: FakeMattermost, version: tuple[int, int], trouble: str
) -> None:
    mattermost.settings = Settings(version=version)
    if trouble != "missing":
        mattermost.town.add_channel("cdi", private=trouble == "closed")
        mattermost.town.change_channel("cdi", archived=trouble == "archived")
    for config in ({"channel": "cdi"}, {"channel": "monitoring", "fallback_channel": "cdi"}):
        assert isinstance(await probed(mattermost, **config), Refused)


async def test_a_probe_knows_a_person_that_is_not_there_and_a_hook_tied_to_its_channel(
    mattermost: FakeMattermost,
) -> None:
    mattermost.settings = Settings(version=(5, 37))
    unknown = await probed(mattermost, channel="@nobody")
    assert isinstance(unknown, Refused)
    assert "find the user" in unknown.reason
    mattermost.hook = mattermost.town.add_hook("monitoring", locked=True)
    assert isinstance(await probed(mattermost, channel="town-square"), Refused)
    assert await probed(mattermost, channel="monitoring") == Delivered()


async def test_a_probe_of_hooks_that_are_switched_off_is_for_later(mattermost: FakeMattermost) -> None:
    mattermost.settings = Settings(hooks_enabled=False)
    assert isinstance(await probed(mattermost), Later)
