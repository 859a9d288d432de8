"""Pulling from a remote AMS: a daemon of ours over TLS plays the remote."""

from __future__ import annotations

import json
import random
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import aiohttp.web
import pytest

from bridge.core.posts import post_from_bytes
from bridge.core.secret import Secret
from bridge.sources.ams import AmsSource, AmsSourceConfig, RemoteTrouble
from bridge.sources.set_aside import RefusedMessage
from broker.clock import ManualClock
from broker.errors import MessageInvalid, OutcomeUnknown, SchemaUnusable, StoreUnavailable
from broker.model import Appended, NewMessage
from broker.records import Topic
from tests.fakes.certificates import Pair, TestAuthority
from tests.line.stage import TOKEN, Stage, a_stage, wire

NO_RULES = "rules: []\n"
INBOX = "  inbox: {type: inbox}"


def config_of(remote: Stage, **changed: object) -> AmsSourceConfig:
    said = {
        "topic": "projects/P/topics/T",
        "endpoint": f"127.0.0.1:{remote.daemon.servers[0].port}",
        "project": "P",
        "subscription": "S",
        "token": Secret(TOKEN),
        "ca": remote.folder / "state" / "certificate.pem",
        "max_messages": 7,
    }
    return AmsSourceConfig(**(said | changed))  # type: ignore[arg-type]


class Kept:
    """A topic in memory that knows producer keys, and fails when told to."""

    def __init__(self) -> None:
        self.messages: list[NewMessage] = []
        self.known: dict[str, Appended] = {}
        self.trouble: list[Exception] = []
        self.aside: list[RefusedMessage] = []

    async def put_aside(self, refused: RefusedMessage) -> None:
        self.aside.append(refused)

    async def append(self, messages: Sequence[NewMessage], producer_key: str) -> Appended:
        if producer_key in self.known:
            known = self.known[producer_key]
            return Appended(known.first, known.count, known.publish_time_us, repeated=True)
        trouble = self.trouble.pop() if self.trouble else None
        if isinstance(trouble, StoreUnavailable):
            raise trouble
        appended = Appended(len(self.messages), len(messages), 0)
        self.known[producer_key] = appended
        self.messages.extend(messages)
        if trouble is not None:
            raise trouble
        return appended


async def drain(source: AmsSource, config: AmsSourceConfig) -> None:
    tls = ssl.create_default_context(cafile=str(config.ca))
    headers = {"x-api-key": config.token.reveal()}
    connector = aiohttp.TCPConnector(ssl=tls)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as http:
        while await source.step(http):
            pass


@asynccontextmanager
async def ams_that_says(folder: Path, *answers: bytes) -> AsyncIterator[tuple[aiohttp.ClientSession, AmsSourceConfig]]:
    """A client for a remote that gives these answers, one after the other, whatever is asked."""
    left = list(answers)

    async def answer(request: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.Response(body=left.pop(0))

    authority = TestAuthority(folder)
    app = aiohttp.web.Application()
    app.router.add_route("POST", "/{path:.*}", answer)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0, ssl_context=served_with(authority.server()))
    await site.start()
    port = runner.addresses[0][1]
    config = AmsSourceConfig(
        topic="projects/P/topics/T",
        endpoint=f"localhost:{port}",
        project="P",
        subscription="S",
        token=Secret("t"),
        ca=authority.certificate,
    )
    trust = ssl.create_default_context(cafile=str(authority.certificate))
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as http:
            yield http, config
    finally:
        await runner.cleanup()


