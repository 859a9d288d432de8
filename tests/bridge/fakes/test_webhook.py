from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from bridge.fakes.trouble import Answer, Close
from tests.fakes.receiver import FakeWebhook, Reply, running


def test_a_receiver_keeps_every_request(webhook_receiver: FakeWebhook, http: httpx.Client) -> None:
    answer = http.post(f"{webhook_receiver.base_url}/a?b=c", content=b"body", headers={"webhook-id": "d1"})
    assert (answer.status_code, answer.content) == (200, b"")
    (request,) = webhook_receiver.requests
    assert (request.path, request.query, request.body, request.header("webhook-id")) == ("/a", "b=c", b"body", "d1")


def test_its_answer_can_be_set(webhook_receiver: FakeWebhook, http: httpx.Client) -> None:
    webhook_receiver.reply = Reply(204, b"", ((b"x-seen", b"yes"),))
    answer = http.put(webhook_receiver.base_url)
    assert (answer.status_code, answer.headers["x-seen"]) == (204, "yes")


def test_trouble_is_scripted_as_for_every_fake(webhook_receiver: FakeWebhook, http: httpx.Client) -> None:
    webhook_receiver.script.next(Answer(410), Close())
    assert http.post(webhook_receiver.base_url).status_code == 410
    with pytest.raises(httpx.TransportError):
        http.post(webhook_receiver.base_url)
    assert [attempt.ending for attempt in webhook_receiver.wait_for_attempts(2)] == ["answered", "closed"]


def test_the_verification_hash_is_answered_exactly_and_is_no_delivery(http: httpx.Client) -> None:
    with running(FakeWebhook(verification_hash="abc123")) as receiver:
        assert http.get(f"{receiver.base_url}/ams_verification_hash").content == b"abc123"
        assert receiver.requests == []
        assert len(receiver.attempts) == 1
        receiver.verification_hash = None
        assert http.get(f"{receiver.base_url}/ams_verification_hash").status_code == 404


async def test_a_coroutine_may_wait_and_clearing_starts_anew(webhook_receiver: FakeWebhook) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        await http.post(webhook_receiver.base_url, content=b"old")
        assert len(await webhook_receiver.await_attempts(1)) == 1
        webhook_receiver.clear()
        await http.post(webhook_receiver.base_url, content=b"new")
        assert [kept.request.body for kept in await webhook_receiver.await_attempts(1)] == [b"new"]


def test_users_load_the_fixtures_as_a_pytest_plugin(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(
        "import httpx\n"
        "def test_it(mattermost, webhook_receiver):\n"
        "    with httpx.Client(trust_env=False) as http:\n"
        "        assert http.post(mattermost.hook_url, json={'text': 'hello'}).text == 'ok'\n"
        "    assert mattermost.posts[0].text == 'hello'\n"
        "    assert webhook_receiver.requests == []\n"
    )
    options = ["-q", "-p", "bridge.fakes.pytest_plugin", "-p", "no:cacheprovider"]
    command = [sys.executable, "-W", "error", "-m", "pytest", *options, str(tmp_path)]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
