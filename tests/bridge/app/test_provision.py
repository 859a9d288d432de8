"""``projects:`` of the settings: made or brought up to date, told as a difference, never deleted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.app.provision import CannotProvision, provision
from bridge.settings.model import ProjectSettings
from broker.broker import Broker
from broker.planned import plan_catalog
from broker.records import PushConfig, Subscription, Topic, User
from tests.fakes.brokers import a_broker

SUBJECT = "CN=ce.example.org,O=Example,C=GR"


def wanted(schema: Path, **changed: Any) -> dict[str, ProjectSettings]:
    said = {
        "description": "alarms",
        "schemas": {"metric": {"type": "json", "file": str(schema)}},
        "topics": {"alarms": {}, "metrics": {"schema": "metric", "decode": "json"}},
        "subscriptions": {"archive": {"topic": "alarms", "ack_deadline_s": 60}},
        "users": {
            "ann": {"roles": ["publisher"], "topics": ["alarms"], "token": "a-token-of-ann"},
            "bob": {"roles": ["consumer"], "subscriptions": ["archive"]},
        },
    }
    return {"ARGO": ProjectSettings.model_validate(said | changed)}


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    path = tmp_path / "metric.json"
    path.write_text(json.dumps({"type": "object", "required": ["value"]}))
    return path


def topic_of(broker: Broker, name: str) -> Topic:
    return next(one for one in broker.cache.list_all(Topic) if one.name == name)


async def test_everything_is_made_once(schema: Path) -> None:
    broker = await a_broker()
    done = await provision(broker, wanted(schema), {SUBJECT: "ann"})
    assert done == [
        "project ARGO: create",
        "schema ARGO/metric: create",
        "topic ARGO/alarms: create",
        "topic ARGO/metrics: create",
        "subscription ARGO/archive: create on alarms",
        "user ann: create, publisher in ARGO",
        "user bob: create, consumer in ARGO",
        "topic ARGO/alarms: access list",
        "subscription ARGO/archive: access list",
        f"certificate {SUBJECT}: user ann",
    ]
    ann = broker.users.find_by_token("a-token-of-ann")
    assert ann is not None
    assert topic_of(broker, "alarms").acl == (ann.uid,)
    assert topic_of(broker, "metrics").schema_uid
    assert broker.cache.list_all(Subscription)[0].ack_deadline_s == 60
    assert broker.certificates.user_of(SUBJECT) == ann
    assert await provision(broker, wanted(schema), {SUBJECT: "ann"}) == []


async def test_on_a_planned_catalog_it_tells_the_same_and_nothing_lasts(schema: Path) -> None:
    broker = await a_broker()
    planned = await plan_catalog(broker)
    assert "topic ARGO/metrics: create" in await provision(planned.broker, wanted(schema), {SUBJECT: "ann"})
    assert broker.cache.list_all(Topic) == []
    assert broker.cache.list_all(User) == []
    assert await broker.store.catalog.seq() == 0


async def test_what_changed_is_brought_up_to_date_and_nothing_else(schema: Path) -> None:
    broker = await a_broker()
    await provision(broker, wanted(schema), {})
    schema.write_text(json.dumps({"type": "object", "required": ["value", "time"]}))
    changed = wanted(
        schema,
        description="all alarms",
        topics={"alarms": {"decode": "text"}},
        subscriptions={"archive": {"topic": "alarms", "ack_deadline_s": 30}},
        users={"ann": {"roles": ["publisher", "consumer"], "token": "another-token"}},
    )
    assert await provision(broker, changed, {}) == [
        "project ARGO: description",
        "schema ARGO/metric: update",
        "topic ARGO/alarms: decode text",
        "subscription ARGO/archive: ack deadline 30 s",
        "user ann: publisher, consumer in ARGO",
        "user ann: token",
    ]
    assert broker.users.find_by_token("another-token") is not None
    assert broker.users.find_by_token("a-token-of-ann") is None


async def test_nothing_is_ever_deleted(schema: Path) -> None:
    broker = await a_broker()
    await provision(broker, wanted(schema), {})
    assert await provision(broker, wanted(schema, topics={}, subscriptions={}, users={}, schemas={}), {}) == []
    assert len(broker.cache.list_all(Topic)) == 2
    assert len(broker.cache.list_all(User)) == 2


async def test_others_on_an_access_list_stay(schema: Path) -> None:
    broker = await a_broker()
    await provision(broker, wanted(schema), {})
    alarms = topic_of(broker, "alarms")
    await broker.topics.set_acl(alarms, (*alarms.acl, "somebody-else"))
    await provision(broker, wanted(schema), {})
    assert "somebody-else" in topic_of(broker, "alarms").acl


async def test_a_user_of_another_project_becomes_a_member(schema: Path) -> None:
    broker = await a_broker()
    await provision(broker, wanted(schema), {})
    second = {"OPS": ProjectSettings.model_validate({"users": {"ann": {"roles": ["consumer"]}}})}
    assert await provision(broker, second, {}) == ["project OPS: create", "user ann: consumer in OPS"]
    ann = broker.users.find_by_token("a-token-of-ann")
    assert ann is not None
    assert len(ann.memberships) == 2


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"topics": {"t": {"schema": "nope"}}, "subscriptions": {}, "users": {}}, "no schema ARGO/nope"),
        ({"subscriptions": {"s": {"topic": "nope"}}, "users": {}}, "no topic ARGO/nope"),
        ({"users": {"u": {"topics": ["nope"]}}}, "no topic ARGO/nope"),
        ({"users": {"u": {"subscriptions": ["nope"]}}}, "no subscription ARGO/nope"),
        ({"schemas": {"x": {"type": "json", "file": "/no/such/file"}}}, "cannot read the schema"),
    ],
)
async def test_what_cannot_be_made_says_why(schema: Path, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(CannotProvision, match=words):
        await provision(await a_broker(), wanted(schema, **changed), {})


async def test_a_subscription_keeps_its_topic(schema: Path) -> None:
    broker = await a_broker()
    await provision(broker, wanted(schema), {})
    with pytest.raises(CannotProvision, match="keeps its topic"):
        await provision(broker, wanted(schema, subscriptions={"archive": {"topic": "metrics"}}, users={}), {})


async def test_a_certificate_needs_its_user() -> None:
    with pytest.raises(CannotProvision, match="no user 'nobody'"):
        await provision(await a_broker(), {}, {SUBJECT: "nobody"})


PUSHED = {
    "url": "https://receiver.example.org/in",
    "max_messages": 20,
    "authorization": "Bearer x",
    "retry": "linear",
    "period": 10.0,
}


def pushed_of(broker: Broker) -> PushConfig:
    return next(one.push for one in broker.cache.list_all(Subscription) if one.name == "pushed")


async def test_a_push_subscription_is_made_verified_and_follows_the_settings(schema: Path) -> None:
    broker = await a_broker()
    subscriptions: dict[str, Any] = {"pushed": {"topic": "alarms", "push": PUSHED}}
    done = await provision(broker, wanted(schema, subscriptions=subscriptions, users={}), {})
    assert "subscription ARGO/pushed: create on alarms and push" in done
    push = pushed_of(broker)
    assert (push.type, push.endpoint, push.verified) == ("http_endpoint", PUSHED["url"], True)
    assert (push.max_messages, push.authorization_value, push.retry_period_ms) == (20, "Bearer x", 10_000)
    assert await provision(broker, wanted(schema, subscriptions=subscriptions, users={}), {}) == []
    subscriptions["pushed"]["push"] = {"url": "https://chat/hooks/x", "type": "mattermost", "channel": "ops"}
    done = await provision(broker, wanted(schema, subscriptions=subscriptions, users={}), {})
    assert done == ["subscription ARGO/pushed: push"]
    push = pushed_of(broker)
    assert (push.type, push.mattermost_url, push.mattermost_channel) == ("mattermost", "https://chat/hooks/x", "ops")
    assert (push.endpoint, push.authorization_type) == ("", "")
    del subscriptions["pushed"]["push"]
    assert await provision(broker, wanted(schema, subscriptions=subscriptions, users={}), {}) == []
    assert pushed_of(broker) == push


@pytest.mark.parametrize(
    "push", [{"url": "ftp://h"}, {"url": "https://"}, {"url": "https://h/a b"}, {"max_messages": 0}]
)
def test_a_push_that_cannot_be_is_refused_where_it_stands(schema: Path, push: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        wanted(schema, subscriptions={"pushed": {"topic": "alarms", "push": PUSHED | push}})