def served_with(pair: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


def source_of(config: AmsSourceConfig, kept: Kept) -> AmsSource:
    return AmsSource(config, "S", kept.append, kept.put_aside, ManualClock(), random.Random(1))  # noqa: S311


async def a_remote_stands(tmp_path: Path, count: int) -> tuple[Path, list[str]]:
    folder = tmp_path / "remote"
    folder.mkdir()
    return folder, [wire({"n": n}) for n in range(count)]


async def test_every_message_comes_once_in_order_with_its_origin(tmp_path: Path) -> None:
    folder, expected = await a_remote_stands(tmp_path, 20)
    async with a_stage(folder, NO_RULES, INBOX, tls=True) as remote:
        await remote.publish(*({"n": n} for n in range(20)))
        kept = Kept()
        await drain(source_of(config_of(remote), kept), config_of(remote))
        assert [one.data for one in kept.messages] == expected
        assert kept.messages[3].attributes["origin_message_id"] == "3"
        assert kept.messages[3].attributes["origin_publish_time"].endswith("Z")


@pytest.mark.parametrize("trouble", [OutcomeUnknown("stored"), StoreUnavailable("not stored")])
async def test_trouble_between_append_and_acknowledge_loses_and_doubles_nothing(
    tmp_path: Path, trouble: Exception
) -> None:
    folder, expected = await a_remote_stands(tmp_path, 20)
    async with a_stage(folder, NO_RULES, INBOX, tls=True) as remote:
        await remote.publish(*({"n": n} for n in range(5)))
        kept = Kept()
        kept.trouble = [trouble]
        source = source_of(config_of(remote), kept)
        try:
            await drain(source, config_of(remote))
        except StoreUnavailable:
            await remote.publish(*({"n": n} for n in range(5, 20)))
            await drain(source, config_of(remote))
        else:
            await remote.publish(*({"n": n} for n in range(5, 20)))
            await drain(source, config_of(remote))
        assert [one.data for one in kept.messages] == expected


async def test_what_was_appended_but_not_acknowledged_is_known_when_it_comes_again(tmp_path: Path) -> None:
    folder, expected = await a_remote_stands(tmp_path, 12)
    async with a_stage(folder, NO_RULES, INBOX, tls=True) as remote:
        await remote.publish(*({"n": n} for n in range(3)))
        config, kept = config_of(remote, max_messages=100), Kept()
        key = f"ams:{config.endpoint}:projects/P/subscriptions/S:0"
        await kept.append([NewMessage(data, {}) for data in expected[:3]], key)  # and then it crashed
        await remote.publish(*({"n": n} for n in range(3, 12)))
        await drain(source_of(config, kept), config)
        assert [one.data for one in kept.messages] == expected


async def test_a_wrong_token_is_trouble_in_plain_words(tmp_path: Path) -> None:
    folder, _ = await a_remote_stands(tmp_path, 0)
    async with a_stage(folder, NO_RULES, INBOX, tls=True) as remote:
        config = config_of(remote, token=Secret("wrong"))
        with pytest.raises(RemoteTrouble, match="HTTP 401"):
            await drain(source_of(config, Kept()), config)


async def test_the_daemon_pulls_what_its_settings_name_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    folder, _ = await a_remote_stands(tmp_path, 0)
    local_folder = tmp_path / "local"
    local_folder.mkdir()
    async with a_stage(folder, NO_RULES, INBOX, tls=True) as remote:
        source = {
            "type": "ams",
            "topic": "projects/P/topics/T",
            "endpoint": f"127.0.0.1:{remote.daemon.servers[0].port}",
            "project": "P",
            "subscription": "S",
            "token": TOKEN,
            "ca": str(folder / "state" / "certificate.pem"),
        }
        for turn in range(2):
            await remote.publish(*({"n": n} for n in range(turn * 10, turn * 10 + 10)))
            async with a_stage(local_folder, NO_RULES, INBOX, sources=f"  egi: {json.dumps(source)}") as local:
                topic = next(one for one in local.daemon.broker.cache.list_all(Topic) if one.name == "T")
                for _ in range(20_000):
                    if (await local.daemon.store.log.bounds(topic.uid)).end == turn * 10 + 10:
                        break
                    await local.clock.advance(0)
                found = await local.daemon.store.log.read(topic.uid, 0, 100, 1 << 20)
                assert [one.data for one in found] == [wire({"n": n}) for n in range(turn * 10 + 10)]


class Picky(Kept):
    """A topic that refuses a batch in which any message is one of those."""

    def __init__(self, *refused: str) -> None:
        super().__init__()
        self.refused = refused

    async def append(self, messages: Sequence[NewMessage], producer_key: str) -> Appended:
        if any(one.data in self.refused for one in messages):
            raise MessageInvalid("it lacks a status")
        return await super().append(messages, producer_key)


@pytest.mark.parametrize("refused", [[0], [4], [19], [0, 1, 2], [3, 9, 10], list(range(20))])
async def test_what_the_topic_refuses_is_put_aside_and_the_rest_comes_in_order(
    tmp_path: Path, refused: list[int]
) -> None:
    folder, expected = await a_remote_stands(tmp_path, 20)
    async with a_stage(folder, NO_RULES, INBOX, tls=True) as remote:
        await remote.publish(*({"n": n} for n in range(20)))
        kept = Picky(*(expected[n] for n in refused))
        await drain(source_of(config_of(remote), kept), config_of(remote))
        assert [one.data for one in kept.messages] == [expected[n] for n in range(20) if n not in refused]
        assert [one.message.data for one in kept.aside] == [expected[n] for n in refused]
        assert kept.aside[0].reason == "it lacks a status"
        assert kept.aside[0].origin.endswith(f"/projects/P/subscriptions/S:{refused[0]}")


async def test_what_only_we_can_mend_is_waited_for_and_nothing_is_put_aside(tmp_path: Path) -> None:
    folder, _ = await a_remote_stands(tmp_path, 0)

    class Unusable(Kept):
        async def append(self, messages: Sequence[NewMessage], producer_key: str) -> Appended:
            raise SchemaUnusable("status")

    async with a_stage(folder, NO_RULES, INBOX, tls=True) as remote:
        await remote.publish({"n": 1})
        kept = Unusable()
        with pytest.raises(SchemaUnusable):
            await drain(source_of(config_of(remote), kept), config_of(remote))
        assert kept.aside == []


@pytest.mark.parametrize(
    ("message", "kept_data", "aside"),
    [
        ({"messageId": "1", "data": "aGk=", "attributes": None, "publishTime": None}, ["aGk="], 0),
        ({"messageId": "1"}, [""], 0),
        ({"messageId": "1", "data": "aGk=", "attributes": {"a": "\ud800"}}, ["aGk="], 0),
        ({"messageId": 7, "data": "aGk="}, [], 1),
        ({"messageId": "1", "data": "aGk=", "attributes": {"n": 1}}, [], 1),
        (None, [], 1),
        ("text", [], 1),
    ],
)
async def test_a_message_nobody_can_read_costs_no_other(
    tmp_path: Path, message: object, kept_data: list[str], aside: int
) -> None:
    good = {"ackId": "s:2", "message": {"messageId": "2", "data": "Z29vZA=="}}
    answer = {"receivedMessages": [{"ackId": "s:1", "message": message}, good]}
    kept = Kept()
    async with ams_that_says(tmp_path, json.dumps(answer).encode(), b"{}") as (http, config):
        assert await source_of(config, kept).step(http) == 2
    assert [one.data for one in kept.messages] == [*kept_data, "Z29vZA=="]
    assert len(kept.aside) == aside


@pytest.mark.parametrize("answer", [b'{"receivedMessages": null}', b"{}", b'{"receivedMessages": []}'])
async def test_nothing_may_be_said_in_several_ways(tmp_path: Path, answer: bytes) -> None:
    async with ams_that_says(tmp_path, answer) as (http, config):
        assert await source_of(config, Kept()).step(http) == 0


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"\xff\xfe", b'{"receivedMessages": [{"message": {}}]}'])
async def test_an_answer_that_is_not_of_ams_is_trouble(tmp_path: Path, answer: bytes) -> None:
    async with ams_that_says(tmp_path, answer) as (http, config):
        with pytest.raises(RemoteTrouble, match="is not AMS's"):
            await source_of(config, Kept()).step(http)


