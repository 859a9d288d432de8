"""Canaries in a whole daemon: sent the way of every post, found by a bot, and told elsewhere when they are not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from bridge.canary.state import CanaryState
from bridge.core.posts import post_from_bytes
from bridge.fakes.mattermost import FakeMattermost, Post, Settings
from bridge.fakes.trouble import Answer, Close, Trouble, swallow
from broker.model import Delivery
from rules.model import Post as Told
from tests.line.stage import TOKEN, Stage, a_stage

RULES = """
topic: projects/P/topics/T
rules: [{name: all, match: {$.n: {exists: true}}, text: "{{ data.n }}", send: chat}]
"""
EVERY_S = 600.0


def settings(server: FakeMattermost, *, canary: bool = True, url: str = "") -> str:
    asked = ", canary: {every: 10m, within: 10s, read_by: bot, tell: board}" if canary else ""
    return (
        f"  chat: {{type: mattermost, url: '{url or server.hook_url}', rate: null, timeout: 5s{asked}}}\n"
        f"  bot: {{type: mattermost_bot, url: '{server.base_url}', token: {server.bot_token}, channel: monitoring}}\n"
        "  board: {type: inbox}\n"
    )


def of_the_bot(server: FakeMattermost) -> str:
    """A hook of the bot's own: it may delete what comes through it."""
    return f"{server.base_url}/hooks/{server.town.add_hook('monitoring', owner='ams-bridge').id}"


async def until(stage: Stage, holds: Callable[[CanaryState], bool], *, step_s: float = 0.02) -> CanaryState:
    """How the canary stands once ``holds`` is true of it.

    Between the steps a request gives real HTTP its time, and a call that changes nothing gives the disk its own.
    """
    for _ in range(5_000):
        for standing in stage.daemon.canaries.standings:
            if holds(standing):
                return standing
        await stage.http.get("/healthz")
        await stage.daemon.store.outbox.give_back([])  # behind all that is being written
        await stage.clock.advance(0.0 if stage.is_trying else step_s)
    raise AssertionError(f"this never came to be: {stage.daemon.canaries.standings}")


async def next_run(stage: Stage, holds: Callable[[CanaryState], bool], *, in_s: float = EVERY_S) -> CanaryState:
    for _ in range(round(in_s)):  # commit, lease and try may each take a step; a canary's own time is ten seconds
        await stage.let_pass(1.0)
    return await until(stage, holds)


async def told(stage: Stage) -> list[tuple[str, Told]]:
    """What the other destination was told: phase and post, once it is settled."""
    found = await stage.until(lambda all_: all(one.state != "waiting" for one in of_board(all_)))
    return [(one.new.phase, post_from_bytes(one.new.post)) for one in of_board(found)]


def of_board(found: object) -> list[Delivery]:
    assert isinstance(found, list)
    return [one for one in found if one.new.destination == "board"]


def at_hooks(trouble: Trouble) -> Callable[[object], Trouble | None]:
    return lambda request: trouble if getattr(request, "path", "").startswith("/hooks/") else None


def canaries(server: FakeMattermost) -> list[Post]:
    return [post for post in server.posts if "ams-bridge canary" in post.text]


