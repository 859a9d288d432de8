"""One test post: the exact outcome, and what it looks like."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.fakes.mattermost import FakeMattermost
from bridge.fakes.trouble import Answer, Close
from tests.fakes.control import a_daemon, meanwhile


async def test_a_post_arrives_and_the_preview_hides_the_hook(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_daemon(tmp_path, mattermost.hook_url) as stage:
        body = {"destination": "chat", "text": "**hello**", "severity": "ok", "overrides": {"channel": "town-square"}}
        said = (await stage.http.post("/api/send", json=body)).json()
        assert (said["outcome"], said["reason"], said["next"]) == ("delivered", "", "")
        assert said["preview"]["body"]["channel"] == "town-square"
        assert mattermost.hook.id not in json.dumps(said)
        assert await stage.deliveries() == []
    (post,) = mattermost.posts
    assert (post.text, post.channel) == ("**hello**", "town-square")


@pytest.mark.parametrize(
    ("trouble", "outcome", "reason", "next_step"),
    [
        (Answer(401, "who?"), "refused", "HTTP 401 Unauthorized: who?", "a delivery would become a dead letter"),
        (
            Answer(429, "", {"Retry-After": "7"}),
            "later",
            "HTTP 429 Too Many Requests",
            "a delivery would be tried again in 7 s, as it asked",
        ),
        (
            Close("after_accepting"),
            "later",
            "no answer",
            "a delivery would be tried again after a pause; it may have arrived all the same",
        ),
    ],
    ids=["refused", "too fast", "no answer"],
)
async def test_an_outcome_is_told_with_its_reason_and_what_a_delivery_would_do(
    tmp_path: Path,
    mattermost: FakeMattermost,
    trouble: Answer | Close,
    outcome: str,
    reason: str,
    next_step: str,
) -> None:
    mattermost.script.next(trouble)
    async with a_daemon(tmp_path, mattermost.hook_url) as stage:
        said = (await stage.http.post("/api/send", json={"destination": "chat", "text": "x"})).json()
        assert (said["outcome"], said["next"]) == (outcome, next_step)
        assert said["reason"].startswith(reason)


async def test_a_test_post_for_an_inbox_stands_there(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        body = {"destination": "board", "title": "Test", "text": "hello", "fields": [{"title": "a", "value": "b"}]}
        said = (await meanwhile(stage, stage.http.post("/api/send", json=body))).json()
        assert said["outcome"] == "delivered"
        (kept,) = await stage.deliveries()
        assert (kept.id, kept.state, kept.new.rule) == (said["receipt"], "delivered", "(test)")
        await stage.check_books()


async def test_a_preview_sends_nothing(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_daemon(tmp_path, mattermost.hook_url) as stage:
        body = {"destination": "chat", "text": "x", "title": "T"}
        said = (await stage.http.post("/api/preview", json=body)).json()
        assert "T" in said["preview"]["body"]["text"]
        assert "outcome" not in said
    assert mattermost.attempts == []


async def test_a_text_too_long_for_one_post_is_refused_with_both_lengths(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        answer = await stage.http.post("/api/send", json={"destination": "chat", "text": "x" * 20_000})
        assert answer.status_code == 400
        assert "20000 characters; mattermost takes 15500" in answer.json()["error"]["message"]
