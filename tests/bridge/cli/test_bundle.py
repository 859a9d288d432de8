"""``bundle``: a decision in one file, decided again elsewhere with the same answer, and without secrets."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.command_line import ask, command, write
from tests.fakes.control import a_daemon, chat, decided
from tests.line.stage import Stage, a_stage

HOOK = "http://127.0.0.1:9/hooks/hooktokenhooktokenhooktoken"
RULES = """
topic: projects/P/topics/T
rules:
  - name: hosts
    match: {$.host: {exists: true}}
    key: "{{ data.host }}"
    resolved: {$.status: OK}
    text: "{{ data.host }} is {{ data.status }}"
    send: chat
  - {name: notes, match: {$.note: {exists: true}}, text: "note {{ data.note }}", send: board}
"""
DOWN = {"host": "db7.secret-site.example", "status": "CRITICAL", "password": "pa55-hunter2", "user": "Erika Mustermann"}


async def bundled(stage: Stage, tmp_path: Path, subject: str, *options: str) -> Path:
    """The bundle of a subject, in a folder in which nothing else is."""
    path = tmp_path / "elsewhere" / "case.zip"
    path.parent.mkdir()
    said = await ask(stage, "bundle", subject, "--file", str(path), *options)
    assert said.code == 0, said.err
    return path


def explained(path: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    """What the bundle answers where there is no settings file, no store and no daemon."""
    monkeypatch.chdir(path.parent)
    said = command("--config", "none.yaml", "rules", "explain", path.name, "--json", *words)
    assert said.code == 0, said.err
    return said.value


def whole_text(path: Path) -> str:
    """All that stands in a bundle."""
    with zipfile.ZipFile(path) as archive:
        return "\n".join(archive.read(name).decode() for name in archive.namelist())


async def test_a_bundle_gives_the_answer_of_the_daemon_in_another_folder_without_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(
            stage, {"host": "web1", "status": "CRITICAL"}, {"host": "web1", "status": "WARNING"}, deliveries=2
        )
        answer = (await stage.http.get("/api/explain", params={"message": "P/T:1"})).json()
        path = await bundled(stage, tmp_path, "P/T:1")
    replayed = explained(path, monkeypatch)
    assert replayed["same"] is True
    assert replayed["decided"]["decisions"] == answer["decided"]["decisions"]
    assert len(replayed["decided"]["deliveries"]) == 1
    assert replayed["recomputed"]["rules"] == answer["recomputed"]["rules"]
    assert replayed["recomputed"]["version"] == answer["recomputed"]["version"]
    assert replayed["recomputed"]["rules"][0]["judgements"][0]["outcome"] == "sent"
    assert [(step["of"], len(step["posts"])) for step in replayed["steps"]] == [
        ("projects/P/topics/T:0", 1),
        ("projects/P/topics/T:1", 1),
    ]


async def test_a_delivery_and_an_incident_lead_to_their_message(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        delivery = (await decided(stage, {"note": 1}, {"host": "web1", "status": "CRITICAL"}, deliveries=2))[1]
        (incident,) = (await stage.http.get("/api/incidents")).json()["incidents"]
        for subject in (delivery, delivery[:10], incident["id"], incident["id"][:8]):
            about = (await stage.http.get("/api/bundle", params={"subject": subject})).json()["subject"]
            assert (about["topic"], about["offset"], about["rule"]) == ("projects/P/topics/T", 1, "hosts")


@pytest.mark.parametrize("subject", ["ffffffffffff", "P/T:99", "P/NONE:0"])
async def test_what_is_not_there_is_said_so(tmp_path: Path, subject: str) -> None:
    async with a_daemon(tmp_path) as stage:
        said = await ask(stage, "bundle", subject, "--file", str(tmp_path / "case.zip"))
        assert said.code == 1
        assert "there is no" in said.err
        assert not (tmp_path / "case.zip").exists()


async def test_no_secret_of_settings_messages_state_or_rules_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = RULES + "    # Authorization: Bearer abcdefgh12345678\n"
    hosts = [DOWN, {**DOWN, "status": "WARNING", "log": f"posting to {HOOK} failed, token=tok3n-in-text"}]
    async with a_daemon(tmp_path, url=HOOK, rules=rules) as stage:
        await decided(stage, *hosts, deliveries=2)
        path = await bundled(stage, tmp_path, "P/T:1")
    text = whole_text(path)
    for secret in ("pa55-hunter2", "hooktokenhook", "stage-token", "hook-token", "abcdefgh12345678", "tok3n-in-text"):
        assert secret not in text
    assert "db7.secret-site.example" in text
    replayed = explained(path, monkeypatch)
    assert replayed["same"]
    assert replayed["recomputed"]["rules"][0]["fate"] == "acts"
    assert any("holds secrets" in remark for remark in replayed["remarks"])
    assert path.stat().st_mode & 0o077 == 0


async def test_names_are_made_up_on_request_and_the_answer_is_the_same_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_daemon(tmp_path, rules=RULES) as stage:
        await decided(stage, DOWN, {**DOWN, "status": "OK"}, deliveries=2)
        path = await bundled(stage, tmp_path, "P/T:1", "--scrub")
    text = whole_text(path)
    assert "db7" not in text
    assert "Mustermann" not in text
    assert str(tmp_path) not in text
    replayed = explained(path, monkeypatch)
    assert replayed["same"]
    assert [post["phase"] for step in replayed["steps"] for post in step["posts"]] == ["firing", "resolved"]


async def test_what_led_there_is_of_the_same_key_or_of_any_where_the_rule_counts_over_keys(tmp_path: Path) -> None:
    other = {"host": "web2", "status": "CRITICAL"}
    async with a_daemon(tmp_path, rules=RULES) as stage:
        await decided(stage, other, {"host": "web1", "status": "CRITICAL"}, {"host": "web1", "status": 1}, deliveries=3)
        led = (await stage.http.get("/api/bundle", params={"subject": "P/T:2"})).json()["messages"]
        assert [message["offset"] for message in led] == [1, 2]
    grouped = RULES.replace("    send: chat", "    group: {by: [$.status], wait: 1m, every: 5m}\n    send: chat")
    async with a_daemon(tmp_path, rules=grouped) as stage:
        await decided(stage, other, {"host": "web1", "status": "CRITICAL"}, deliveries=0)
        led = (await stage.http.get("/api/bundle", params={"subject": "P/T:1"})).json()["messages"]
        assert [message["offset"] for message in led] == [0, 1]


async def test_the_store_that_a_daemon_left_gives_the_same_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_stage(tmp_path, RULES, chat() + "  board: {type: inbox}\n") as stage:
        await decided(stage, {"note": "hi"}, deliveries=1)
        await stage.settled(1)
    path = tmp_path / "elsewhere" / "case.zip"
    path.parent.mkdir()
    monkeypatch.chdir(tmp_path)
    said = await asyncio.to_thread(command, "bundle", "P/T:0", "--file", str(path))
    assert said.code == 0, said.err
    replayed = explained(path, monkeypatch)
    assert replayed["same"]
    assert replayed["decided"]["deliveries"][0]["delivery"]["state"] == "delivered"


async def test_nothing_is_overwritten_and_a_changed_bundle_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"note": "hi"}, deliveries=1)
        path = await bundled(stage, tmp_path, "P/T:0")
        again = await ask(stage, "bundle", "P/T:0", "--file", str(path))
        assert (again.code, "nothing is overwritten" in again.err) == (1, True)
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, text.replace(b"note hi", b"note ho") if name == "answer.json" else text)
    write(tmp_path, {"other.zip": "no zip"})
    monkeypatch.chdir(tmp_path)
    refused = command("rules", "explain", "changed.zip")
    assert (refused.code, "was changed since it was made" in refused.err) == (1, True)
    with zipfile.ZipFile(tmp_path / "foreign.zip", "w") as foreign:
        foreign.writestr("a.txt", "a")
    refused = command("rules", "explain", "foreign.zip")
    assert (refused.code, "is no bundle" in refused.err) == (1, True)


async def test_people_read_what_was_decided_and_that_the_answer_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"note": "hi"}, deliveries=1)
        path = await bundled(stage, tmp_path, "P/T:0")
    monkeypatch.chdir(path.parent)
    said = command("rules", "explain", path.name, "--rule", "notes")
    assert said.code == 0
    assert "What was decided" in said.out
    assert "board: note hi" in said.words
    assert "The answer is the same as where the bundle was made" in said.out
    assert json.loads(command("rules", "explain", path.name, "--json").out)["subject"]["offset"] == 0
