"""Push subscriptions, pushed: in order, at least once, and on after a poison message (ams-api.md 8.4-8.6)."""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field

import msgspec
import pytest
import structlog
import structlog.testing

from bridge.core.supervisor import Supervisor
from bridge.push.http import NotPosted, Posted
from bridge.push.pusher import destination_of
from bridge.push.pushers import Pushers
from broker.engines.memory.trouble import Trouble
from broker.model import DeliveryQuery
from broker.records import PushConfig
from tests.fakes.brokers import a_message, a_stage

NAME = "projects/P/subscriptions/pushed"
HTTP = PushConfig(
    type="http_endpoint",
    endpoint="https://receiver/in",
    max_messages=1,
    authorization_type="autogen",
    authorization_value="AUTHZ",
    retry_type="linear",
    retry_period_ms=1000,
    verification_hash="h",
    verified=True,
)
MATTERMOST = PushConfig(
    type="mattermost",
    max_messages=1,
    retry_type="linear",
    retry_period_ms=1000,
    verified=True,
    mattermost_url="https://chat/hooks/secret",
    mattermost_username="bot argo",
    mattermost_channel="ops",
    base64_decode=True,
)


@dataclass
class Receiver:
    """An endpoint that answers as told, the last answer for ever."""

    answers: list = field(default_factory=lambda: [Posted(200, b"")])
    posts: list = field(default_factory=list)

    async def post(self, url, body, headers):
        """See bridge.push_http.Post."""
        self.posts.append((url, json.loads(body), dict(headers)))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer = answer(json.loads(body))
        if isinstance(answer, str):
            raise NotPosted(answer)
        return answer

    @property
    def data(self):
        """The texts received, tries included."""
        return [(body["message"]["data"] if "message" in body else body.get("text")) for _, body, _ in self.posts]


@dataclass
class Line:
    """A stage with a push subscription, its receiver, and the pushers."""

    stage: object
    receiver: Receiver
    pushers: Pushers
    subscription: object

    async def advance(self, seconds):
        """Let time pass."""
        await self.stage.clock.advance(seconds, turns=60)

    async def offset(self):
        """Where the subscription stands."""
        return (await self.stage.broker.offsets(self.subscription)).current

    @property
    def status(self):
        """The push status."""
        return self.pushers.status(self.subscription)


@contextlib.asynccontextmanager
async def a_line(push=HTTP, answers=None, give_up_after_s=None, filter_text=""):
    stage = await a_stage()
    subscription = await stage.broker.subscriptions.create(
        stage.project, "pushed", stage.topic, push=push, filter_text=filter_text
    )
    receiver = Receiver(**({} if answers is None else {"answers": answers}))
    supervisor = Supervisor(stage.clock)
    pushers = Pushers(stage.broker, stage.clock, supervisor, receiver.post, give_up_after_s)
    supervisor.start("pushers", pushers.follow)
    line = Line(stage, receiver, pushers, subscription)
    try:
        yield line
    finally:
        await supervisor.stop_all()


async def test_only_what_the_filter_admits_is_pushed_and_the_rest_left_behind():
    async with a_line(filter_text='attributes.kind = "alarm"') as line:
        kinds = ("metric", "alarm", "metric", "metric", "alarm", "metric")
        await line.stage.broker.publish(line.stage.topic, [a_message(kind, {"kind": kind}) for kind in kinds])
        await line.advance(20)
        assert line.receiver.data == ["alarm", "alarm"]
        assert await line.offset() == 6
        await line.stage.broker.publish(line.stage.topic, [a_message("later", {"kind": "alarm"})])
        await line.advance(20)
        assert line.receiver.data == ["alarm", "alarm", "later"]


async def test_messages_are_pushed_in_order_one_per_period():
    async with a_line() as line:
        await line.stage.publish("a", "b", "c")
        await line.advance(0)
        assert line.receiver.data == ["a"]
        await line.advance(1)
        assert line.receiver.data == ["a", "b"]
        await line.advance(1)
        assert line.receiver.data == ["a", "b", "c"]
        await line.advance(10)
        assert line.receiver.data == ["a", "b", "c"]
        assert await line.offset() == 3


