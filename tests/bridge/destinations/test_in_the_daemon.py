"""Destinations at work in a whole daemon: incidents that stay one post, and messages that are published again."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from bridge.fakes.discord import FakeDiscord
from bridge.fakes.mattermost import FakeMattermost
from bridge.fakes.slack import FakeSlack
from bridge.fakes.trouble import Close, Normal
from bridge.fakes.webhook import FakeWebhook
from tests.line.stage import Stage, a_stage

INCIDENTS = """
topic: projects/P/topics/T
rules:
  - name: site
    match: {$.status: [WARNING, CRITICAL]}
    resolved: {$.status: OK}
    key: "{{ data.site }}"
    severity: "{{ {'CRITICAL': 'critical', 'WARNING': 'warning'}.get(data.status, 'ok') }}"
    text: "{{ data.site }} {{ data.status }}"
    repeat: 1h
    send: chat
"""
CIRCLE = """
rules:
  - name: there
    topic: projects/P/topics/T
    match: {$.n: {exists: true}}
    body: {n: "{{ data.n }}", from: there}
    send: other
  - name: back
    topic: projects/P/topics/OTHER
    match: {$.n: {exists: true}}
    body: {n: "{{ data.n }}", from: back}
    send: {to: again, attributes: {passed: "{{ attributes['ams-bridge-hops'] }}"}}
"""


def bot(server: FakeMattermost) -> str:
    return f"  chat: {{type: mattermost_bot, url: '{server.base_url}', token: {server.bot_token}, channel: monitoring}}"


async def say(stage: Stage, status: str, count: int) -> None:
    await stage.publish({"site": "A", "status": status})
    await stage.settled(count)


async def test_an_incident_is_one_post_from_warning_to_ok_but_for_getting_worse(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_stage(tmp_path, INCIDENTS, bot(mattermost)) as stage:
        await say(stage, "WARNING", 1)
        await say(stage, "CRITICAL", 2)
        await stage.let_pass(3_700)
        await stage.settled(3, step_s=5.0)
    # Receipts are in the store: another daemon goes on where this one stopped.
    async with a_stage(tmp_path, INCIDENTS, bot(mattermost)) as stage:
        await say(stage, "OK", 4)
        await say(stage, "WARNING", 5)
        await stage.check_books()
    assert [post.text for post in mattermost.posts] == ["A WARNING", "A OK", "A WARNING"]
    critical = mattermost.posts[1]
    history = [form.text.split("\n")[0] for form in mattermost.world.board.history(critical.id)]
    assert history == ["A CRITICAL", "A CRITICAL", "A OK"]
    assert critical.attachments[0]["color"] == "#3db887"
    assert critical.attachments[0]["footer"].endswith("update 2")


async def test_a_post_whose_answer_was_lost_is_found_and_goes_on_to_be_edited(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_stage(tmp_path, INCIDENTS, bot(mattermost)) as stage:
        mattermost.script.next(Normal(), Normal(), Close(at="after_accepting"))
        await stage.publish({"site": "A", "status": "CRITICAL"})
        await stage.settled(1, step_s=5.0)
        await say(stage, "OK", 2)
    assert [post.text for post in mattermost.posts] == ["A OK"]


async def test_other_services_keep_one_message_too(tmp_path: Path, slack: FakeSlack, discord: FakeDiscord) -> None:
    destinations = f"""
  chat: {{type: slack_bot, url: '{slack.api_url}', token: {slack.bot_token}, channel: alerts}}
  guild: {{type: discord, url: '{discord.hook_url}'}}"""
    rules = INCIDENTS.replace("send: chat", "send: [chat, guild]")
    async with a_stage(tmp_path, rules, destinations) as stage:
        await say(stage, "CRITICAL", 2)
        await say(stage, "OK", 4)
    assert [(message.edits, message.shown.split("\n")[0]) for message in slack.messages] == [(1, "A OK")]
    assert [(message.edits, message.embeds[0]["description"]) for message in discord.messages] == [(1, "A OK")]


async def test_messages_that_go_round_in_circles_come_to_an_end(tmp_path: Path) -> None:
    destinations = """
  other: {type: topic, topic: projects/P/topics/OTHER, max_hops: 4}
  again: {type: topic, topic: projects/P/topics/T, max_hops: 4}"""
    async with a_stage(tmp_path, CIRCLE, destinations) as stage:
        await stage.publish({"n": 1})
        found = await stage.until(lambda some: any(one.state == "dead" for one in some))
        await stage.check_books()
        log = stage.daemon.store.log
        topics = {topic.name: topic.uid for topic in _topics(stage)}
        messages = [*await log.read(topics["T"], 0, 10, 10**6), *await log.read(topics["OTHER"], 0, 10, 10**6)]
    assert [one.state for one in found] == ["delivered"] * 4 + ["dead"]
    assert "published 4 times already" in found[-1].by
    said = [(json.loads(base64.b64decode(one.data)), dict(one.attributes)) for one in messages]
    assert said[1] == ({"n": "1", "from": "back"}, {"ams-bridge-hops": "2", "passed": "1"})
    assert said[-1] == ({"n": "1", "from": "there"}, {"ams-bridge-hops": "3"})


def _topics(stage: Stage) -> list:
    project = stage.daemon.broker.cache.project("P")
    assert project is not None
    return [stage.daemon.broker.cache.topic(project.uid, name) for name in ("T", "OTHER")]


async def test_files_and_commands_get_what_rules_send(tmp_path: Path) -> None:
    script = tmp_path / "take"
    script.write_text(f"#!/bin/sh\ncat > {tmp_path}/given\n")
    script.chmod(0o755)
    destinations = f"""
  chat: {{type: file, path: alerts.jsonl}}
  run: {{type: command, enabled: true, command: ["{script}"]}}"""
    rules = INCIDENTS.replace("send: chat", "send: [chat, run]")
    async with a_stage(tmp_path, rules, destinations) as stage:
        await say(stage, "CRITICAL", 2)
    line = json.loads((tmp_path / "alerts.jsonl").read_text())
    assert (line["text"], line["severity"], line["rule"], line["key"]) == ("A CRITICAL", "critical", "site", "A")
    assert json.loads((tmp_path / "given").read_text())["text"] == "A CRITICAL"


AMS_PUSH = """
topic: projects/P/topics/T
rules: [{name: all, match: {$.n: {exists: true}}, body: {n: "{{ data.n }}"}, send: hook}]
"""


async def test_an_ams_push_names_the_topic_that_the_message_came_from(
    tmp_path: Path, webhook_receiver: FakeWebhook
) -> None:
    hook = f"  hook: {{type: webhook, url: '{webhook_receiver.base_url}', form: ams, rate: null}}"
    async with a_stage(tmp_path, AMS_PUSH, hook, store="memory") as stage:
        await stage.publish({"n": 1})
        await stage.settled(1)
    (request,) = webhook_receiver.requests
    assert request.json()["subscription"] == "projects/P/topics/T"