async def test_a_canary_is_found_and_taken_away_and_nobody_is_told(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_stage(tmp_path, RULES, settings(mattermost, url=of_the_bot(mattermost)), store="memory") as stage:
        await until(stage, lambda one: one.verdict == "ok")
        while canaries(mattermost):
            await stage.http.get("/healthz")
        (post,) = mattermost.world.board.all()
        assert (post.silent, bool(post.delete_at_ms)) == (True, True)
        (sent,) = await stage.deliveries()
        assert (sent.state, sent.new.rule, sent.new.priority) == ("delivered", "(canary)", 3)
        assert sent.id in post.text
        await stage.check_books()


async def test_a_canary_goes_at_its_interval(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_stage(tmp_path, RULES, settings(mattermost), store="memory") as stage:
        await until(stage, lambda one: one.arrived == 1)
        await stage.clock.advance(EVERY_S - 120)
        assert len(await stage.deliveries()) == 1
        await next_run(stage, lambda one: one.arrived == 2, in_s=120)
        assert len(await stage.deliveries()) == 2


async def test_a_canary_that_the_bot_may_not_delete_stays_and_is_no_failure(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_stage(tmp_path, RULES, settings(mattermost), store="memory") as stage:
        await until(stage, lambda one: one.verdict == "ok")
        assert len(canaries(mattermost)) == 1


async def test_a_hook_that_drops_posts_in_silence_is_told_once_and_its_end_too(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    mattermost.script.always(at_hooks(swallow()))
    async with a_stage(tmp_path, RULES, settings(mattermost), store="memory") as stage:
        standing = await until(stage, lambda one: one.verdict == "failed")
        assert standing.reason == "the service said that it took it, and it is not there"
        await next_run(stage, lambda one: one.failed == 2)
        (first,) = await told(stage)
        assert first[0] == "firing"
        assert first[1].title == "chat: posts do not arrive"
        assert standing.reason in first[1].text
        mattermost.script.clear()
        await next_run(stage, lambda one: one.verdict == "ok")
        _, last = await told(stage)
        assert (last[0], last[1].title) == ("resolved", "chat: posts arrive again")
        assert re.search(r"Canaries had failed for (19m\d\ds|20m)", last[1].text)


async def test_a_hook_that_refuses_fails_the_canary_at_once_with_its_reason(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    mattermost.script.always(at_hooks(Answer(401, "who @channel?")))
    async with a_stage(tmp_path, RULES, settings(mattermost), store="memory") as stage:
        began = stage.clock.monotonic()
        standing = await until(stage, lambda one: one.verdict == "failed")
        assert stage.clock.monotonic() - began < 10
        assert standing.reason == "it was refused: HTTP 401 Unauthorized: who @channel?"
        ((_, post),) = await told(stage)
        assert "@channel" not in post.text


async def test_a_service_that_is_down_fails_the_canary_and_it_is_not_sent_late(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    mattermost.script.always(at_hooks(Answer(503, "down")))
    async with a_stage(tmp_path, RULES, settings(mattermost), store="memory") as stage:
        standing = await until(stage, lambda one: one.verdict == "failed")
        assert standing.reason == "it could not be delivered: HTTP 503 Service Unavailable: down"
        sent = next(one for one in await stage.deliveries() if one.new.destination == "chat")
        assert (sent.state, sent.by) == ("suppressed", "canary")


async def test_a_bot_that_lost_its_access_is_told_as_such(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_stage(tmp_path, RULES, settings(mattermost), store="memory") as stage:
        await until(stage, lambda one: one.arrived == 1)
        mattermost.town.remove_user("ams-bridge")
        standing = await next_run(stage, lambda one: one.verdict == "failed")
        assert "the bot cannot read the channel: the token is not accepted" in standing.reason
        assert len(await told(stage)) == 1


async def test_a_bot_that_was_put_out_of_the_channel_is_told_what_to_do(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    mattermost.settings = Settings(version=(5, 37))
    async with a_stage(tmp_path, RULES, settings(mattermost), store="memory") as stage:
        await until(stage, lambda one: one.arrived == 1)
        channel = mattermost.town.find_channel("monitoring")
        assert channel is not None
        mattermost.town.leave(channel.id, "ams-bridge")
        standing = await next_run(stage, lambda one: one.verdict == "failed")
        assert "it is no member there, invite it" in standing.reason


async def test_a_canary_that_came_in_spite_of_an_unclear_end_is_there_and_not_sent_again(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    mattermost.script.next(Close("after_accepting"))
    async with a_stage(tmp_path, RULES, settings(mattermost, url=of_the_bot(mattermost)), store="memory") as stage:
        await until(stage, lambda one: one.verdict == "ok")
        await next_run(stage, lambda one: one.arrived == 2)
        while canaries(mattermost):
            await stage.http.get("/healthz")


async def test_a_canary_is_found_behind_more_than_a_page_of_other_posts(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_stage(tmp_path, RULES, settings(mattermost), store="memory") as stage:
        await stage.until(lambda found: [one.state for one in found] == ["delivered"])
        async with httpx.AsyncClient() as others:
            for n in range(450):
                await others.post(mattermost.hook_url, json={"text": f"talk {n}"})
        await until(stage, lambda one: one.verdict == "ok")


async def test_a_canary_is_looked_for_in_the_channel_that_has_the_name_now(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    named = settings(mattermost).replace("rate: null", "channel: monitoring, rate: null")
    async with a_stage(tmp_path, RULES, named, store="memory") as stage:
        await until(stage, lambda one: one.arrived == 1)
        mattermost.town.change_channel("monitoring", new_name="old")
        mattermost.town.add_channel("monitoring")
        await next_run(stage, lambda one: one.arrived == 2)


@pytest.mark.timeout(180)
async def test_a_restart_goes_on_with_the_canary_under_way_and_tells_nothing_twice(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    mattermost.script.always(at_hooks(swallow()))
    async with a_stage(tmp_path, RULES, settings(mattermost)) as stage:
        await stage.until(lambda found: [one.state for one in found] == ["delivered"])
    async with a_stage(tmp_path, RULES, settings(mattermost)) as stage:
        await until(stage, lambda one: one.verdict == "failed")
        assert [one.new.destination for one in await stage.deliveries()] == ["chat", "board"]
    async with a_stage(tmp_path, RULES, settings(mattermost)) as stage:
        assert (await until(stage, lambda one: bool(one.verdict))).verdict == "failed"
        await next_run(stage, lambda one: one.failed == 1)
        assert len(await told(stage)) == 1
        mattermost.script.clear()
    async with a_stage(tmp_path, RULES, settings(mattermost)) as stage:
        await next_run(stage, lambda one: one.verdict == "ok")
        assert [phase for phase, _ in await told(stage)] == ["firing", "resolved"]


async def test_a_canary_whose_time_passed_while_nobody_watched_proves_nothing(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    mattermost.script.always(at_hooks(swallow()))
    async with a_stage(tmp_path, RULES, settings(mattermost), store="memory") as stage:
        await stage.until(lambda found: [one.state for one in found] == ["delivered"])
        await stage.daemon.canaries.stop()
        await stage.clock.advance(60)
        mattermost.script.clear()
        stage.daemon.canaries.start(stage.daemon.settings.destinations)
        assert (await until(stage, lambda one: bool(one.verdict))).verdict == "ok"
        assert [one.new.destination for one in await stage.deliveries()] == ["chat", "chat"]


async def test_a_reload_that_removes_it_ends_it(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_stage(tmp_path, RULES, settings(mattermost), store="memory") as stage:
        await until(stage, lambda one: one.arrived == 1)
        config = tmp_path / "bridge.yaml"
        with_canary = config.read_text()
        config.write_text(with_canary.replace(settings(mattermost), settings(mattermost, canary=False)))
        assert (await stage.http.post("/api/reload")).status_code == 200
        assert "canary:chat" not in stage.daemon.supervisor.names
        assert "canaries" not in (await stage.http.get("/readyz")).json()
        await stage.clock.advance(2 * EVERY_S)
        assert len(await stage.deliveries()) == 1
        config.write_text(with_canary)
        await stage.http.post("/api/reload")
        await until(stage, lambda one: one.arrived == 1)
        assert len(await stage.deliveries()) == 2


async def test_a_bot_looks_for_its_own_canaries_and_takes_them_away(tmp_path: Path, mattermost: FakeMattermost) -> None:
    bot = f"type: mattermost_bot, url: '{mattermost.base_url}', token: {mattermost.bot_token}, channel: monitoring"
    destinations = f"  chat: {{{bot}, canary: {{within: 10s, tell: board}}}}\n  board: {{type: inbox}}\n"
    async with a_stage(tmp_path, RULES, destinations, store="memory") as stage:
        await until(stage, lambda one: one.verdict == "ok")
        while canaries(mattermost):
            await stage.http.get("/healthz")
        (sent,) = await stage.deliveries()
        assert sent.new.destination == "chat"


async def test_health_status_page_and_metrics_say_how_it_stands(tmp_path: Path, mattermost: FakeMattermost) -> None:
    mattermost.script.always(at_hooks(swallow()))
    async with a_stage(tmp_path, RULES, settings(mattermost), store="memory") as stage:
        await until(stage, lambda one: one.verdict == "failed")
        ready = await stage.http.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["canaries"]["chat"]["verdict"] == "failed"
        (told_by_api,) = (await stage.http.get("/api/status")).json()["canaries"]
        assert told_by_api["text"].startswith("failing since 0s ago: the service said that it took it")
        metrics = (await stage.http.get("/metrics")).text
        assert 'ams_bridge_canary_ok{destination="chat"} 0.0' in metrics
        assert 'ams_bridge_canary_runs_total{destination="chat",outcome="failed"} 1.0' in metrics
        assert "canary:chat" in ready.json()["workers"]
        await stage.http.post("/login", data={"token": TOKEN, "next": "/"})
        assert "<b>The canary of chat failed.</b> failing since" in (await stage.http.get("/")).text
        mattermost.script.clear()
        await next_run(stage, lambda one: one.verdict == "ok")
        metrics = (await stage.http.get("/metrics")).text
        assert 'ams_bridge_canary_ok{destination="chat"} 1.0' in metrics
        assert 'ams_bridge_canary_last_ok_age_seconds{destination="chat"}' in metrics