async def test_a_single_message_has_the_documented_form():
    async with a_line() as line:
        await line.stage.broker.publish(line.stage.topic, [a_message("b25l", {"z": "1", "a": "b"}), a_message("x")])
        await line.advance(1)
        assert line.receiver.posts == [
            (
                "https://receiver/in",
                {
                    "message": {
                        "messageId": "0",
                        "attributes": {"a": "b", "z": "1"},
                        "data": "b25l",
                        "publishTime": "2026-01-01T00:00:00Z",
                    },
                    "subscription": NAME,
                },
                {"Content-Type": "application/json", "Authorization": "AUTHZ"},
            ),
            (
                "https://receiver/in",
                {
                    "message": {"messageId": "1", "data": "x", "publishTime": "2026-01-01T00:00:00Z"},
                    "subscription": NAME,
                },
                {"Content-Type": "application/json", "Authorization": "AUTHZ"},
            ),
        ]
        assert list(line.receiver.posts[0][1]["message"]["attributes"]) == ["a", "z"]


async def test_an_endpoint_for_many_always_gets_a_list_and_no_header_when_disabled():
    push = msgspec.structs.replace(HTTP, max_messages=2, authorization_type="disabled", authorization_value="")
    async with a_line(push) as line:
        await line.stage.publish("a", "b", "c")
        await line.advance(1)
        assert [[one["message"]["data"] for one in body["messages"]] for _, body, _ in line.receiver.posts] == [
            ["a", "b"],
            ["c"],
        ]
        assert all(one["subscription"] == NAME for one in line.receiver.posts[0][1]["messages"])
        assert line.receiver.posts[0][2] == {"Content-Type": "application/json"}


async def test_base64_is_decoded_where_asked_and_other_texts_go_as_they_are():
    async with a_line(msgspec.structs.replace(HTTP, base64_decode=True)) as line:
        await line.stage.publish("b25l", "not base64!")
        await line.advance(1)
        assert line.receiver.data == ["one", "not base64!"]


async def test_mattermost_gets_one_post_per_message():
    async with a_line(MATTERMOST) as line:
        await line.stage.publish("OnJlZF9jaXJjbGU6ICoqWCoqIGlzIENSSVRJQ0FM", "b25l")
        await line.advance(1)
        expected = {"username": "bot argo", "channel": "ops"}
        assert [body for _, body, _ in line.receiver.posts] == [
            {"text": ":red_circle: **X** is CRITICAL"} | expected,
            {"text": "one"} | expected,
        ]
        assert line.receiver.posts[0][2] == {"Content-Type": "application/json"}


async def test_empty_names_are_left_out_of_a_post():
    push = msgspec.structs.replace(MATTERMOST, mattermost_username="", mattermost_channel="")
    async with a_line(push) as line:
        await line.stage.publish("b25l")
        await line.advance(0)
        assert line.receiver.posts[0][1] == {"text": "one"}


@pytest.mark.parametrize("status", [200, 201, 204, 102])
async def test_an_endpoint_takes_a_message_with_these_statuses(status):
    async with a_line(answers=[Posted(status, b"")]) as line:
        await line.stage.publish("a")
        await line.advance(0)
        assert await line.offset() == 1
        assert line.status == f"Subscription /{NAME} is currently active"


@pytest.mark.parametrize(
    "answer", [Posted(202, b"why"), Posted(301, b"why"), Posted(400, b"why"), Posted(500, b"why"), "why"]
)
async def test_with_any_other_answer_the_same_messages_come_again(answer):
    async with a_line(answers=[answer]) as line:
        await line.stage.publish("a", "b")
        await line.advance(2)
        assert line.receiver.data == ["a", "a", "a"]
        assert await line.offset() == 0
        assert line.status == "2026-01-01T00:00:02 - Could not send message, why"
        line.receiver.answers = [Posted(200, b"")]
        await line.advance(2)
        assert line.receiver.data == ["a", "a", "a", "a", "b"]
        assert line.status == f"Subscription /{NAME} is currently active"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"message":"no","detailed_error":"because"}', "no.because"),
        (b'{"message":"no","detailed_error":""}', "no"),
        (b'{"other":1}', '{"other":1}'),
        (b"plain", "plain"),
        (b"", "status 201"),
    ],
)
async def test_mattermost_takes_a_post_with_200_only_and_says_why_not(body, why):
    async with a_line(MATTERMOST, answers=[Posted(201, body)]) as line:
        await line.stage.publish("b25l")
        await line.advance(0)
        assert await line.offset() == 0
        assert line.status == f"2026-01-01T00:00:00 - Could not send message, {why}"


async def test_a_hooks_address_is_never_told():
    async with a_line(MATTERMOST, answers=["cannot reach https://chat/hooks/secret"]) as line:
        await line.stage.publish("b25l")
        await line.advance(0)
        assert "secret" not in line.status


