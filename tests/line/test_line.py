"""An alert comes in over HTTP and stands in the channel: the whole line, and everything that must not stop it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.fakes.mattermost import FakeMattermost, RateLimit, Settings
from bridge.fakes.trouble import Answer, Close
from broker.records import Topic
from tests.line.stage import Stage, a_stage, wire

EVENTS = Path(__file__).parent.parent.parent / "examples" / "argo-status" / "status-events.jsonl"
ARGO = (Path(__file__).parent.parent.parent / "examples" / "argo-status" / "rules.d" / "argo.yaml").read_text()
ARGO = ARGO.replace("projects/ARGO/topics/status", "projects/P/topics/T").replace("to: monitoring", "to: chat")
ALL = """
topic: projects/P/topics/T
rules:
  - {name: all, match: {$.n: {exists: true}}, key: "{{ data.n }}", text: "n={{ data.n }}", send: chat}
"""


def chat(mattermost: FakeMattermost, **more: Any) -> str:
    """The destination ``chat`` as YAML, indented by two."""
    settings = {"type": "mattermost", "url": mattermost.hook_url, "rate": None, "timeout": "5s"} | more
    return f"  chat: {json.dumps(settings)}"


async def test_argo_status_events_stand_in_the_channel_as_people_know_them(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    events = [json.loads(line) for line in EVENTS.read_text().splitlines()]
    told = [event for event in events if event["type"] != "metric"]
    async with a_stage(tmp_path, ARGO, chat(mattermost)) as stage:
        await stage.publish(*events)
        found = await stage.settled(len(told))
        assert {one.state for one in found} == {"delivered"}
        await stage.check_books()
    posts = [post.text for post in mattermost.posts]
    assert len(posts) == len(told)
    assert {event["status"] for event in told} >= {"OK", "WARNING", "CRITICAL", "MISSING", "DOWNTIME"}
    for event, post in zip(told, posts, strict=True):
        assert f"**{event['endpoint_group']}** is {event['status']}" in post
        assert event["url.history"] in post
    assert mattermost.pings == frozenset()


@pytest.mark.parametrize(
    ("status", "state", "tries"),
    [
        (400, "dead", 1),
        (401, "dead", 1),
        (403, "dead", 1),
        (404, "dead", 1),
        (408, "delivered", 2),
        (410, "dead", 1),
        (413, "delivered", 2),  # cut, then accepted
        (422, "dead", 1),
        (425, "delivered", 2),
        (429, "delivered", 2),
        (500, "delivered", 2),
        (501, "delivered", 2),
        (502, "delivered", 2),
        (503, "delivered", 2),
        (504, "delivered", 2),
        (302, "dead", 1),
    ],
)
async def test_each_answer_leads_where_the_table_says(
    tmp_path: Path, mattermost: FakeMattermost, status: int, state: str, tries: int
) -> None:
    mattermost.script.next(Answer(status, "no"))
    async with a_stage(tmp_path, ALL, chat(mattermost), store="memory") as stage:
        await stage.publish({"n": 1})
        (delivery,) = await stage.settled(1, step_s=5)
        assert (delivery.state, delivery.tries) == (state, tries)
        await stage.check_books()


async def test_a_lost_answer_is_unclear_and_sent_again(tmp_path: Path, mattermost: FakeMattermost) -> None:
    mattermost.script.next(Close(at="after_accepting"))
    async with a_stage(tmp_path, ALL, chat(mattermost), store="memory") as stage:
        await stage.publish({"n": 1})
        (delivery,) = await stage.settled(1, step_s=1)
        assert (delivery.state, delivery.attempts, delivery.unclear) == ("delivered", 1, True)
    assert [post.text for post in mattermost.posts] == ["n=1", "n=1"]


async def test_rather_not_twice_makes_an_unclear_one_a_dead_letter(tmp_path: Path, mattermost: FakeMattermost) -> None:
    mattermost.script.next(Close(at="after_accepting"))
    async with a_stage(tmp_path, ALL, chat(mattermost, when_unclear="dead"), store="memory") as stage:
        await stage.publish({"n": 1})
        (delivery,) = await stage.settled(1)
        assert delivery.state == "dead"
    assert len(mattermost.posts) == 1


async def test_a_server_that_limits_its_rate_gets_everything_in_the_end(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    mattermost.settings = Settings(rate_limit=RateLimit(per_s=50, burst=3))
    async with a_stage(tmp_path, ALL, chat(mattermost), store="memory") as stage:
        await stage.publish(*({"n": n} for n in range(20)))
        found = await stage.settled(20, step_s=0.5)
        assert {one.state for one in found} == {"delivered"}
    assert {post.text for post in mattermost.posts} == {f"n={n}" for n in range(20)}


@pytest.mark.parametrize(
    "payload",
    [
        b"this is not JSON",
        b"\xff\xfe\x00 not even text",
        b"",
        b"[" * 5000,
        b'{"n": ',
        {"n": "x" * 1_000_000},
        {"n": {"deep": [[[[[[[["er"]]]]]]]]}},
        {"n": "@channel @here <!channel> [x](http://evil.example) | a | b |"},
        {"n": "ΑΘΗΝΑ-1 \u202e \x07"},
        {"n": "\ud800"},
        {"n": None},
        {"n": 1e400},
    ],
    ids=lambda payload: str(payload)[:30],
)
async def test_no_payload_blocks_the_ones_behind_it(tmp_path: Path, mattermost: FakeMattermost, payload: Any) -> None:
    async with a_stage(tmp_path, ALL, chat(mattermost)) as stage:
        await stage.publish(payload)
        await stage.publish({"n": "behind"})
        await stage.until(lambda found: any(one.new.key == "behind" and one.state == "delivered" for one in found))
        await stage.settled(1, step_s=1)
        await stage.check_books()
    assert mattermost.posts[-1].text == "n=behind"
    assert mattermost.pings == frozenset()


async def test_a_bad_rule_file_on_reload_keeps_the_old_rules(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_stage(tmp_path, ALL, chat(mattermost), store="memory") as stage:
        before = stage.daemon.in_force.rule_set.version
        rule_file = tmp_path / "rules.d" / "rules.yaml"
        rule_file.write_text(ALL + "  - {name: bad, match: {$.n: {equalz: 1}}, send: nowhere}\n")
        answer = await stage.http.post("/api/reload")
        assert answer.status_code != 200
        assert f"{rule_file}:5:" in answer.text
        assert 'did you mean \\"equals\\"' in answer.text
        assert (await stage.http.get("/readyz")).status_code == 200
        assert 'ams_bridge_reloads_total{result="refused"} 1.0' in (await stage.http.get("/metrics")).text
        assert stage.daemon.in_force.rule_set.version == before
        await stage.publish({"n": 1})
        await stage.settled(1)
        rule_file.write_text(ALL.replace('"n={{ data.n }}"', '"new {{ data.n }}"'))
        assert (await stage.http.post("/api/reload")).status_code == 200
        await stage.publish({"n": 2})
        await stage.settled(2)
    assert [post.text for post in mattermost.posts] == ["n=1", "new 2"]


async def test_a_restart_repeats_nothing(tmp_path: Path, mattermost: FakeMattermost) -> None:
    for n in range(3):
        async with a_stage(tmp_path, ALL, chat(mattermost)) as stage:
            await stage.publish({"n": n})
            await stage.settled(n + 1)
            await stage.check_books()
    assert [post.text for post in mattermost.posts] == ["n=0", "n=1", "n=2"]


async def test_a_daemon_with_bad_rule_files_starts_with_the_last_good_ones(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_stage(tmp_path, ALL, chat(mattermost)) as stage:
        await stage.publish({"n": 1})
        await stage.settled(1)
    async with a_stage(tmp_path, "rules: [{name: broken", chat(mattermost)) as stage:
        ready = await stage.http.get("/readyz")
        assert ready.status_code == 200
        assert "rules.yaml:1:" in ready.json()["degraded"]
        await stage.publish({"n": 2})
        await stage.settled(2)
    assert [post.text for post in mattermost.posts] == ["n=1", "n=2"]


async def test_messages_of_topics_without_rules_are_unrouted(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_stage(tmp_path, ALL, chat(mattermost), store="memory") as stage:
        await stage.publish({"n": 1}, {"n": 2}, topic="OTHER")
        other = next(book for book in await stage.daemon.books() if book.topic.endswith("/OTHER"))
        assert (other.messages.received, other.messages.unrouted, other.balanced) == (2, 2, True)


async def test_bad_input_is_refused_clearly_and_changes_nothing(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_stage(tmp_path, ALL, chat(mattermost), store="memory") as stage:
        publish = "/v1/projects/P/topics/T:publish"
        hook, known = "/hooks/hook", {"x-api-key": "hook-token"}
        refused = [
            (await stage.http.post(publish, content=b"{"), 400),
            (await stage.http.post(publish, content=b"{}", headers={"x-api-key": "wrong"}), 401),
            (await stage.http.post(publish, json={"messages": [{"data": "x" * 2_000_000}]}), 413),
            (await stage.http.post(hook, content=b"{", headers=known | {"content-type": "application/json"}), 400),
            (await stage.http.post("/hooks/hook", content=b"{}"), 401),
            (await stage.http.post(hook, content=b"x" * 3_000_000, headers=known), 413),
            (await stage.http.post("/hooks/nobody", content=b"{}"), 404),
        ]
        for answer, status in refused:
            assert answer.status_code == status, answer.text
            assert set(answer.json()["error"]) >= {"code", "message", "status"}
        topic = next(one for one in stage.daemon.broker.cache.list_all(Topic) if one.name == "T")
        assert (await stage.daemon.store.log.bounds(topic.uid)).end == 0


async def test_a_webhook_call_walks_the_line(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_stage(tmp_path, ALL, chat(mattermost), store="memory") as stage:
        answer = await stage.http.post("/hooks/hook", json={"n": 7}, headers={"x-api-key": "hook-token"})
        assert answer.json() == {"messageIds": ["0"]}
        await stage.settled(1)
    assert [post.text for post in mattermost.posts] == ["n=7"]


async def test_a_dead_destination_for_an_hour_holds_up_nobody_and_loses_nothing(
    tmp_path: Path, mattermost: FakeMattermost, other_mattermost: FakeMattermost
) -> None:
    rules = ALL.replace("send: chat", "send: [chat, other]").replace('key: "{{ data.n }}"', 'key: "{{ data.k }}"')
    each = {"backlog": "off"}  # every post by itself, however old
    destinations = chat(mattermost, **each) + "\n" + chat(other_mattermost, **each).replace("chat:", "other:")
    down = [True]
    mattermost.script.always(lambda request: Answer(503) if down[0] else None)
    async with a_stage(tmp_path, rules, destinations, store="memory") as stage:
        await stage.publish(*({"n": n, "k": n % 3} for n in range(30)))
        await _until_posted(stage, other_mattermost, 30)
        for _ in range(720):
            await stage.clock.advance(5)
            await _turns(stage)
        assert mattermost.posts == []
        down[0] = False
        found = await stage.settled(60, step_s=10)
        assert {one.state for one in found} == {"delivered"}
        await stage.check_books()
        failed = [one for one in found if one.new.destination == "chat"]
        assert sum(one.attempts for one in failed) == 0
    for fake in (mattermost, other_mattermost):
        numbers = [int(post.text.removeprefix("n=")) for post in fake.posts]
        assert sorted(numbers) == list(range(30))
        for k in range(3):
            assert [n for n in numbers if n % 3 == k] == sorted(n for n in numbers if n % 3 == k)


async def _until_posted(stage: Stage, fake: FakeMattermost, count: int) -> None:
    await stage.until(lambda found: len(fake.posts) >= count)


async def _turns(stage: Stage) -> None:
    """Let tries under way end: they are real HTTP."""
    for _ in range(20_000):
        if not stage.is_trying:
            return
        await stage.clock.advance(0)


def test_the_wire_form_is_base64() -> None:
    assert wire({"n": 1}) == "eyJuIjogMX0="
