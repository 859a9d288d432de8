"""``POST /hooks/NAME`` over Starlette's routes: 200 only when the message is durable, and every other answer."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from structlog.testing import capture_logs

from bridge.sources.alertmanager import AlertmanagerSourceConfig
from bridge.sources.ams import AmsSourceConfig
from bridge.sources.github import GithubSourceConfig
from bridge.sources.hooks import Hooks
from bridge.sources.source_config import SourceConfig
from bridge.sources.webhook import WebhookSourceConfig
from broker.clock import ManualClock
from broker.engines.memory import MemoryStore
from broker.engines.memory.trouble import Trouble
from broker.model import Message
from tests.fakes.brokers import a_broker

TOPIC = "projects/P/topics/T"
MAX_BYTES = 2_000
SOURCES: dict[str, SourceConfig] = {
    "any": WebhookSourceConfig(topic=TOPIC),
    "sealed": WebhookSourceConfig(topic=TOPIC, token="t-1"),
    "prometheus": AlertmanagerSourceConfig(topic=TOPIC, token="t-1"),
    "forge": GithubSourceConfig(topic=TOPIC, secret="k"),
    "lost": WebhookSourceConfig(topic="projects/P/topics/GONE"),
    "nowhere": WebhookSourceConfig(topic="projects/NONE/topics/T"),
    "egi": AmsSourceConfig(topic=TOPIC, endpoint="ams", project="EGI", subscription="s", token="t"),
}


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What is logged, kept from the terminal."""
    with capture_logs() as entries:
        yield entries


class Receivers:
    """Webhook receivers in process, with what lies behind them."""

    def __init__(self, *troubles: Trouble, max_bytes: int = MAX_BYTES) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock, *troubles)
        self.sources = dict(SOURCES)
        self.told: list[tuple[str, int]] = []
        self._max_bytes = max_bytes

    async def open(self) -> Receivers:
        self.broker = await a_broker(self.clock, self.store)
        project = await self.broker.projects.create("P")
        self.topic = await self.broker.topics.create(project, "T")
        hooks = Hooks(self.broker, lambda: self.sources, self._max_bytes, lambda *told: self.told.append(told))
        self.app = Starlette(routes=[Route("/hooks/{name}", hooks.receive, methods=["POST"])])
        return self

    async def call(self, name: str, content: Any = b"{}", **sent: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url="https://bridge") as client:
            return await client.post(f"/hooks/{name}", content=content, **sent)

    async def messages(self) -> list[Message]:
        return list(await self.store.log.read(self.topic.uid, 0, 1_000, 1 << 30))