async def test_slowstart_waits_longer_with_every_failure_and_not_after_a_success():
    push = msgspec.structs.replace(HTTP, retry_type="slowstart", retry_period_ms=0)
    async with a_line(push, answers=["down"]) as line:
        await line.stage.publish(*"abcdef")
        for seconds, tries in ((0.9, 0), (0.2, 1), (1.8, 1), (0.2, 2), (3.8, 2), (0.2, 3)):
            await line.advance(seconds)
            assert len(line.receiver.posts) == tries
        line.receiver.answers = [Posted(200, b"")]
        await line.advance(8)
        assert line.receiver.data == ["a", "a", "a", "a"]
        await line.advance(1)
        await line.advance(0.5)
        assert line.receiver.data[-2:] == ["b", "c"]


async def test_a_message_that_comes_to_an_idle_subscription_is_pushed_at_once():
    async with a_line() as line:
        await line.advance(3)
        await line.stage.publish("a")
        await line.advance(0)
        assert line.receiver.data == ["a"]


async def test_an_offset_moved_back_by_hand_is_noticed():
    async with a_line() as line:
        await line.stage.publish("a")
        await line.advance(2)
        await line.stage.broker.modify_offset(line.subscription, 0)
        await line.advance(8)
        assert line.receiver.data == ["a", "a"]


async def test_an_offset_moved_while_a_push_is_under_way_wins():
    async with a_line() as line:
        moves = []

        def move(body):
            if not moves:
                moves.append(asyncio.ensure_future(line.stage.broker.modify_offset(line.subscription, 3)))
            return Posted(200, b"")

        line.receiver.answers = [move]
        await line.stage.publish(*"abcd")
        await line.advance(0)
        await asyncio.gather(*moves)
        await line.advance(1)
        assert line.receiver.data == ["a", "d"]
        assert await line.offset() == 4


@pytest.mark.parametrize("outcome", ["unavailable", "stored", "not stored"])
async def test_after_a_push_succeeded_only_the_commit_is_repeated(outcome):
    async with a_line() as line:
        line.stage.broker.store.gate.add(Trouble("commit", outcome, times=1))
        await line.stage.publish("a", "b")
        await line.advance(0)
        assert "Could not acknowledge message" in line.status
        await line.advance(3)
        assert line.receiver.data == ["a", "b"]
        assert await line.offset() == 2


async def test_a_store_that_is_away_is_a_failed_cycle():
    async with a_line() as line:
        line.stage.broker.store.gate.add(Trouble("cursors.get", "unavailable"))
        await line.stage.publish("a")
        await line.advance(0)
        assert "Could not consume message" in line.status
        await line.advance(1)
        assert line.receiver.data == ["a"]


async def test_a_deleted_topic_is_told_and_its_successor_is_pushed():
    async with a_line() as line:
        await line.stage.broker.topics.delete(line.stage.topic)
        await line.advance(6)
        assert line.status.endswith("Could not consume message, Subscription's topic doesn't exist")
        line.stage.topic = await line.stage.broker.topics.create(line.stage.project, "T")
        await line.stage.publish("new")
        await line.advance(2)
        assert line.receiver.data == ["new"]


async def test_pushing_ends_with_its_subscription_or_its_configuration_and_begins_again():
    async with a_line() as line:
        await line.advance(0)
        change = line.stage.broker.subscriptions.change
        await change(line.subscription, lambda now: msgspec.structs.replace(now, push=PushConfig()))
        await line.stage.publish("a")
        await line.advance(5)
        assert line.receiver.data == []
        assert line.status == f"Error: Subscription /{NAME} is not active"
        await change(line.subscription, lambda now: msgspec.structs.replace(now, push=HTTP))
        await line.advance(1)
        assert line.receiver.data == ["a"]
        await line.stage.broker.subscriptions.delete(line.subscription)
        await line.stage.publish("b")
        await line.advance(5)
        assert line.receiver.data == ["a"]


async def test_an_unverified_endpoint_is_not_pushed_to():
    async with a_line(msgspec.structs.replace(HTTP, verified=False)) as line:
        await line.stage.publish("a")
        await line.advance(5)
        assert line.receiver.posts == []


async def test_a_changed_configuration_is_used_at_once():
    push = msgspec.structs.replace(HTTP, retry_period_ms=3_600_000)
    async with a_line(push, answers=["down"]) as line:
        await line.stage.publish("a")
        await line.advance(1)
        other = msgspec.structs.replace(HTTP, endpoint="https://other/in")
        await line.stage.broker.subscriptions.change(
            line.subscription, lambda now: msgspec.structs.replace(now, push=other)
        )
        await line.advance(0)
        assert [url for url, _, _ in line.receiver.posts] == ["https://receiver/in", "https://other/in"]


