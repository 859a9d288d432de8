"""Two hundred clients at once for a minute: half publish, half pull; nothing is lost and nothing is reordered."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import aiohttp
import pytest

from broker.clock import SystemClock
from tests.line.process import DaemonProcess, a_free_port

LASTS_S = 60.0
PUBLISHERS = 100
PULLERS = 100
TOPICS = 5
TOKEN = "crowd-token"
CONFIG = """
server: {{listen: "127.0.0.1:{port}", tls: off}}
store: sqlite:state/bridge.db
auth: {{service_token: {token}}}
log: {{level: warning, format: json}}
rules: []
projects:
  P:
    topics: {{{topics}}}
    subscriptions: {{{subscriptions}}}
"""


class Crowd:
    """What every client did."""

    def __init__(self, base_url: str, http: aiohttp.ClientSession) -> None:
        self._base_url = base_url
        self._http = http
        self.over = False
        self.acknowledged: dict[int, dict[int, str]] = {topic: {} for topic in range(TOPICS)}
        self.pulled: dict[int, list[tuple[int, str]]] = {puller: [] for puller in range(PULLERS)}

    async def call(self, path: str, body: object) -> dict[str, list[object]]:
        async with self._http.post(f"{self._base_url}/v1/projects/P/{path}", json=body) as answer:
            text = await answer.text()
            assert answer.status == 200, f"{path}: {answer.status} {text}"
            decoded: dict[str, list[object]] = json.loads(text)
            return decoded

    async def publish(self, publisher: int) -> None:
        """Publish batches of one to three, one after another, until the minute is over."""
        topic, n = publisher % TOPICS, 0
        while not self.over:
            payloads = [f"{publisher}/{n + k}" for k in range(1 + n % 3)]
            messages = [{"data": base64.b64encode(text.encode()).decode()} for text in payloads]
            ids = (await self.call(f"topics/t{topic}:publish", {"messages": messages}))["messageIds"]
            numbers = [int(str(one)) for one in ids]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "ids of one call are consecutive"
            self.acknowledged[topic].update(zip(numbers, payloads, strict=True))
            n += len(payloads)

    async def pull(self, puller: int) -> None:
        """Pull and acknowledge until the minute is over and nothing is left."""
        while True:
            last_round = self.over
            answer = await self.call(f"subscriptions/s{puller}:pull", {"maxMessages": "50"})
            received: list[dict[str, dict[str, str]]] = answer["receivedMessages"]  # type: ignore[assignment]
            for one in received:
                text = base64.b64decode(one["message"]["data"]).decode()
                self.pulled[puller].append((int(one["message"]["messageId"]), text))
            if received:
                await self.call(f"subscriptions/s{puller}:acknowledge", {"ackIds": [received[-1]["ackId"]]})
            elif last_round:
                return


@pytest.mark.proof
@pytest.mark.timeout(300)
async def test_two_hundred_clients_lose_and_reorder_nothing(tmp_path: Path) -> None:
    port = a_free_port()
    topics = ", ".join(f"t{n}: {{}}" for n in range(TOPICS))
    subscriptions = ", ".join(f"s{n}: {{topic: t{n % TOPICS}}}" for n in range(PULLERS))
    config = tmp_path / "bridge.yaml"
    config.write_text(CONFIG.format(port=port, token=TOKEN, topics=topics, subscriptions=subscriptions))
    daemon = DaemonProcess(config, cwd=tmp_path)
    try:
        await asyncio.to_thread(daemon.start)
        connector = aiohttp.TCPConnector(limit=PUBLISHERS + PULLERS)
        async with aiohttp.ClientSession(connector=connector, headers={"x-api-key": TOKEN}) as http:
            crowd = Crowd(f"http://127.0.0.1:{port}", http)
            clients = [asyncio.create_task(crowd.publish(n)) for n in range(PUBLISHERS)]
            clients += [asyncio.create_task(crowd.pull(n)) for n in range(PULLERS)]
            await SystemClock().sleep(LASTS_S)
            crowd.over = True
            await asyncio.gather(*clients)
        assert await asyncio.to_thread(daemon.stop) == 0
    finally:
        daemon.close()
    total = 0
    for topic, acknowledged in crowd.acknowledged.items():
        assert sorted(acknowledged) == list(range(len(acknowledged))), "offsets are dense"
        total += len(acknowledged)
        in_order = [(offset, acknowledged[offset]) for offset in range(len(acknowledged))]
        for puller in range(topic, PULLERS, TOPICS):
            assert crowd.pulled[puller] == in_order, f"puller {puller} of topic {topic}"
    assert total > PUBLISHERS
