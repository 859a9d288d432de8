"""A push subscription made through the API is pushed by the running daemon."""

from __future__ import annotations

import json
from pathlib import Path

from bridge.fakes.mattermost import FakeMattermost
from tests.line.stage import a_stage

RULES = "rules: []\n"


async def test_a_mattermost_subscription_gets_every_message_in_order(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_stage(
        tmp_path, RULES, "  inbox: {type: inbox}", store="memory", more="push: {allow_private: true}"
    ) as stage:
        push = {
            "type": "mattermost",
            "mattermostUrl": mattermost.hook_url,
            "base64Decode": True,
            "retryPolicy": {"type": "linear", "period": 300},
        }
        made = await stage.http.put(
            "/v1/projects/P/subscriptions/push", json={"topic": "projects/P/topics/T", "pushConfig": push}
        )
        assert made.status_code == 200, made.text
        await stage.publish(*(f"message {n}".encode() for n in range(5)))
        await stage.until(lambda found: len(mattermost.posts) == 5, step_s=0.1)
        shown = await stage.http.get("/v1/projects/P/subscriptions/push")
        assert "currently active" in json.dumps(shown.json())
    assert [post.text for post in mattermost.posts] == [f"message {n}" for n in range(5)]
