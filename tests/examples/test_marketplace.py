"""Marketplace: signed calls in over TLS, orders pulled with the real client library, and the word on them goes back."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost
from bridge.fakes.trouble import Answer
from tests.examples.systems import System, a_system, client_program, run_client
from tests.fakes.marketplace import FakeMarketplace

pytestmark = pytest.mark.system("1 Marketplace", "argo-ams-library")

TOKEN = "the-marketplace-token"
ORDER_SYSTEM = """
import json, sys
from argo_ams_library import AmsMessage, ArgoMessagingService
asked = json.load(sys.stdin)
ams = ArgoMessagingService(endpoint=asked["endpoint"], token=asked["token"], project="MARKET")
taken = ams.pull_sub("oms", num=100)
if taken:
    ams.ack_sub("oms", [ack for ack, _ in taken])
texts = [said if isinstance(said, str) else json.dumps(said) for said in asked["answers"]]
answers = [AmsMessage(data=text, attributes={}) for text in texts]
if answers:
    ams.publish("answers", answers)
print(json.dumps([[json.loads(one.get_data()), one.get_attr()] for _, one in taken]))
"""
"""An order management system in a few lines: takes what waits, and says what it was told to say."""


@pytest.fixture
def marketplace() -> Iterator[FakeMarketplace]:
    with running(FakeMarketplace(TOKEN, (1436, 3), (1436, 4))) as fake:
        yield fake


@contextmanager
def the_system(tmp_path: Path, marketplace: FakeMarketplace, chat: FakeMattermost) -> Iterator[System]:
    chat.town.add_channel("orders")
    environ = {"MARKETPLACE_API": f"{marketplace.base_url}/api/v1/oms/1", "MATTERMOST_HOOK": chat.hook_url}
    with a_system("marketplace-orders", tmp_path, environ) as system:
        yield system


def call(system: System, body: bytes, key: str = "", kind: str = "application/json") -> httpx.Response:
    """A call as the marketplace makes it, signed with its key or with another one."""
    key = key or system.environ["MARKETPLACE_HOOK_SECRET"]
    signature = "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": signature, "content-type": kind}
    return system.http.post("/hooks/marketplace", content=body, headers=headers)


def order_system(system: System, *answers: dict[str, Any] | str) -> list[Any]:
    """Let the order management system run once: the events that it took, each with its attributes."""
    asked = {"endpoint": system.endpoint, "token": system.environ["OMS_TOKEN"], "answers": answers}
    said = run_client(system, client_program("python"), "-c", ORDER_SYSTEM, stdin=json.dumps(asked))
    return list(json.loads(said.stdout))


def refused(system: System) -> dict[str, str]:
    """What is kept aside: the reason of each, and its payload."""
    path = "/v1/projects/MARKET/subscriptions/refused:pull"
    kept = system.ask("POST", path, {"maxMessages": "100"})["receivedMessages"]
    return {one["message"]["attributes"]["why"]: one["message"]["data"] for one in kept}


def told(chat: FakeMattermost) -> list[str]:
    return [post.text for post in chat.posts if post.channel == "orders"]


def test_an_order_reaches_its_system_and_the_word_on_it_reaches_the_marketplace_and_people(
    tmp_path: Path, marketplace: FakeMarketplace, mattermost: FakeMattermost
) -> None:
    with the_system(tmp_path, marketplace, mattermost) as system:
        events = (system.folder / "events.json").read_bytes()
        assert call(system, events).status_code == 200
        system.settled(3)
        taken = order_system(
            system,
            {"id": 3, "project_id": 1436, "status": {"type": "registered", "value": "we look after it"}},
            {"id": 3, "project_id": 1436, "status": {"type": "ready", "value": "have fun"}},
            {"id": 4, "project_id": 1436, "status": {"type": "rejected", "value": "no quota"}},
        )
        assert [event for event, _ in taken] == json.loads(events)["events"]
        assert [attributes["type"] for _, attributes in taken] == ["create", "update"]
        system.settled(7)
        system.balanced()
    assert marketplace.statuses == {
        (1436, 3): {"type": "ready", "value": "have fun"},
        (1436, 4): {"type": "rejected", "value": "no quota"},
    }
    assert [attempt.status for attempt in marketplace.attempts] == [200, 200, 200]
    assert sorted(told(mattermost)) == [
        ":package: order 1436/3 is ready",
        ":warning: order 1436/4 is rejected: no quota",
    ]


def test_a_wrong_signature_is_refused_and_the_same_call_passes_with_the_right_one(
    tmp_path: Path, marketplace: FakeMarketplace, mattermost: FakeMattermost
) -> None:
    with the_system(tmp_path, marketplace, mattermost) as system:
        events = (system.folder / "events.json").read_bytes()
        answer = call(system, events, key="another")
        assert answer.status_code == 401
        assert "signature" in answer.json()["error"]["message"]
        assert system.http.post("/hooks/marketplace", content=events).status_code == 401
        assert system.ask("GET", "/api/messages?topic=MARKET/events")["messages"] == []
        assert call(system, events).status_code == 200
        system.settled(3)
        assert len(order_system(system)) == 2
        assert "a webhook call was refused" in system.process.log


def test_what_cannot_be_passed_on_is_kept_with_its_reason_and_told_and_the_rest_goes_on(
    tmp_path: Path, marketplace: FakeMarketplace, mattermost: FakeMattermost
) -> None:
    whole = {"type": "create", "resource": "project_item", "project_id": 1436, "project_item_id": 3}
    without_item = {"type": "create", "resource": "project_item", "project_id": 1436}
    with the_system(tmp_path, marketplace, mattermost) as system:
        cut_short = call(system, b'{"events": [')
        assert (cut_short.status_code, "JSON" in cut_short.text) == (400, True)
        assert call(system, b'{"events": [', kind="text/plain").status_code == 200
        for body in (b'{"event": {}}', json.dumps({"events": [without_item, whole]}).encode()):
            assert call(system, body).status_code == 200
        taken = order_system(
            system,
            "no json",
            {"id": 3, "project_id": 1436, "status": {"type": "lost", "value": "x"}},
            {"id": 3, "status": {"type": "ready", "value": "x"}},
        )
        system.settled(11)
        taken += order_system(system, {"id": 9, "project_id": 1436, "status": {"type": "ready", "value": "x"}})
        assert [event for event, _ in taken] == [whole]
        assert set(refused(system)) == {"no JSON", "no events", "incomplete", "no answer to an order"}
        assert len(told(mattermost)) == 6
        (dead,) = system.until(lambda: system.deliveries(state="dead"), bool)
        assert "Project item not found" in json.dumps(system.ask("GET", f"/api/deliveries/{dead['id']}"))
        system.balanced()
    assert [attempt.status for attempt in marketplace.attempts] == [404]


def test_a_marketplace_that_is_away_gets_its_answers_when_it_is_back(
    tmp_path: Path, marketplace: FakeMarketplace, mattermost: FakeMattermost
) -> None:
    marketplace.script.next(Answer(503), Answer(503))
    with the_system(tmp_path, marketplace, mattermost) as system:
        order_system(system, {"id": 3, "project_id": 1436, "status": {"type": "closed", "value": "bye"}})
        (one,) = system.settled(1)
        assert one["state"] == "delivered"
        system.balanced()
    assert marketplace.statuses[1436, 3] == {"type": "closed", "value": "bye"}
