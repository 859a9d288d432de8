"""Rules tried on what the store holds: backtest, coverage, record, simulate."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.clock import ManualClock
from broker.engines import open_store
from tests.fakes.command_line import Said, command, write
from tests.line.stage import a_stage

RULES = """
topic: projects/P/topics/T
rules:
  - name: critical
    match: {$.status: CRITICAL}
    text: "{{ data.host }} is critical{% if data.more is defined %}: {{ data.more }}{% endif %}"
    send: board
    stop: true
  - {name: never, match: {$.status: LOST}, text: lost, send: board}
"""
EVENTS = [
    {"status": "CRITICAL", "host": "web1"},
    {"status": "OK", "host": "web1"},
    {"status": "CRITICAL", "host": "db1"},
]
AGES = ["--since", "36500d"]


async def _filled(folder: Path) -> None:
    async with a_stage(folder, RULES, "  board: {type: inbox}\n") as stage:
        while not await stage.daemon.store.cursors.list("r/"):
            await stage.clock.advance(0)
        for event in EVENTS:
            await stage.publish(event)
            await stage.clock.advance(60)
        await stage.settled(2)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that a daemon filled and left."""
    folder = tmp_path_factory.mktemp("filled")
    asyncio.run(_filled(folder))
    return folder


@pytest.fixture
def rules(filled: Path) -> Iterator[Path]:
    """The rule file; it is put back as it was."""
    path = filled / "rules.d" / "rules.yaml"
    yield path
    path.write_text(RULES)


def asked(filled: Path, *words: str) -> Said:
    return command("-c", str(filled / "bridge.yaml"), "rules", *words)


def test_the_same_rules_would_tell_the_same(filled: Path) -> None:
    said = asked(filled, "backtest", *AGES)
    assert said.code == 0
    assert "Rules begin from empty state" in said.out
    assert "3 messages from 2026-01-01 00:00:0" in said.out
    assert "✓ nothing would be told otherwise" in said.out
    assert "no rule wanted 1 of them before, 1 now" in said.out


def test_changed_rules_show_what_would_be_told_otherwise(filled: Path, rules: Path) -> None:
    rules.write_text(RULES.replace("is critical", "is DOWN").replace("$.status: LOST", "$.status: OK"))
    said = asked(filled, "backtest", *AGES)
    assert "critical 2 2 0 0 2" in said.words
    assert "never 0 1 1 0 0" in said.words
    assert "critical to board: text changed P/T:0 -web1 is critical +web1 is DOWN" in said.words
    assert "never to board: now sends P/T:1 +lost" in said.words


def test_rules_are_compared_with_those_of_a_folder(filled: Path, tmp_path: Path) -> None:
    write(tmp_path, {"old/rules.yaml": RULES.replace("CRITICAL", "WARNING")})
    said = asked(filled, "backtest", *AGES, "--against", str(tmp_path / "old"), "--json")
    differences = {one["rule"]: one["differences"] for one in said.value["rules"]}
    assert differences == {"critical": {"now sends": 2}}
    assert said.value["messages"] == 3


def test_rules_that_cannot_be_read_are_not_tried(filled: Path, rules: Path) -> None:
    rules.write_text(RULES.replace("send: board", "send: bord"))
    for words in (["backtest"], ["coverage"], ["record"]):
        said = asked(filled, *words)
        assert said.code == 78
        assert 'did you mean "board"?' in said.err


def test_what_never_mattered_is_named_with_its_place(filled: Path) -> None:
    said = asked(filled, "coverage", *AGES)
    assert said.code == 0
    assert "3 messages, 1 of them wanted by no rule" in said.out
    assert "critical 2 2 1/1" in said.words
    assert "never 0 0 0/1" in said.words
    assert "never held: " in said.out
    assert 'P/T:1 {"status": "OK", "host": "web1"}' in said.words
    found = {one["rule"]: one for one in asked(filled, "coverage", *AGES, "--json").value["rules"]}
    assert (found["critical"]["acted"], found["never"]["conditions"][0]["held"]) == (2, False)


def test_recorded_tests_pass_with_the_rules_they_were_made_of(filled: Path) -> None:
    target = filled / "rules.d" / "recorded_test.yaml"
    said = asked(filled, "record", str(target), *AGES)
    assert (said.code, said.out) == (0, f"✓ {target} written: 2 tests of 3 messages\n")
    try:
        assert "2 tests: 2 passed" in asked(filled, "test").out
        again = asked(filled, "record", str(target), *AGES)
        assert (again.code, again.err) == (1, f"error  {target} exists already; name a new file\n")
    finally:
        target.unlink()
    nowhere = asked(filled, "record", str(filled / "none" / "x_test.yaml"), *AGES)
    assert (nowhere.code, "there is no folder" in nowhere.err) == (1, True)
    assert asked(filled, "record", *AGES).out.startswith("# Recorded from 3 messages")


def test_stored_messages_are_played_as_a_timeline(filled: Path) -> None:
    lines = asked(filled, "simulate", *AGES).out.splitlines()
    assert [line.partition("Z  ")[2] for line in lines[:-1]] == [
        "critical to board message  web1 is critical",
        "critical to board message  db1 is critical",
    ]
    assert lines[-1] == "3 messages; posts by rule: critical 2"


