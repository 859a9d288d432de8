"""A reload that proves itself: tried on what came, confirmed, shadowed, watched, and put back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge.app.build import assemble
from bridge.app.daemon import start, stop_daemon
from bridge.settings.settings_file import read_settings
from tests.fakes.command_line import ask
from tests.line.stage import Stage, a_stage

RULES = """
topic: projects/P/topics/T
rules:
  - {name: site, match: {$.site: {exists: true}}, text: "{{ data.site }} is down", send: board}
"""
OTHER = RULES.replace("is down", "has failed")
QUIET = RULES.replace("{exists: true}", "{equals: A}")
BAD = RULES.replace("send: board", 'body: {x: "{{ data.nothing }}"}, send: machine')
DESTINATIONS = "  board: {type: inbox}\n  machine: {type: topic, topic: projects/P/topics/OTHER}\n"


def write(stage: Stage, rules: str) -> None:
    (stage.folder / "rules.d" / "rules.yaml").write_text(rules)


async def version(stage: Stage) -> str:
    answer = (await stage.http.get("/api/rule-versions")).json()
    assert answer["in_force"] == stage.daemon.in_force.rule_set.version
    return str(answer["in_force"])


async def versions(stage: Stage) -> Any:
    return (await stage.http.get("/api/rule-versions")).json()


async def texts(stage: Stage) -> list[str]:
    """The texts of all deliveries, oldest first."""
    return [one.new.post.decode().partition('"text":"')[2].partition('"')[0] for one in await stage.deliveries()]


async def held_when(stage: Stage, holds: Callable[[Any], bool], step_s: float = 0.0) -> Any:
    """What is held back, once it is so: rules are compared on a thread, in real time."""
    for _ in range(10_000):
        held = (await versions(stage))["held"]
        if holds(held):
            return held
        await stage.let_pass(step_s)
    raise AssertionError(held)


async def in_force(stage: Stage, wanted: str, step_s: float) -> None:
    """Return once this version is in force."""
    for _ in range(2_000):
        if stage.daemon.in_force.rule_set.version == wanted and not stage.daemon.rule_changes.is_busy:
            return
        await stage.let_pass(step_s)
    raise AssertionError(await versions(stage))


async def test_a_preview_counts_what_would_have_been_told_otherwise_and_changes_nothing(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, DESTINATIONS) as stage:
        before = await version(stage)
        await stage.publish({"site": "A"}, {"site": "B"})
        await stage.settled(2)
        write(stage, QUIET)
        preview = (await stage.http.get("/api/reload:preview")).json()
        assert (preview["old_version"], preview["messages"], preview["differences"]) == (before, 2, 1)
        (rule,) = preview["rules"]
        assert (rule["rule"], rule["before"], rule["now"], rule["no_longer_sends"]) == ("site", 2, 1, 1)
        assert any(line.startswith("+") and "equals: A" in line for line in preview["texts"])
        assert await version(stage) == before
        said = await ask(stage, "reload", "--preview")
        assert "What would have been told otherwise" in said.out
        assert (await ask(stage, "rules", "diff", "--json")).value["differences"] == 1


async def test_messages_from_before_the_look_back_are_not_tried(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, DESTINATIONS, more="reload: {look_back: 1h}") as stage:
        await stage.publish({"site": "B"})
        await stage.settled(1)
        await stage.let_pass(7200)
        write(stage, QUIET)
        assert (await stage.http.get("/api/reload:preview")).json()["messages"] == 0


async def test_rules_that_cannot_be_read_are_told_instead_of_a_preview(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, DESTINATIONS) as stage:
        write(stage, "rules: [{nam: x}]")
        refused = await stage.http.get("/api/reload:preview")
        assert (refused.status_code, "nam" in refused.text) == (409, True)


async def test_rules_that_would_have_told_otherwise_wait_for_a_yes(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, DESTINATIONS, more="reload: {confirm: changes}") as stage:
        before = await version(stage)
        await stage.publish({"site": "B"})
        await stage.settled(1)
        write(stage, QUIET)
        said = await ask(stage, "reload")
        assert said.code == 1
        assert "1 posts would have been told otherwise: site (0 more, 1 fewer, 0 with another text)" in said.err
        assert await version(stage) == before
        assert "reload --yes" in (await stage.http.get("/readyz")).text
        assert (await ask(stage, "reload", "--yes")).code == 0
        assert await version(stage) != before
        assert "reload --yes" not in (await stage.http.get("/readyz")).text


async def test_rules_that_tell_the_same_and_files_without_other_rules_need_no_yes(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, DESTINATIONS, more="reload: {confirm: changes}") as stage:
        await stage.publish({"site": "A"})
        await stage.settled(1)
        write(stage, QUIET)
        assert (await stage.http.post("/api/reload")).status_code == 200
        assert (await stage.http.post("/api/reload")).status_code == 200


async def test_in_shadow_the_old_rules_tell_differences_are_counted_and_the_new_ones_follow(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, DESTINATIONS, more="reload: {shadow: 10m}") as stage:
        before = await version(stage)
        await stage.publish({"site": "A"})
        await stage.settled(1)
        write(stage, OTHER)
        answer = (await stage.http.post("/api/reload")).json()
        assert answer["version"] == before
        assert "in shadow" in answer["warnings"][0]
        await held_when(stage, lambda held: held["messages"] is not None)
        await stage.publish({"site": "B"}, {"no": 1})
        await stage.settled(2)
        held = await held_when(stage, lambda held: held["messages"] == 2, step_s=1)
        assert (held["kind"], held["differences"]) == ("shadow", 1)
        assert held["rules"][0]["text_changed"] == 1
        assert "is in shadow" in (await stage.http.get("/readyz")).text
        await in_force(stage, held["version"], step_s=5)
        assert (await versions(stage))["held"] is None
        await stage.publish({"site": "C"})
        await stage.settled(3)
        assert await texts(stage) == ["A is down", "B is down", "C has failed"]
        assert "shadow" not in (await stage.http.get("/readyz")).text


async def test_a_shadow_is_promoted_or_dropped_at_once(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, DESTINATIONS, more="reload: {shadow: 10m}") as stage:
        before = await version(stage)
        assert (await ask(stage, "rules", "promote")).code == 1
        write(stage, OTHER)
        await stage.http.post("/api/reload")
        assert (await ask(stage, "rules", "rollback")).code == 0
        assert ((await versions(stage))["held"]["kind"], await version(stage)) == ("rolled back", before)
        await stage.let_pass(700)
        assert await version(stage) == before
        await stage.http.post("/api/reload")
        said = await ask(stage, "rules", "promote", "--json")
        assert said.value["version"] == await version(stage) != before


async def test_rules_go_back_and_stay_out_over_a_restart_until_the_next_reload(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, DESTINATIONS) as stage:
        before = await version(stage)
        write(stage, OTHER)
        other = (await stage.http.post("/api/reload")).json()["version"]
        said = await ask(stage, "rules", "rollback")
        assert (said.code, await version(stage)) == (0, before)
        assert "was rolled back" in (await stage.http.get("/readyz")).text
        await stop_daemon(stage.daemon)
        config = tmp_path / "bridge.yaml"
        again = await assemble(config, read_settings(config, {}, None), {}, stage.clock)
        assert again.in_force.rule_set.version == before
        assert f"rule set {other} of the files was rolled back" in again.in_force.degraded
        await start(again)
        outcome = await again.rule_changes.reload("ann")
        assert again.in_force.rule_set.version == other, outcome
        assert again.in_force.degraded == ""
        shown = again.rule_changes.show_versions()
        await stop_daemon(again)
    assert shown.held is None
    assert [(one.version, one.who, one.how) for one in shown.versions] == [
        (other, "ann", "reload"),
        (before, "service token", "rollback"),
        (other, "service token", "reload"),
        (before, "", "start"),
    ]


async def test_a_shadow_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, DESTINATIONS, more="reload: {shadow: 10m}") as stage:
        before = await version(stage)
        write(stage, OTHER)
        await stage.http.post("/api/reload")
        await stop_daemon(stage.daemon)
        config = tmp_path / "bridge.yaml"
        again = await assemble(config, read_settings(config, {}, None), {}, stage.clock)
        await start(again)
        assert again.in_force.rule_set.version == before
        for _ in range(700):
            await stage.clock.advance(1)
            await again.store.cursors.delete("nobody")
        assert again.in_force.rule_set.version == again.in_force.files != before
        await stop_daemon(again)


async def test_the_old_rules_are_put_back_when_dead_letters_of_the_new_ones_rise(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, DESTINATIONS) as stage:
        before = await version(stage)
        write(stage, BAD)
        bad = (await stage.http.post("/api/reload")).json()["version"]
        await stage.publish(*[{"site": f"A{n}"} for n in range(4)])
        await stage.until(lambda found: [one.state for one in found] == ["dead"] * 4)
        await stage.let_pass(20)
        assert await version(stage) == bad
        await stage.publish({"site": "B"})
        await stage.until(lambda found: [one.state for one in found] == ["dead"] * 5)
        await in_force(stage, before, step_s=1)
        held = (await versions(stage))["held"]
        assert (held["version"], held["kind"]) == (bad, "rolled back")
        assert "5 of what it decided became dead letters" in held["why"]
        assert (await versions(stage))["versions"][0]["how"] == "automatic rollback"
        await stage.publish({"site": "C"})
        await stage.until(lambda found: found[-1].state == "delivered")
        said = await ask(stage, "rules", "versions")
        assert "automatic rollback" in said.out
        assert "was rolled back" in said.out


async def test_it_is_not_put_back_when_that_is_off_or_the_time_is_over(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, DESTINATIONS, more="reload: {roll_back: 1m, roll_back_at: 1}") as stage:
        write(stage, BAD)
        bad = (await stage.http.post("/api/reload")).json()["version"]
        await stage.let_pass(70)
        await stage.publish({"site": "A"})
        await stage.until(lambda found: [one.state for one in found] == ["dead"])
        await stage.let_pass(60)
        assert await version(stage) == bad


async def test_a_version_that_is_not_kept_cannot_be_put_in_force(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, DESTINATIONS) as stage:
        said = await ask(stage, "rules", "rollback")
        assert (said.code, "no other version is kept" in said.err) == (1, True)
        said = await ask(stage, "rules", "rollback", "0123456789abcdef")
        assert (said.code, "there is no version 0123456789abcdef" in said.err) == (1, True)