async def test_what_was_pushed_counts_in_the_subscriptions_metrics():
    async with a_line() as line:
        await line.stage.publish("aaaa", "bb")
        await line.advance(2)
        consumed = await line.stage.broker.pulls.measure_consumption(line.subscription)
        assert (consumed.messages, consumed.bytes) == (2, 6)


# --- Poison ---------------------------------------------------------------------------------------


def refusing(*poison):
    """An endpoint that takes everything but these texts."""

    def answer(body):
        messages = body.get("messages", [body])
        bad = any(one["message"]["data"] in poison for one in messages)
        return Posted(400, b"poison") if bad else Posted(200, b"")

    return [answer]


async def dead(line):
    query = DeliveryQuery(state="dead", destination=destination_of(NAME))
    return await line.stage.broker.store.outbox.find(query)


async def test_without_giving_up_a_poison_message_is_tried_for_ever():
    async with a_line(answers=refusing("bad")) as line:
        await line.stage.publish("bad", "good")
        await line.advance(100)
        assert set(line.receiver.data) == {"bad"}
        assert await dead(line) == []


async def test_a_poison_message_becomes_a_dead_letter_and_the_subscription_goes_on():
    async with a_line(answers=refusing("bad"), give_up_after_s=10) as line:
        await line.stage.publish("first", "bad", "good")
        await line.advance(20)
        assert line.receiver.data[0] == "first"
        assert line.receiver.data[-1] == "good"
        assert await line.offset() == 3
        (letter,) = await dead(line)
        assert (letter.new.offset, letter.new.stands_for) == (1, 0)
        assert b"poison" in letter.new.post
        assert line.status == f"Subscription /{NAME} is currently active"


async def test_only_the_poison_message_of_a_batch_is_given_up():
    push = msgspec.structs.replace(HTTP, max_messages=5)
    async with a_line(push, answers=refusing("bad"), give_up_after_s=10) as line:
        await line.stage.publish("a", "bad", "b")
        await line.advance(60)
        taken = [
            [one["message"]["data"] for one in body["messages"]]
            for _, body, _ in line.receiver.posts
            if all(one["message"]["data"] != "bad" for one in body["messages"])
        ]
        assert taken == [["a"], ["b"]]
        assert [letter.new.offset for letter in await dead(line)] == [1]


async def test_a_dead_letter_and_the_cursor_go_together():
    async with a_line(answers=refusing("bad"), give_up_after_s=10) as line:
        line.stage.broker.store.gate.add(Trouble("commit", "stored"))
        await line.stage.publish("bad", "good")
        await line.advance(30)
        assert len(await dead(line)) == 1
        assert await line.offset() == 2


async def test_an_offset_given_up_twice_is_two_dead_letters():
    async with a_line(answers=refusing("bad"), give_up_after_s=10) as line:
        await line.stage.publish("bad")
        await line.advance(20)
        await line.stage.broker.modify_offset(line.subscription, 0)
        await line.advance(40)
        assert [letter.new.offset for letter in await dead(line)] == [0, 0]


@pytest.mark.parametrize(("taken", "state"), [(True, "delivered"), (False, "dead")])
async def test_a_replayed_dead_letter_is_pushed_again_as_it_was(taken, state):
    async with a_line(answers=refusing("bad"), give_up_after_s=10) as line:
        await line.stage.publish("bad")
        await line.advance(20)
        (letter,) = await dead(line)
        if taken:
            line.receiver.answers = [Posted(200, b"")]
        before = line.receiver.posts[-1]
        await line.stage.broker.store.outbox.replay([letter.id])
        await line.advance(8)
        assert line.receiver.posts[-1] == before
        settled, attempts = await line.stage.broker.store.outbox.read(letter.id)
        assert settled.state == state
        assert len(attempts) == 1


async def test_pushes_that_fail_are_warned_of_once_at_the_beginning_and_once_at_the_end():
    async with a_line(answers=[Posted(500, b"down"), "refused", Posted(500, b"down"), Posted(200, b"")]) as line:
        with structlog.testing.capture_logs() as said:
            began_us = line.stage.clock.wall_us()
            await line.stage.publish("YQ==")
            await line.advance(1.1)
            trouble = line.pushers.trouble(line.subscription)
            assert trouble is not None
            assert began_us <= trouble.since_us <= line.stage.clock.wall_us()
            assert trouble.why
            await line.advance(1)
            assert line.pushers.trouble(line.subscription).since_us == trouble.since_us
            await line.advance(5)
        assert line.pushers.trouble(line.subscription) is None
        warned = [(one["event"], one["subscription"]) for one in said if one["log_level"] == "warning"]
        assert warned == [
            ("the pushes of a subscription fail", NAME),
            ("the pushes of a subscription succeed again", NAME),
        ]