def test_lines_of_a_file_are_played_with_an_outage(filled: Path, tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in EVENTS))
    words = ["simulate", "--from", str(tmp_path / "events.jsonl"), "--at", "2026-03-01T00:00:00Z", "--every", "1m"]
    played = asked(filled, *words, "--outage", "board=0s..10s").out.splitlines()
    assert played[0].startswith("2026-03-01 00:00:00Z  critical to board message arrives ")
    assert played[1] == "2026-03-01 00:02:00Z  critical to board message  db1 is critical"
    wrong = asked(filled, *words, "--outage", "bord=0s..10s")
    assert (wrong.code, 'did you mean "board"?' in wrong.err) == (2, True)


def test_what_tail_recorded_keeps_topic_and_time(filled: Path, tmp_path: Path) -> None:
    seen = {"topic": "projects/P/topics/T", "published": "2026-02-01T08:00:00Z", "data": json.dumps(EVENTS[0])}
    (tmp_path / "tail.jsonl").write_text(json.dumps(seen))
    said = asked(filled, "simulate", "--from", str(tmp_path / "tail.jsonl"), "--json")
    assert [one["at"] for one in said.value["timeline"]] == ["2026-02-01T08:00:00Z"]
    moved = asked(filled, "simulate", "--from", str(tmp_path / "tail.jsonl"), "--at", "2026-05-01T00:00:00Z", "--json")
    assert [one["at"] for one in moved.value["timeline"]] == ["2026-05-01T00:00:00Z"]


def test_a_stored_message_is_explained_without_a_daemon(filled: Path) -> None:
    said = asked(filled, "explain", "P/T:0", "--brief")
    assert (said.code, "this is read from its store" in said.err) == (0, True)
    assert "What was decided critical to board: sent" in said.words
    assert "computed anew; nothing is sent" in said.out
    found = asked(filled, "explain", "P/T:0", "--json").value
    (delivered,) = found["decided"]["deliveries"]
    assert (delivered["post"]["text"], delivered["attempts"][0]["outcome"]) == ("web1 is critical", "delivered")
    gone = asked(filled, "explain", "P/T:99")
    assert (gone.code, "there is no message 99" in gone.err) == (1, True)
    wrong = asked(filled, "explain", "P/TT:0")
    assert (wrong.code, 'did you mean "projects/P/topics/T"?' in wrong.err) == (1, True)


def test_a_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"bridge.yaml": "store: sqlite:state/bridge.db\ndestinations: {board: {type: inbox}}\n"})
    write(tmp_path, {"rules.d/rules.yaml": RULES})
    said = asked(tmp_path, "coverage")
    assert said.code == 1
    assert "state/bridge.db" in said.err


def test_messages_of_one_topic_and_the_newest_of_them_are_chosen(filled: Path) -> None:
    few = asked(filled, "coverage", *AGES, "--topic", "P/T", "--limit", "2", "--json").value
    assert (few["messages"], few["limit"], few["topics"]) == (2, 2, ["projects/P/topics/T"])
    assert "Only the newest 2 messages of that time." in asked(filled, "coverage", *AGES, "--limit", "2").out
    wrong = asked(filled, "coverage", *AGES, "--topic", "P/TT")
    assert (wrong.code, 'did you mean "projects/P/topics/T"?' in wrong.err) == (1, True)


def test_programs_are_told_where_the_rules_began(filled: Path) -> None:
    said = asked(filled, "backtest", *AGES, "--json").value
    assert (said["partial"], said["from_empty_state"], said["past_retention"]) == (False, True, [])


async def _trimmed(folder: Path) -> None:
    store = await open_store(f"sqlite://{folder / 'state' / 'bridge.db'}", ManualClock())
    (uid,) = await store.log.topics()
    await store.log.trim(uid, 1)
    await store.close()


def test_a_time_that_is_past_retention_is_told(filled: Path, tmp_path: Path) -> None:
    folder = tmp_path / "trimmed"
    shutil.copytree(filled, folder)
    asyncio.run(_trimmed(folder))
    said = asked(folder, "backtest", *AGES)
    assert "projects/P/topics/T no longer holds all of that time: older messages are past their retention" in said.err
    found = asked(folder, "coverage", *AGES, "--json").value
    assert (found["past_retention"], found["messages"]) == (["projects/P/topics/T"], 2)


def test_the_same_rules_on_both_sides_are_named(filled: Path) -> None:
    assert "Both are the same rules: edit the files first" in asked(filled, "backtest", *AGES).out


def test_stored_messages_are_moved_to_another_time(filled: Path) -> None:
    said = asked(filled, "simulate", *AGES, "--at", "2026-05-01T00:00:00Z", "--json").value
    assert [one["at"] for one in said["timeline"]] == ["2026-05-01T00:00:00Z", "2026-05-01T00:02:00Z"]
    assert (said["messages"], said["partial"]) == (3, False)