def error_of(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, word and text of an error in the daemon's one shape."""
    body = answer.json()
    assert list(body) == ["error"]
    error = body["error"]
    assert set(error) == {"code", "message", "status"}
    assert error["code"] == answer.status_code
    return answer.status_code, error["status"], error["message"]


async def test_a_call_becomes_a_message_and_its_id_is_answered() -> None:
    receivers = await Receivers().open()
    answer = await receivers.call("any", b'{"a": 1}', headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (200, {"messageIds": ["0"]})
    assert (await receivers.call("any", b"x")).json() == {"messageIds": ["1"]}
    first, _ = await receivers.messages()
    assert base64.b64decode(first.data) == b'{"a": 1}'
    assert first.attributes == {"source": "any", "content_type": "application/json"}
    assert receivers.told == [("any", 200), ("any", 200)]


async def test_alertmanager_and_github_are_read_as_such() -> None:
    receivers = await Receivers().open()
    call = json.dumps({"status": "firing", "alerts": []}).encode()
    assert (await receivers.call("prometheus", call, params={"token": "t-1"})).status_code == 200
    signed = hmac.new(b"k", b"{}", hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={signed}", "X-GitHub-Event": "ping"}
    assert (await receivers.call("forge", b"{}", headers=headers)).status_code == 200
    assert [message.attributes["type"] for message in await receivers.messages()] == ["alertmanager", "github"]


class Held(ManualClock):
    """A clock of the store on which an append can be held up."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def sleep(self, seconds: float) -> None:
        await self.go_on.wait()
        await super().sleep(seconds)


async def test_200_is_answered_only_when_the_message_is_durable() -> None:
    receivers = Receivers()
    receivers.clock = held = Held()
    receivers.store = MemoryStore(held)
    await receivers.open()
    held.go_on.clear()
    calling = asyncio.create_task(receivers.call("any"))
    await held.advance(60.0)
    assert not calling.done()
    held.go_on.set()
    assert (await calling).status_code == 200
    assert len(await receivers.messages()) == 1


@pytest.mark.parametrize("outcome", ["unavailable", "stored", "not stored"])
async def test_a_message_that_could_not_be_kept_is_503_and_may_be_sent_again(outcome: Any) -> None:
    receivers = await Receivers().open()
    receivers.store.gate.add(Trouble("log.append", outcome))
    answer = await receivers.call("any")
    assert error_of(answer) == (503, "UNAVAILABLE", "the store does not answer; send it again")
    assert answer.headers["retry-after"] == "5"
    assert (await receivers.call("any")).status_code == 200


async def test_the_503_names_the_kind_of_trouble_for_the_senders_log() -> None:
    receivers = await Receivers().open()
    receivers.store.gate.add(Trouble("log.append", "unavailable", kind="full"))
    told = error_of(await receivers.call("any"))[2]
    assert told == "the store does not answer: the disk is full; send it again"


@pytest.mark.parametrize("body", [b"{", b"", b"\xff"])
async def test_broken_json_is_400_and_nothing_is_kept(body: bytes) -> None:
    receivers = await Receivers().open()
    status, word, text = error_of(await receivers.call("any", body, headers={"Content-Type": "application/json"}))
    assert (status, word) == (400, "INVALID_ARGUMENT")
    assert text.startswith("the body is not JSON: ")
    assert await receivers.messages() == []


async def test_what_is_no_call_of_alertmanager_is_400() -> None:
    receivers = await Receivers().open()
    status, _, text = error_of(await receivers.call("prometheus", b"{}", params={"token": "t-1"}))
    assert status == 400
    assert "this is not a call of Alertmanager's webhook" in text


async def test_a_message_that_the_topics_schema_refuses_is_400() -> None:
    receivers = await Receivers().open()
    broker = receivers.broker
    project = broker.cache.project("P")
    assert project is not None
    schema = await broker.schemas.create(project, "s", "json", {"type": "object", "required": ["host"]})
    await broker.topics.set_schema(receivers.topic, schema.uid)
    status, word, text = error_of(await receivers.call("any", b'{"a": 1}'))
    assert (status, word) == (400, "INVALID_ARGUMENT")
    assert "host" in text
    assert (await receivers.call("any", b'{"host": 1}')).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"X-Api-Key": "wrong"}, {"Authorization": "Bearer "}])
async def test_a_wrong_or_missing_token_is_401(headers: dict[str, str], logs: list[Any]) -> None:
    receivers = await Receivers().open()
    answer = await receivers.call("sealed", headers=headers)
    assert error_of(answer) == (401, "UNAUTHORIZED", "token, password or signature is missing or wrong")
    assert await receivers.messages() == []
    assert [(entry["event"], entry["source"]) for entry in logs] == [("a webhook call was refused", "sealed")]
    assert "wrong" not in str(logs)


async def test_a_wrong_signature_is_401() -> None:
    receivers = await Receivers().open()
    answer = await receivers.call("forge", b"{}", headers={"X-Hub-Signature-256": "sha256=00"})
    assert answer.status_code == 401


async def test_without_the_token_the_body_is_not_even_read() -> None:
    receivers = await Receivers().open()
    read: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        for _ in range(10):
            read.append(b"x" * 100)
            yield read[-1]

    assert (await receivers.call("sealed", body())).status_code == 401
    assert len(read) <= 1


@pytest.mark.parametrize("name", ["nobody", "egi", "ANY"])
async def test_a_source_that_is_not_there_or_takes_no_calls_is_404(name: str) -> None:
    receivers = await Receivers().open()
    assert error_of(await receivers.call(name)) == (404, "NOT_FOUND", f"there is no webhook source {name!r}")
    assert receivers.told == []


@pytest.mark.parametrize("name", ["lost", "nowhere"])
async def test_a_topic_that_is_not_there_is_404_and_says_where_to_name_it(name: str) -> None:
    receivers = await Receivers().open()
    status, word, text = error_of(await receivers.call(name))
    assert (status, word) == (404, "NOT_FOUND")
    assert text == f"topic '{receivers.sources[name].topic}' does not exist; name it under projects: in bridge.yaml"


async def test_a_body_that_declares_to_be_too_large_is_413() -> None:
    receivers = await Receivers().open()
    answer = await receivers.call("any", b"x" * (MAX_BYTES + 1))
    assert error_of(answer) == (
        413,
        "INVALID_ARGUMENT",
        f"the body is larger than {MAX_BYTES} bytes (server.max_body)",
    )
    assert (await receivers.call("any", b"x" * MAX_BYTES)).status_code == 200


async def test_a_streamed_body_that_grows_too_large_is_413() -> None:
    receivers = await Receivers().open()

    async def body(chunks: int) -> AsyncIterator[bytes]:
        for _ in range(chunks):
            yield b"x" * 100

    assert (await receivers.call("any", body(MAX_BYTES // 100 + 1))).status_code == 413
    assert (await receivers.call("any", body(MAX_BYTES // 100))).status_code == 200
    assert len(await receivers.messages()) == 1


@pytest.mark.parametrize("declared", ["1", "²", "-5", "x"])
async def test_a_declared_length_that_is_a_lie_or_no_number_changes_nothing(declared: str) -> None:
    receivers = await Receivers().open()
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * (MAX_BYTES + 1), "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/hooks/any",
        "query_string": b"",
        "headers": [(b"content-length", declared.encode())],
    }
    await receivers.app(scope, receive, send)
    assert sent[0]["status"] == 413


async def test_a_message_over_the_limit_of_ams_is_413() -> None:
    receivers = await Receivers(max_bytes=10_000_000).open()
    status, _, text = error_of(await receivers.call("any", b"x" * 1_500_000))
    assert status == 413
    assert "1500000" in text.replace(",", "").replace("_", "")


async def test_a_caller_that_goes_away_halfway_leaves_nothing() -> None:
    receivers = await Receivers().open()
    sent: list[Any] = []
    said = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return said.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/hooks/any", "query_string": b"", "headers": []}
    await receivers.app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert await receivers.messages() == []


async def test_sources_may_change_under_way() -> None:
    receivers = await Receivers().open()
    receivers.sources = {"new": WebhookSourceConfig(topic=TOPIC)}
    assert (await receivers.call("any")).status_code == 404
    assert (await receivers.call("new")).status_code == 200


async def test_many_calls_at_once_are_each_kept_once() -> None:
    receivers = await Receivers().open()
    answers = await asyncio.gather(*(receivers.call("any", f"{n}".encode()) for n in range(50)))
    ids = [answer.json()["messageIds"][0] for answer in answers]
    assert sorted(ids, key=int) == [str(n) for n in range(50)]
    by_id = {str(message.offset): base64.b64decode(message.data) for message in await receivers.messages()}
    assert by_id == {one: f"{n}".encode() for n, one in enumerate(ids)}


async def test_a_call_too_large_for_one_message_becomes_several_in_one_append(logs: list[Any]) -> None:
    receivers = await Receivers(max_bytes=10_000_000).open()
    call = {"status": "firing", "alerts": [{"status": "firing", "n": n, "words": "x" * 500} for n in range(3_000)]}
    answer = await receivers.call("prometheus?token=t-1", json.dumps(call).encode())
    assert (answer.status_code, answer.json()["messageIds"]) == (200, ["0", "1"])
    first, second = await receivers.messages()
    assert (first.attributes["part"], second.attributes["part"]) == ("1", "2")
    assert (first.attributes["parts"], first.attributes["firing"]) == ("2", "3000")
    assert first.publish_time_us == second.publish_time_us
    (told,) = [one for one in logs if one["event"] == "a call was too large for one message"]
    assert (told["source"], told["messages"]) == ("prometheus", 2)


async def test_a_body_that_cannot_be_cut_is_refused_in_the_senders_own_figures() -> None:
    receivers = await Receivers(max_bytes=10_000_000).open()
    answer = await receivers.call("any", b"x" * 1_600_000)
    status, _, text = error_of(answer)
    assert (status, "1600000 bytes" in text, "1125000 bytes" in text) == (413, True, True)


async def test_a_packing_that_is_not_known_is_415_with_those_that_are() -> None:
    receivers = await Receivers().open()
    answer = await receivers.call("any", b"x", headers={"content-encoding": "br"})
    assert error_of(answer)[0] == 415
    assert answer.headers["accept-encoding"] == "gzip, deflate, identity"


async def test_a_signature_is_of_the_bytes_as_they_came() -> None:
    receivers = await Receivers().open()
    packed = gzip.compress(b'{"a": 1}')
    signed = hmac.new(b"k", packed, hashlib.sha256).hexdigest()
    headers = {"content-encoding": "gzip", "x-hub-signature-256": f"sha256={signed}"}
    assert (await receivers.call("forge", packed, headers=headers)).status_code == 200
    (message,) = await receivers.messages()
    assert base64.b64decode(message.data) == b'{"a": 1}'


async def test_what_headers_say_of_an_event_becomes_attributes() -> None:
    receivers = await Receivers().open()
    receivers.sources["any"] = WebhookSourceConfig(topic=TOPIC, headers=("X-Region",))
    headers = {
        "content-type": "application/json",
        "ce-type": "org.example.site.down",
        "ce-source": "/monitoring",
        "ce-subject": "Euro%20%E2%82%AC",
        "X-Event-Key": "repo:push",
        "X-Region": "eu",
        "X-Other": "no",
    }
    assert (await receivers.call("any", b"{}", headers=headers)).status_code == 200
    (message,) = await receivers.messages()
    assert message.attributes == {
        "source": "any",
        "content_type": "application/json",
        "ce-type": "org.example.site.down",
        "ce-source": "/monitoring",
        "ce-subject": "Euro €",
        "x-event-key": "repo:push",
        "x-region": "eu",
    }


async def test_each_event_of_a_batch_is_a_message() -> None:
    receivers = await Receivers().open()
    headers = {"content-type": "application/cloudevents-batch+json"}
    answer = await receivers.call("any", b'[{"id": "1"}, {"id": "2"}]', headers=headers)
    assert answer.json() == {"messageIds": ["0", "1"]}
    messages = await receivers.messages()
    assert [base64.b64decode(one.data) for one in messages] == [b'{"id": "1"}', b'{"id": "2"}']
    assert messages[0].attributes["content_type"] == "application/cloudevents+json"
    assert (await receivers.call("any", b"[]", headers=headers)).json() == {"messageIds": []}
    assert (await receivers.call("any", b"{}", headers=headers)).status_code == 400


@pytest.mark.parametrize("header", ["x-gitea-delivery", "webhook-id", "idempotency-key", "x-gogs-delivery"])
async def test_a_delivery_that_comes_again_stands_once(header: str) -> None:
    receivers = await Receivers().open()
    first = await receivers.call("any", b"one", headers={header: "d-1"})
    again = await receivers.call("any", b"one", headers={header: "d-1"})
    other = await receivers.call("any", b"two", headers={header: "d-2"})
    assert first.json() == again.json() == {"messageIds": ["0"]}
    assert other.json() == {"messageIds": ["1"]}
    assert len(await receivers.messages()) == 2


async def test_one_delivery_id_at_two_sources_is_two_deliveries() -> None:
    receivers = await Receivers().open()
    receivers.sources["other"] = WebhookSourceConfig(topic=TOPIC)
    for name in ("any", "other"):
        assert (await receivers.call(name, b"one", headers={"webhook-id": "d-1"})).status_code == 200
    assert len(await receivers.messages()) == 2


async def test_a_form_at_github_is_the_json_it_carries() -> None:
    receivers = await Receivers().open()
    body = b"payload=%7B%22zen%22%3A%22keep+it%22%7D"
    signed = hmac.new(b"k", body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/x-www-form-urlencoded", "x-hub-signature-256": f"sha256={signed}"}
    assert (await receivers.call("forge", body, headers=headers)).status_code == 200
    (message,) = await receivers.messages()
    assert json.loads(base64.b64decode(message.data)) == {"zen": "keep it"}
