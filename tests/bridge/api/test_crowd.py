"""Two hundred publishers and pullers at once lose nothing and reorder nothing (for a minute: tests/line)."""

import asyncio
import json
from dataclasses import dataclass, field

from bridge.api.call import ApiSettings
from bridge.api.dispatch import ams_app
from broker.broker import Broker, BrokerSettings
from broker.clock import SystemClock
from broker.engines import open_store
from broker.tokens import digest_of_token
from tests.fakes.ams_api import SERVICE, FakeOutside
from tests.fakes.brokers import SEALING_KEY

TOPICS, PUBLISHERS, PULLERS = 5, 20, 20  # publishers and pullers per topic


async def ask(app, path, body):
    """One POST, straight into the application; the JSON of its answer, which must be 200."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": json.dumps(body).encode()}

    async def send(event):
        sent.append(event)

    headers = [(b"x-api-key", SERVICE.encode())]
    scope = {"type": "http", "method": "POST", "path": f"/v1{path}", "query_string": b"", "headers": headers}
    await app(scope, receive, send)
    assert sent[0]["status"] == 200, sent[1]["body"]
    return json.loads(sent[1]["body"])


@dataclass
class Crowd:
    """What everybody did."""

    app: object
    published: dict[str, dict[int, str]] = field(default_factory=dict)  # topic -> offset -> text
    pulled: dict[str, list[tuple[int, str]]] = field(default_factory=dict)  # subscription -> in the order received
    done: bool = False

    async def publish(self, topic, publisher, rounds):
        """Publish batches of one to three messages, each text naming its publisher and its number."""
        number = 0
        for turn in rounds:
            texts = [f"{publisher}:{number + n}" for n in range(1 + turn % 3)]
            number += len(texts)
            messages = [{"data": text} for text in texts]
            answer = await ask(self.app, f"/projects/P/topics/{topic}:publish", {"messages": messages})
            for offset, text in zip(answer["messageIds"], texts, strict=True):
                assert int(offset) not in self.published[topic]
                self.published[topic][int(offset)] = text

    async def pull(self, topic, subscription):
        """Pull and acknowledge until everybody has published and nothing is left."""
        path = f"/projects/P/subscriptions/{subscription}"
        seen = self.pulled[subscription]
        while True:
            was_done = self.done
            received = (await ask(self.app, f"{path}:pull", {"maxMessages": "40"}))["receivedMessages"]
            seen += [(int(one["message"]["messageId"]), one["message"]["data"]) for one in received]
            if received:
                await ask(self.app, f"{path}:acknowledge", {"ackIds": [received[-1]["ackId"]]})
            elif was_done:
                return
            else:
                await SystemClock().sleep(0.01)

    def check(self):
        """Everything published was pulled by every subscription, once, in order."""
        for subscription, seen in self.pulled.items():
            topic = subscription.partition("-")[0]
            assert seen == sorted(self.published[topic].items())
        for texts in self.published.values():
            last: dict[str, int] = {}
            for _, text in sorted(texts.items()):
                publisher, number = text.split(":")
                assert int(number) == last.get(publisher, -1) + 1
                last[publisher] = int(number)


async def test_a_crowd(tmp_path):
    clock = SystemClock()
    store = await open_store(f"sqlite://{tmp_path}/crowd.db", clock)
    try:
        broker = Broker(store, clock, BrokerSettings(sealing_key=SEALING_KEY))
        await broker.load()
        settings = ApiSettings(service_token_digest=digest_of_token(SERVICE.encode()))
        all_of = Crowd(ams_app(broker, settings, FakeOutside().outside()))
        project = await broker.projects.create("P")
        pullers = []
        for t in range(TOPICS):
            topic = await broker.topics.create(project, f"t{t}")
            all_of.published[topic.name] = {}
            for s in range(PULLERS):
                subscription = await broker.subscriptions.create(project, f"t{t}-{s}", topic)
                all_of.pulled[subscription.name] = []
                pullers.append(asyncio.ensure_future(all_of.pull(topic.name, subscription.name)))
        publishing = [all_of.publish(f"t{t}", f"p{p}", range(2)) for t in range(TOPICS) for p in range(PUBLISHERS)]
        await asyncio.gather(*publishing)
        all_of.done = True
        await asyncio.gather(*pullers)
        all_of.check()
    finally:
        await store.close()
