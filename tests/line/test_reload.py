"""A reload that takes something away: what waits for it, and what was told there, is never left behind in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridge.app.build import assemble
from bridge.app.provision import CannotProvision
from bridge.fakes.mattermost import FakeMattermost
from bridge.settings.settings_file import read_settings
from broker.clock import ManualClock
from broker.engines import open_store
from broker.engines.memory import MemoryStore
from broker.engines.memory.trouble import Trouble
from broker.records import ServiceNote
from rules.source.problems import ProblemsFound
from tests.line.stage import Stage, a_stage, wire
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
        while len(await stage.daemon.store.decisions.list_after(0, 10)) < 2:
            await stage.let_pass(0.1)
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


ACME = "  ACME: {topics: {NEWS: {}}, users: {eve: {roles: [publisher], token: a-token-of-eve, topics: [NEWS]}}}\n"
PLAIN = "rules: [{name: plain, topic: projects/P/topics/T, text: x, send: chat}]"
ABOUT_NEWS = "rules: [{name: plain, topic: projects/ACME/topics/NEWS, text: x, send: chat}]"
BROKEN = "rules: [{name: plain, topic: projects/P/topics/T, text: '{{ no.such( }}', send: chat}]"


async def reload_with_acme(stage: Stage, rules: str) -> Any:
    """Reload with these rules and one more project, which has a topic, and a user with a token."""
    (stage.folder / "rules.d" / "rules.yaml").write_text(rules)
    config = stage.folder / "bridge.yaml"
    if ACME not in config.read_text():
        config.write_text(config.read_text().replace("projects:\n", f"projects:\n{ACME}", 1))
    return await stage.http.post("/api/reload")


async def publish_as_eve(stage: Stage) -> int:
    """What the new user's publish to the new topic is answered."""
    body = {"messages": [{"data": wire({"n": 1}), "attributes": {}}]}
    key = {"x-api-key": "a-token-of-eve"}
    answer = await stage.http.post("/v1/projects/ACME/topics/NEWS:publish", json=body, headers=key)
    return answer.status_code


async def test_a_refused_reload_leaves_no_user_no_topic_and_no_project_behind(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_stage(tmp_path, PLAIN, chat(mattermost)) as stage:
        before = await stage.daemon.store.catalog.seq()
        assert (await reload_with_acme(stage, BROKEN)).status_code == 409
        assert await stage.daemon.store.catalog.seq() == before
        assert await publish_as_eve(stage) == 404  # there is no such project
        assert (await reload_with_acme(stage, ABOUT_NEWS)).status_code == 200
        assert await publish_as_eve(stage) == 200
        await stage.settled(1)


async def test_rules_are_judged_against_the_topics_and_schemas_that_a_reload_brings(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_stage(tmp_path, PLAIN, chat(mattermost)) as stage:
        answer = await reload_with_acme(stage, ABOUT_NEWS)
        assert (answer.status_code, answer.json()["warnings"]) == (200, [])


@pytest.mark.parametrize("call", ["commit", "state.list", "outbox.balances"])
async def test_a_store_that_fails_before_the_write_leaves_everything_as_it_was(tmp_path: Path, call: str) -> None:
    async with a_stage(tmp_path, PLAIN.replace("chat", "one"), "  one: {type: inbox}\n", store="memory") as stage:
        store = stage.daemon.store
        assert isinstance(store, MemoryStore)
        version = stage.daemon.in_force.rule_set.version
        config = stage.folder / "bridge.yaml"
        as_it_was = config.read_text()
        subscriptions = as_it_was.replace("S: {topic: T}", "S: {topic: T}, S2: {topic: T}")
        config.write_text(f"{subscriptions}  two: {{type: inbox}}\n")
        (stage.folder / "rules.d" / "rules.yaml").write_text(PLAIN.replace("chat", "two"))
        before = await store.catalog.seq()
        store.gate.add(Trouble(call, "unavailable"))
        refused = await stage.http.post("/api/reload")
        assert refused.status_code == 409
        assert (set(stage.daemon.couriers.routes), await store.catalog.seq()) == ({"one"}, before)
        assert stage.daemon.in_force.rule_set.version == version
        assert (await stage.http.post("/api/reload")).status_code == 200
        assert set(stage.daemon.couriers.routes) == {"one", "two"}


async def test_a_store_that_fails_after_the_write_is_asked_again_and_nothing_is_called_refused(tmp_path: Path) -> None:
    async with a_stage(tmp_path, PLAIN.replace("chat", "one"), "  one: {type: inbox}\n", store="memory") as stage:
        store = stage.daemon.store
        assert isinstance(store, MemoryStore)
        version = stage.daemon.in_force.rule_set.version
        (stage.folder / "rules.d" / "rules.yaml").write_text(PLAIN.replace("chat", "one").replace("text: x", "text: y"))
        store.gate.add(Trouble("commit", "unavailable", skip=1, times=3))
        answer = await stage.http.post("/api/reload")
        assert answer.status_code == 200
        assert "as soon as the store answers" in answer.text
        assert stage.daemon.in_force.rule_set.version != version
        assert stage.daemon.supervisor.health()["after reload"].state != "stopped"
        await stage.let_pass(30)
        assert "after reload" not in stage.daemon.supervisor.health(), "it is done"


@pytest.mark.parametrize(("outcome", "status"), [("stored", 200), ("not stored", 409)])
async def test_a_store_that_does_not_say_whether_it_kept_a_reload_is_read_back(
    tmp_path: Path, outcome: Any, status: int
) -> None:
    async with a_stage(tmp_path, PLAIN.replace("chat", "one"), "  one: {type: inbox}\n", store="memory") as stage:
        store = stage.daemon.store
        assert isinstance(store, MemoryStore)
        (stage.folder / "rules.d" / "rules.yaml").write_text(PLAIN.replace("chat", "one").replace("text: x", "text: y"))
        store.gate.add(Trouble("commit", outcome))
        answer = await stage.http.post("/api/reload")
        assert answer.status_code == status
        kept = stage.daemon.broker.cache.find(ServiceNote, "current-ruleset")
        assert kept is not None
        assert kept.value == stage.daemon.in_force.rule_set.version


async def test_a_first_start_with_bad_rules_provisions_nothing(tmp_path: Path) -> None:
    with pytest.raises(ProblemsFound):
        async with a_stage(tmp_path, BROKEN.replace("chat", "one"), "  one: {type: inbox}\n"):
            pass
    store = await open_store(f"sqlite://{tmp_path}/state/bridge.db", ManualClock())
    assert await store.catalog.seq() == 0
    await store.close()


async def test_a_schema_that_does_not_compile_is_told_with_its_name_and_nothing_is_made(tmp_path: Path) -> None:
    async with a_stage(tmp_path, PLAIN.replace("chat", "one"), "  one: {type: inbox}\n") as stage:
        (stage.folder / "typo.json").write_text('{"type": "objekt"}')
        config = stage.folder / "bridge.yaml"
        schemas = "schemas: {typo: {type: json, file: typo.json}}"
        config.write_text(config.read_text().replace("  P:\n", f"  P:\n    {schemas}\n", 1))
        refused = await stage.http.post("/api/reload")
        assert (refused.status_code, "schema P/typo: create: " in refused.text) == (409, True)
    with pytest.raises(CannotProvision, match="schema P/typo: create: "):
        await assemble(config, read_settings(config, {}, None), {}, ManualClock())
