"""Calls of real senders as they went wrong elsewhere, through the whole line: the answers, and what people read.

Each folder of ``tests/data/calls`` is one: ``rules.yaml``, ``calls.json`` (what comes in, one after the other) and
``expected.json`` (``answers``, and for each post what it ``has`` and what it ``lacks``). Rules with tests of their own
have neither: their tests pass.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bridge.fakes.mattermost import FakeMattermost
from tests.fakes.command_line import ask, command, write
from tests.line.stage import Stage, a_stage
from tests.line.test_line import chat

CALLS = Path(__file__).parent.parent / "data" / "calls"
ALL = sorted(path for path in CALLS.iterdir())
PLAYED = [path for path in ALL if (path / "calls.json").exists()]
TESTED = [path for path in ALL if path not in PLAYED]


def body_of(call: Mapping[str, Any]) -> bytes:
    """The bytes of a call; one with ``times`` has so many items in its list, each with its NUMBER."""
    if "base64" in call:
        return base64.b64decode(call["base64"])
    if "times" not in call:
        return str(call["body"]).encode()
    document = json.loads(call["body"])
    item = json.dumps(document["alerts"][0])
    items = [json.loads(item.replace("NUMBER", f"{number:05d}")) for number in range(call["times"])]
    return json.dumps({**document, "alerts": items}).encode()


def headers_of(call: Mapping[str, Any]) -> dict[str, str]:
    names = {"content_type": "content-type", "content_encoding": "content-encoding"}
    return {header: call[name] for name, header in names.items() if name in call} | call.get("headers", {})


async def all_decided(stage: Stage) -> None:
    """Return when the rules have had every message."""
    for _ in range(100_000):
        if not any(book.messages.undecided for book in await stage.daemon.books()):
            return
        await stage.let_pass(0)
    raise AssertionError("messages stay undecided")


@pytest.mark.parametrize("case", PLAYED, ids=lambda path: path.name)
async def test_a_call_is_answered_and_told_as_it_should_be(
    case: Path, tmp_path: Path, mattermost: FakeMattermost
) -> None:
    calls = json.loads((case / "calls.json").read_text())
    expected = json.loads((case / "expected.json").read_text())
    source = f"  in: {{type: {expected['source']}, topic: projects/P/topics/T}}"
    rules = (case / "rules.yaml").read_text()
    answers = []
    async with a_stage(tmp_path, rules, chat(mattermost), store="memory", sources=source) as stage:
        for typed in expected.get("silences", ()):
            assert (await ask(stage, "silence", "add", typed, "--for", "1h", "--why", "work")).code == 0
        for call in calls:
            answer = await stage.http.post("/hooks/in", content=body_of(call), headers=headers_of(call))
            answers.append(answer.status_code)
        await all_decided(stage)
        await stage.until(lambda found: all(one.state != "waiting" for one in found))
        await stage.check_books()
    assert answers == expected["answers"]
    posts = [post.text for post in mattermost.posts]
    assert len(posts) == len(expected["posts"]), posts
    for post, wanted in zip(posts, expected["posts"], strict=True):
        assert [words for words in wanted["has"] if words not in post] == [], post
        assert [words for words in wanted.get("lacks", ()) if words in post] == [], post
    assert mattermost.pings == frozenset()


@pytest.mark.parametrize("case", TESTED, ids=lambda path: path.name)
def test_the_tests_that_a_case_brings_pass(case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rules = {"rules.d/rules.yaml": (case / "rules.yaml").read_text()}
    write(tmp_path, {"bridge.yaml": "destinations: {chat: {type: inbox}}\n", **rules})
    said = command("rules", "test")
    assert (said.code, " passed" in said.out) == (0, True), said.out + said.err
