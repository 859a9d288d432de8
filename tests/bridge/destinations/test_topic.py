"""Publishing to a topic of our own, with a real broker on the memory engine."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest
from pydantic import ValidationError

from bridge.destinations.base import Delivered, Later, Parcel, Refused
from bridge.destinations.republish import Republisher
from bridge.destinations.topic import HOPS, TopicDestination, TopicDestinationConfig
from broker.clock import ManualClock
from broker.engines.memory.trouble import Trouble
from broker.errors import NotFound
from broker.model import Message
from broker.names import child_key
from broker.records import Topic
from rules.deciding.quiet.silences import places_of
from rules.model import Event, MessageFacts
from tests.bridge.destinations.parcels import a_parcel
from tests.fakes.brokers import Stage, a_stage


def a_destination(stage: Stage, **config: Any) -> TopicDestination:
    asked = {"topic": "projects/P/topics/T"} | config
    return TopicDestination("again", TopicDestinationConfig(**asked), Republisher(stage.broker), stage.clock)


async def messages(stage: Stage) -> Sequence[Message]:
    return await stage.broker.store.log.read(stage.topic.uid, 0, 100, 1_000_000)


def after_hops(attributes: dict[str, str], **changed: Any) -> Parcel:
    """A delivery that came of a message with these attributes."""
    facts = MessageFacts("0", 0, "T", "P", 0)
    event = Event(data={}, text="", attributes=attributes, message=facts)
    return a_parcel(places=places_of(event), **changed)


async def test_a_post_is_published_as_json() -> None:
    stage = await a_stage()
    assert await a_destination(stage).deliver(a_parcel(title="T")) == Delivered()
    (message,) = await messages(stage)
    said = json.loads(base64.b64decode(message.data))
    assert said == {"text": "disk full", "title": "T", "rule": "disks", "key": "web1", "phase": "message"}


@pytest.mark.parametrize(
    ("body", "sent"),
    [("plain ä\n", "plain ä\n".encode()), ({"b": [1, 2.5], "a": "ä"}, '{"b":[1,2.5],"a":"ä"}'.encode()), (0, b"0")],
)
async def test_a_body_is_published_exactly(body: Any, sent: bytes) -> None:
    stage = await a_stage()
    await a_destination(stage).deliver(a_parcel(body=body))
    assert base64.b64decode((await messages(stage))[0].data) == sent


async def test_attributes_come_from_settings_and_send() -> None:
    stage = await a_stage()
    parcel = a_parcel(overrides={"attributes": {"site": "A", HOPS: "0"}})
    await a_destination(stage, attributes={"from": "bridge", "site": "?"}).deliver(parcel)
    assert (await messages(stage))[0].attributes == {HOPS: "1", "from": "bridge", "site": "A"}


async def test_a_delivery_stands_in_the_topic_once_however_often_it_is_tried() -> None:
    stage = await a_stage()
    destination = a_destination(stage)
    assert [await destination.deliver(a_parcel()) for _ in range(3)] == [Delivered()] * 3
    await destination.deliver(a_parcel(id="another"))
    assert len(await messages(stage)) == 2


async def test_each_passage_counts_one_hop_and_a_circle_ends() -> None:
    stage = await a_stage()
    destination = a_destination(stage, max_hops=3)
    attributes: dict[str, str] = {}
    for n in range(3):
        assert await destination.deliver(after_hops(attributes, id=f"d{n}")) == Delivered()
        attributes = dict((await messages(stage))[-1].attributes)
    outcome = await destination.deliver(after_hops(attributes, id="d3"))
    assert isinstance(outcome, Refused)
    assert "published 3 times already" in outcome.reason
    assert len(await messages(stage)) == 3


@pytest.mark.parametrize("said", ["", "x", "-1", "1.5", "9" * 50])
async def test_a_count_of_hops_that_is_none_counts_as_none(said: str) -> None:
    stage = await a_stage()
    assert await a_destination(stage).deliver(after_hops({HOPS: said})) == Delivered()


async def test_a_topic_that_is_not_there_means_that_nothing_can_arrive() -> None:
    stage = await a_stage()
    for topic in ("projects/P/topics/X", "projects/X/topics/T"):
        destination = a_destination(stage, topic=topic)
        outcome = await destination.deliver(a_parcel())
        assert isinstance(outcome, Refused)
        assert outcome.destination_gone
        assert isinstance(await destination.probe(), Refused)


async def test_a_message_that_its_topic_refuses_is_refused() -> None:
    stage = await a_stage()
    outcome = await a_destination(stage).deliver(a_parcel(body="x" * 2_000_000))
    assert isinstance(outcome, Refused)
    assert "limit" in outcome.reason
    assert not outcome.destination_gone


@pytest.mark.parametrize(("trouble", "unclear"), [("unavailable", False), ("stored", True), ("not stored", True)])
async def test_trouble_of_the_store_is_for_later_and_ends_in_one_message(
    trouble: Literal["unavailable", "stored", "not stored"], unclear: bool
) -> None:
    stage = await a_stage()
    stage.broker.store.gate.add(Trouble("log.append", trouble))  # type: ignore[attr-defined]
    outcome = await a_destination(stage).deliver(a_parcel())
    assert isinstance(outcome, Later)
    assert outcome.unclear is unclear
    assert await a_destination(stage).deliver(replace(a_parcel(), maybe_there=unclear)) == Delivered()
    assert len(await messages(stage)) == 1


async def test_a_probe_publishes_nothing() -> None:
    stage = await a_stage()
    assert await a_destination(stage).probe() == Delivered()
    assert not await messages(stage)


async def test_a_preview_is_what_is_published() -> None:
    stage = await a_stage()
    parcel = a_parcel(body={"a": 1}, overrides={"attributes": {"x": "y"}})
    preview = a_destination(stage).preview(parcel)
    await a_destination(stage).deliver(parcel)
    (message,) = await messages(stage)
    assert (preview.headers, preview.body) == (message.attributes, json.loads(base64.b64decode(message.data)))


async def test_without_a_daemon_nothing_is_published_and_nothing_is_said_against_it() -> None:
    destination = TopicDestination("again", TopicDestinationConfig(topic="projects/P/topics/T"), None, ManualClock())
    assert await destination.probe() == Delivered()
    assert isinstance(await destination.deliver(a_parcel()), Later)


@pytest.mark.parametrize(
    "topic", ["", "T", "projects/P", "projects/P/topics/", "/projects/P/topics/T", "projects/P/topics/T/x"]
)
def test_a_name_that_is_no_topic_is_refused_at_load(topic: str) -> None:
    with pytest.raises(ValidationError, match="is not a topic"):
        TopicDestinationConfig(topic=topic)


async def topics_of(stage: Stage) -> dict[str, list[str]]:
    """What stands in each topic of the project but ``T``."""
    found = {}
    for topic in stage.broker.cache.list_all(Topic, child_key(stage.project.uid, "")):
        if topic.name != "T":
            found[topic.name] = [one.data for one in await stage.broker.store.log.read(topic.uid, 0, 100, 1_000_000)]
    return found


async def test_a_send_names_the_topic_and_it_is_made() -> None:
    stage = await a_stage()
    destination = a_destination(stage, topics="site-*", create=True)
    assert destination.facts.overrides == {"attributes", "topic"}
    for number, name in enumerate(("site-A", "site-B", "site-A")):
        assert await destination.deliver(a_parcel(id=f"d{number}", overrides={"topic": name})) == Delivered()
    assert {name: len(found) for name, found in (await topics_of(stage)).items()} == {"site-A": 2, "site-B": 1}
    assert not await messages(stage)
    await destination.deliver(a_parcel(id="d4"))
    assert len(await messages(stage)) == 1


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("", "names no topic"),
        (None, "names no topic"),
        ("site-A.org", "is not a name for a topic"),
        ("site-Α", "is not a name for a topic"),
        ("site-A/x", "is not a name for a topic"),
        ("T", 'does not fit "site-*"'),
        ("other", 'does not fit "site-*"'),
    ],
)
async def test_a_name_that_no_topic_may_have_is_refused_and_the_destination_stays(named: Any, why: str) -> None:
    stage = await a_stage()
    outcome = await a_destination(stage, topics="site-*", create=True).deliver(a_parcel(overrides={"topic": named}))
    assert isinstance(outcome, Refused)
    assert why in outcome.reason
    assert not outcome.destination_gone
    assert await topics_of(stage) == {}


async def test_a_named_topic_that_may_not_be_made_is_refused_and_the_destination_stays() -> None:
    stage = await a_stage()
    outcome = await a_destination(stage, topics="*").deliver(a_parcel(overrides={"topic": "X"}))
    assert outcome == Refused("there is no topic projects/P/topics/X")


async def test_no_more_topics_are_made_than_the_settings_allow() -> None:
    stage = await a_stage()
    await stage.broker.topics.create(stage.project, "another")
    destination = a_destination(stage, topics="site-*", create=True, max_topics=2)
    for name in ("site-A", "site-B", "site-C", "site-A"):
        outcome = await destination.deliver(a_parcel(id=name, overrides={"topic": name}))
        assert isinstance(outcome, Refused if name == "site-C" else Delivered)
    assert set(await topics_of(stage)) == {"another", "site-A", "site-B"}


async def test_two_deliveries_that_want_the_same_new_topic_both_arrive() -> None:
    stage = await a_stage()
    destination = a_destination(stage, topics="*", create=True)
    parcels = [a_parcel(id=f"d{n}", overrides={"topic": "new"}) for n in range(20)]
    assert await asyncio.gather(*(destination.deliver(one) for one in parcels)) == [Delivered()] * 20
    assert len((await topics_of(stage))["new"]) == 20


async def test_a_topic_that_another_node_made_meanwhile_is_used() -> None:
    stage = await a_stage()
    republisher = Republisher(stage.broker)
    await stage.broker.topics.create(stage.project, "new")
    await republisher.create("projects/P/topics/new")
    assert republisher.count("projects/P/topics/n*") == 1
    with pytest.raises(NotFound):
        await republisher.create("projects/NONE/topics/new")
    assert republisher.count("projects/NONE/topics/*") == 0


@pytest.mark.parametrize("trouble", ["unavailable", "stored", "not stored"])
async def test_a_topic_that_cannot_be_made_now_is_for_later(
    trouble: Literal["unavailable", "stored", "not stored"],
) -> None:
    stage = await a_stage()
    stage.broker.store.gate.add(Trouble("catalog.write", trouble))  # type: ignore[attr-defined]
    destination = a_destination(stage, topics="*", create=True)
    parcel = a_parcel(overrides={"topic": "new"})
    assert isinstance(await destination.deliver(parcel), Later)
    assert await destination.deliver(parcel) == Delivered()
    assert len((await topics_of(stage))["new"]) == 1


async def test_the_data_of_a_message_is_published_unchanged() -> None:
    stage = await a_stage()
    destination = a_destination(stage, form="data")
    for number, data in enumerate(("AAH/gA==", "msg 1", "")):
        assert await destination.deliver(a_parcel(id=f"d{number}", body=data)) == Delivered()
    assert [one.data for one in await messages(stage)] == ["AAH/gA==", "msg 1", ""]
    for body in ({"a": 1}, None, 7):
        outcome = await destination.deliver(a_parcel(id="odd", body=body))
        assert isinstance(outcome, Refused)
        assert "no data of a message" in outcome.reason


async def test_a_preview_shows_the_topic_or_why_there_is_none() -> None:
    stage = await a_stage()
    destination = a_destination(stage, topics="site-*", create=True)
    assert destination.preview(a_parcel(overrides={"topic": "site-A"})).target == "projects/P/topics/site-A"
    assert "does not fit" in destination.preview(a_parcel(overrides={"topic": "A"})).remarks[0]
    assert await topics_of(stage) == {}


@pytest.mark.parametrize(
    ("settings", "why"),
    [({"create": True}, "say in topics:"), ({"topics": "site *"}, "fits no name"), ({"topics": "a/*"}, "fits no name")],
)
def test_settings_of_named_topics_that_cannot_hold_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        TopicDestinationConfig(topic="projects/P/topics/T", **settings)


def test_without_topics_a_send_may_name_none() -> None:
    config = TopicDestinationConfig(topic="projects/P/topics/T")
    assert TopicDestination("again", config, None, ManualClock()).facts.overrides == {"attributes"}
