"""One test post: the exact outcome, and what it looks like."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.fakes.mattermost import FakeMattermost
from bridge.fakes.trouble import Answer, Close, Normal
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


LONG = "\n\n".join(f"Paragraph {n}: " + " ".join(["word"] * 70) for n in range(115))


async def test_a_preview_of_a_long_text_shows_every_part_and_how_large_it_is(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        said = (await stage.http.post("/api/preview", json={"destination": "chat", "text": LONG})).json()
        assert said["text"] == {"characters": len(LONG), "most": 15_500, "fate": "split", "parts": 3}
        assert len(said["parts"]) == 3
        assert said["preview"] == said["parts"][0]
        assert "\n\n".join(part["body"]["text"].strip() for part in said["parts"]) == LONG.strip()
        text, request = said["parts"][0]["sizes"]
        assert text == {"of": "text", "has": len(said["preview"]["body"]["text"]), "most": 16_383, "unit": "characters"}
        assert (request["of"], request["most"], request["unit"]) == ("request", 300_000, "bytes")


async def test_a_long_text_is_sent_in_parts_as_they_were_previewed(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_daemon(tmp_path, mattermost.hook_url) as stage:
        said = (await stage.http.post("/api/send", json={"destination": "chat", "text": LONG})).json()
        assert [part["outcome"] for part in said["parts"]] == ["delivered"] * 3
        assert [post.text for post in mattermost.posts] == [part["preview"]["body"]["text"] for part in said["parts"]]


async def test_parts_behind_one_that_did_not_arrive_are_not_sent(tmp_path: Path, mattermost: FakeMattermost) -> None:
    mattermost.script.next(Normal(), Answer(503, "down"))
    async with a_daemon(tmp_path, mattermost.hook_url) as stage:
        said = (await stage.http.post("/api/send", json={"destination": "chat", "text": LONG})).json()
        assert (said["outcome"], said["text"]["parts"], len(said["parts"])) == ("later", 3, 2)
    assert len(mattermost.attempts) == 2
