"""Pulling from a remote AMS: a daemon of ours over TLS plays the remote."""

from __future__ import annotations

import json
import random
import ssl
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest

from bridge.secret import Secret
from bridge.sources.ams import AmsSource, AmsSourceConfig, RemoteTrouble
from broker.clock import ManualClock
from broker.errors import OutcomeUnknown, StoreUnavailable
from broker.model import Appended, NewMessage
from broker.records import Topic
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


def source_of(config: AmsSourceConfig, kept: Kept) -> AmsSource:
    return AmsSource(config, "S", kept.append, ManualClock(), random.Random(1))  # noqa: S311


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
                topic = next(one for one in local.daemon.broker.cache.all(Topic) if one.name == "T")
                for _ in range(20_000):
                    if (await local.daemon.store.log.bounds(topic.uid)).end == turn * 10 + 10:
                        break
                    await local.clock.advance(0)
                found = await local.daemon.store.log.read(topic.uid, 0, 100, 1 << 20)
                assert [one.data for one in found] == [wire({"n": n}) for n in range(turn * 10 + 10)]
