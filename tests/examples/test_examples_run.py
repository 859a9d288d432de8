"""The examples at work: a whole daemon each, fed with their samples over HTTP."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from bridge.fakes.mattermost import FakeMattermost
from bridge.fakes.webhook import FakeWebhook
from tests.examples.running import an_example
from tests.line.stage import TOKEN, Stage, a_stage

REPUBLISHED = (
    b'{"body":"sum","header":{"status":"OK","service":"svc","timestamp":"2026-01-01T00:00:00Z","metric":"m",'
    b'"hostname":"h","monitoring_host":"mon"},"text":"true"}'
)


@pytest.fixture
def chat(mattermost: FakeMattermost) -> FakeMattermost:
    """A Mattermost with the channels that the examples post to."""
    for name in ("alerts", "oncall", "dashboards", "web-alerts", "ops"):
        mattermost.town.add_channel(name)
    return mattermost


async def publish_lines(stage: Stage, topic: str, file: str, **attributes: str) -> int:
    lines = (stage.folder / file).read_bytes().splitlines()
    messages = [{"data": base64.b64encode(line).decode(), "attributes": attributes} for line in lines]
    answer = await stage.http.post(f"/v1/{topic}:publish", json={"messages": messages})
    assert answer.status_code == 200, answer.text
    return len(lines)


async def call(stage: Stage, hook: str, file: str, **headers: str) -> None:
    """Call a webhook source with a sample, as its sender would."""
    request = stage.http.build_request("POST", hook, content=(stage.folder / file).read_bytes(), headers=headers)
    request.headers["content-type"] = "application/json"
    if "authorization" in headers:
        del request.headers["x-api-key"]
    answer = await stage.http.send(request)
    assert answer.status_code == 200, answer.text


async def pulled(stage: Stage, subscription: str, token: str) -> list[dict[str, Any]]:
    answer = await stage.http.post(
        f"/v1/{subscription}:pull", json={"maxMessages": "100"}, headers={"x-api-key": token}
    )
    assert answer.status_code == 200, answer.text
    return [one["message"] for one in answer.json()["receivedMessages"]]


async def test_a_remote_event_is_pulled_reshaped_republished_and_pushed(
    tmp_path: Path, webhook_receiver: FakeWebhook
) -> None:
    remote_folder = tmp_path / "remote"
    remote_folder.mkdir()
    events = (
        (Path(__file__).parents[2] / "examples" / "argo-republish" / "status-events.jsonl").read_text().splitlines()
    )
    async with a_stage(remote_folder, "rules: []\n", "  inbox: {type: inbox}", tls=True) as remote:
        await remote.publish(*(line.encode() for line in events))
        endpoint = f"127.0.0.1:{remote.daemon.servers[0].port}"
        certificate = remote_folder / "state" / "certificate.pem"
        source = {"engine": {"project": "P", "subscription": "S", "ca": certificate}}
        environ = {"REMOTE_AMS": endpoint, "REMOTE_TOKEN": TOKEN, "RECEIVER": f"{webhook_receiver.base_url}/in"}
        async with an_example("argo-republish", tmp_path, environ, source) as stage:
            await stage.settled(4)
            messages = await pulled(stage, "projects/ARGO/subscriptions/portal", "the-ams-bridge-token")
            await stage.check_books()
    republished = [base64.b64decode(one["data"]) for one in messages]
    assert (republished[0], len(republished)) == (REPUBLISHED, 2)
    assert sorted(one.body for one in webhook_receiver.requests) == sorted(republished)


async def test_alerts_of_a_call_stand_in_their_channels(tmp_path: Path, chat: FakeMattermost) -> None:
    async with an_example("alertmanager-mattermost", tmp_path, {"MATTERMOST_HOOK": chat.hook_url}) as stage:
        await call(stage, "/hooks/prometheus", "call.json", authorization="Bearer the-alertmanager-token")
        await stage.settled(3, step_s=5)
        await stage.check_books()
    told = sorted((post.channel, post.text.splitlines()[0]) for post in chat.posts)
    assert told == [
        ("alerts", ":large_orange_circle: **DiskWillFillIn4Hours** is firing (warning) on web3.example.org:9100"),
        ("alerts", ":red_circle: **InstanceDown** is firing (critical) on db1.example.org:9100"),
        ("oncall", ":red_circle: **InstanceDown** is firing (critical) on db1.example.org:9100"),
    ]


async def test_hosts_that_say_nothing_any_more_are_told_to_their_team(tmp_path: Path, chat: FakeMattermost) -> None:
    async with an_example("host-watch", tmp_path, {"MATTERMOST_HOOK": chat.hook_url}) as stage:
        await publish_lines(stage, "projects/FARM/topics/hosts", "beats.jsonl")
        await stage.settled(4, step_s=20)
        await stage.check_books()
    told = sorted((post.channel, post.text.splitlines()[0]) for post in chat.posts)
    assert told == [
        ("oncall", "root failed to log in to db1 again and again"),
        ("ops", "**db1** (bob) is not heard"),
        ("ops", "**web1** (ann) is not heard"),
        ("ops", "**web2** (ann) is not heard"),
    ]


async def test_a_call_of_grafana_stands_in_the_channel_of_its_folder(tmp_path: Path, chat: FakeMattermost) -> None:
    async with an_example("grafana-mattermost", tmp_path, {"MATTERMOST_HOOK": chat.hook_url}) as stage:
        await call(stage, "/hooks/grafana", "call.json", authorization="Bearer the-grafana-token")
        await stage.settled(1, step_s=1)
        await stage.check_books()
    (post,) = chat.posts
    assert post.channel == "web-alerts"


async def test_a_notification_of_icinga_stands_in_the_channel(tmp_path: Path, chat: FakeMattermost) -> None:
    credentials = base64.b64encode(b"icinga:the-icinga-password").decode()
    async with an_example("icinga-mattermost", tmp_path, {"MATTERMOST_HOOK": chat.hook_url}) as stage:
        await call(stage, "/hooks/icinga", "problem.json", authorization=f"Basic {credentials}")
        await stage.settled(1, step_s=1)
        await stage.check_books()
    (post,) = chat.posts
    assert post.text.splitlines()[0] == ":red_circle: **smtp** on **mail.example.org** is CRITICAL"