async def test_a_message_put_aside_is_a_dead_letter_that_can_be_replayed(tmp_path: Path) -> None:
    folder, _ = await a_remote_stands(tmp_path, 0)
    local_folder = tmp_path / "local"
    local_folder.mkdir()
    schema = local_folder / "status.json"
    schema.write_text('{"type": "object", "required": ["status"]}')
    async with a_stage(folder, NO_RULES, INBOX, tls=True) as remote:
        source = {
            "type": "ams",
            "topic": "projects/P/topics/PICKY",
            "endpoint": f"127.0.0.1:{remote.daemon.servers[0].port}",
            "project": "P",
            "subscription": "S",
            "token": TOKEN,
            "ca": str(folder / "state" / "certificate.pem"),
        }
        await remote.publish({"status": "OK"}, {"x": 1}, {"status": "CRITICAL"})
        async with a_stage(
            local_folder, NO_RULES, INBOX, sources="  egi: {type: webhook, topic: projects/P/topics/T}"
        ) as local:
            config = local_folder / "bridge.yaml"
            picky = "schemas: {st: {type: json, file: status.json}}\n    topics: {PICKY: {schema: st}, "
            said = config.read_text().replace("topics: {", picky, 1)
            config.write_text(said.replace("{type: webhook, topic: projects/P/topics/T}", json.dumps(source)))
            assert (await local.http.post("/api/reload")).status_code == 200
            (dead,) = await local.until(lambda found: len(found) == 1 and found[0].state == "dead")
            topic = next(one for one in local.daemon.broker.cache.list_all(Topic) if one.name == "PICKY")
            for _ in range(20_000):
                if (await local.daemon.store.log.bounds(topic.uid)).end == 2:
                    break
                await local.clock.advance(0)
            assert (dead.state, dead.new.destination) == ("dead", "(inbound)")
            assert "status is required" in dead.by
            assert "status is required" in post_from_bytes(dead.new.post).text
            metrics = (await local.http.get("/metrics")).text
            assert 'ams_bridge_source_refused_messages_total{source="egi"} 1.0' in metrics
            await local.check_books()
            await replayed(local, dead.id)
            await local.until(lambda found: found[0].state == "dead" and found[0].tries == 2)
            await local.daemon.broker.topics.set_schema(topic, "")
            await replayed(local, dead.id)
            await local.until(lambda found: found[0].state == "delivered")
            found = await local.daemon.store.log.read(topic.uid, 0, 100, 1 << 20)
            assert found[2].data == wire({"x": 1})
            assert found[2].attributes["origin_message_id"] == "1"
            await local.check_books()


async def replayed(stage: Stage, delivery_id: str) -> None:
    answer = await stage.http.post("/api/deliveries:replay", json={"ids": [delivery_id]})
    assert answer.json() == {"count": 1}
