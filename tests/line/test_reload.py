"""A reload that takes something away: what waits for it, and what was told there, is never left behind in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridge.fakes.mattermost import FakeMattermost
from tests.line.stage import Stage, a_stage
from tests.line.test_line import chat

OLD = "  old: {type: inbox}\n"
RULE = """
topic: projects/P/topics/T
rules:
  - name: site
    match: {$.status: CRITICAL}
    resolved: {$.status: OK}
    key: "{{ data.site }}"
    text: "{{ data.site }} {{ phase }}"
    send: TO
"""
BOTH, ONE = RULE.replace("TO", "[chat, old]"), RULE.replace("TO", "chat")


async def say(stage: Stage, status: str, site: str = "A") -> None:
    await stage.publish({"site": site, "status": status})


async def reload(stage: Stage, rules: str, *, old: str) -> Any:
    """Change the rules, and what the settings say of the destination ``old``; the answer."""
    (stage.folder / "rules.d" / "rules.yaml").write_text(rules)
    config = stage.folder / "bridge.yaml"
    lines = [line for line in config.read_text().splitlines(keepends=True) if not line.startswith("  old:")]
    at = next(n for n, line in enumerate(lines) if line.startswith("  chat:"))
    config.write_text("".join([*lines[:at], old, *lines[at:]]))
    return await stage.http.post("/api/reload")


async def told(stage: Stage) -> list[tuple[str, str, str]]:
    """Destination, phase and state of every delivery, oldest first."""
    return [(one.new.destination, one.new.phase, one.state) for one in await stage.deliveries()]


async def test_a_destination_where_an_open_incident_was_told_cannot_go_without_a_word(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_stage(tmp_path, BOTH, chat(mattermost) + "\n" + OLD) as stage:
        await say(stage, "CRITICAL")
        await say(stage, "CRITICAL", site="B")
        await stage.settled(4)
        refused = await reload(stage, ONE, old="")
        assert refused.status_code == 409
        assert "destination 'old' is gone from the settings while 2 open incidents were told there" in refused.text
        assert "{removed: dead}" in refused.text
        await say(stage, "OK")
        await say(stage, "OK", site="B")
        await stage.settled(8)
        assert (await reload(stage, ONE, old="")).status_code == 200
        await stage.check_books()


async def test_what_a_group_still_holds_for_a_destination_keeps_it_too(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    grouped = "rules: [{name: g, topic: projects/P/topics/T, group: {wait: 1h}, text: x, send: old}]"
    none = "rules: [{name: g, topic: projects/P/topics/T, text: x, send: chat}]"
    async with a_stage(tmp_path, grouped, chat(mattermost) + "\n" + OLD) as stage:
        await stage.publish({"n": 1}, {"n": 2})
        await stage.let_pass(1)
        refused = await reload(stage, none, old="")
        assert refused.status_code == 409
        assert "while 2 events are held for it" in refused.text
        assert (await reload(stage, none, old="  old: {removed: {move_to: chat}}\n")).status_code == 200
        await stage.settled(1, step_s=600)
        assert await told(stage) == [("chat", "group", "delivered")]
        await stage.check_books()


@pytest.mark.parametrize("how", ["reload", "restart"])
async def test_the_end_is_told_where_the_removed_destination_moved_to(
    tmp_path: Path, mattermost: FakeMattermost, how: str
) -> None:
    only_old, moved = RULE.replace("TO", "old"), "  old: {removed: {move_to: chat}}\n"
    async with a_stage(tmp_path, only_old, chat(mattermost) + "\n" + OLD) as stage:
        await say(stage, "CRITICAL")
        await stage.settled(1)
        if how == "reload":
            assert (await reload(stage, ONE, old=moved)).status_code == 200
            await say(stage, "OK")
            await stage.settled(2)
    async with a_stage(tmp_path, ONE, chat(mattermost) + "\n" + moved) as stage:
        if how == "restart":
            await say(stage, "OK")
            await stage.settled(2)
        assert await told(stage) == [("old", "firing", "delivered"), ("chat", "resolved", "delivered")]
        await stage.check_books()


async def test_what_was_owed_to_a_destination_removed_as_dead_is_dropped_in_the_books(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_stage(tmp_path, BOTH, chat(mattermost) + "\n" + OLD) as stage:
        await say(stage, "CRITICAL")
        await stage.settled(2)
        assert (await reload(stage, ONE, old="  old: {removed: dead}\n")).status_code == 200
        await say(stage, "OK")
        await stage.settled(3)
        (book,) = [book for book in await stage.daemon.books() if book.topic.endswith("/T")]
        assert (book.sends.decided, book.sends.delivered, book.sends.dropped) == (4, 3, 1)
        await stage.check_books()


async def test_what_waits_for_a_moved_destination_is_moved_when_the_daemon_starts_without_it(tmp_path: Path) -> None:
    down = "  old: {type: mattermost, url: 'http://127.0.0.1:9/hooks/aaaaaaaaaaaaaaaaaaaaaaaaaa'}\n"
    board = "  board: {type: inbox}\n"
    async with a_stage(tmp_path, RULE.replace("TO", "old"), down + board) as stage:
        await say(stage, "CRITICAL")
        await stage.until(lambda found: any(one.tries for one in found) and not stage.is_trying)
    moved = "  old: {removed: {move_to: board}}\n"
    async with a_stage(tmp_path, RULE.replace("TO", "board"), moved + board) as stage:
        await stage.settled(1, step_s=1)
        assert await told(stage) == [("board", "firing", "delivered")]


async def test_a_rule_that_loses_its_hours_tells_at_once_what_they_kept_quiet(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    hours = ONE.replace("    send:", "    hours: office\n    send:")
    more = "intervals: {office: {days: [sat], times: ['09:00-10:00'], timezone: UTC}}"
    async with a_stage(tmp_path, hours, chat(mattermost) + "\n" + OLD, more=more) as stage:
        await say(stage, "CRITICAL")
        await stage.let_pass(3_600)
        assert await told(stage) == []
        assert (await reload(stage, ONE, old=OLD)).status_code == 200
        await stage.settled(1)
        assert "not told before because it was outside office" in mattermost.posts[0].text
