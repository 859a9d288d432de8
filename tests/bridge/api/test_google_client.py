"""Google's own Python client of Pub/Sub's REST API, unmodified, against a real server over TLS."""

import base64

import httplib2
import pytest
from google.api_core.client_options import ClientOptions
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from tests.fakes.ams_api import SERVICE
from tests.fakes.ams_server import AmsServer

T = "projects/P/topics/T"
S = "projects/P/subscriptions/S"


@pytest.fixture
def server(tmp_path):
    with AmsServer(tmp_path) as running:
        running.call(running.ams.ok("POST", "/projects/P", {}))
        yield running


@pytest.fixture
def projects(server):
    """The client's ``projects()``; the token goes out as ``key``, which is where Google's API keys go."""
    http = httplib2.Http(ca_certs=str(server.authority.certificate), timeout=20)
    options = ClientOptions(api_endpoint=f"https://{server.endpoint}")
    with build(
        "pubsub", "v1", developerKey=SERVICE, http=http, client_options=options, static_discovery=True
    ) as service:
        yield service.projects()


def publish(projects, *kinds):
    messages = [{"data": base64.b64encode(kind.encode()).decode(), "attributes": {"kind": kind}} for kind in kinds]
    return projects.topics().publish(topic=T, body={"messages": messages}).execute()["messageIds"]


def pulled(projects, subscription=S):
    body = {"maxMessages": 100}
    return projects.subscriptions().pull(subscription=subscription, body=body).execute()["receivedMessages"]


def kinds_of(received):
    return [base64.b64decode(one["message"]["data"]).decode() for one in received]


def test_the_twelve_calls_of_a_consumer_and_a_publisher(projects):
    topics, subscriptions = projects.topics(), projects.subscriptions()
    assert topics.create(name=T, body={}).execute()["name"].endswith(T)
    assert topics.get(topic=T).execute()["name"].endswith(T)
    assert len(topics.list(project="projects/P").execute()["topics"]) == 1
    assert subscriptions.create(name=S, body={"topic": T, "ackDeadlineSeconds": 30}).execute()["name"].endswith(S)
    assert subscriptions.get(subscription=S).execute()["ackDeadlineSeconds"] == 30
    assert len(subscriptions.list(project="projects/P").execute()["subscriptions"]) == 1
    assert publish(projects, "one", "two") == ["0", "1"]
    received = pulled(projects)
    assert kinds_of(received) == ["one", "two"]
    subscriptions.acknowledge(subscription=S, body={"ackIds": [one["ackId"] for one in received]}).execute()
    assert pulled(projects) == []
    assert subscriptions.seek(subscription=S, body={"time": "1970-01-01T00:00:00Z"}).execute() == {}
    assert kinds_of(pulled(projects)) == ["one", "two"]
    subscriptions.delete(subscription=S).execute()
    topics.delete(topic=T).execute()


def test_single_fields_are_patched(projects):
    topics, subscriptions = projects.topics(), projects.subscriptions()
    topics.create(name=T, body={}).execute()
    subscriptions.create(name=S, body={"topic": T, "ackDeadlineSeconds": 30}).execute()
    wanted = {"name": S, "topic": T, "ackDeadlineSeconds": 60, "pushConfig": {"pushEndpoint": "https://push.example/x"}}
    body = {"subscription": wanted, "updateMask": "ackDeadlineSeconds"}
    changed = subscriptions.patch(name=S, body=body).execute()
    assert (changed["ackDeadlineSeconds"], changed["pushConfig"]["pushEndpoint"]) == (60, "")
    changed = subscriptions.patch(name=S, body=body | {"updateMask": "push_config"}).execute()
    assert changed["pushConfig"]["pushEndpoint"] == "https://push.example/x"
    assert subscriptions.get(subscription=S).execute()["ackDeadlineSeconds"] == 60
    body = {"topic": {"name": T, "schemaSettings": {"schema": ""}}, "updateMask": "schemaSettings"}
    assert topics.patch(name=T, body=body).execute()["name"].endswith(T)
    with pytest.raises(HttpError) as refused:
        topics.patch(name=T, body={"topic": {"labels": {"a": "b"}}, "updateMask": "labels"}).execute()
    assert refused.value.resp.status == 400
    assert "labels cannot be changed" in str(refused.value)


def test_a_snapshot_is_made_listed_gone_back_to_and_deleted(projects):
    projects.topics().create(name=T, body={}).execute()
    projects.subscriptions().create(name=S, body={"topic": T}).execute()
    publish(projects, "one", "two")
    name = "projects/P/snapshots/before"
    made = projects.snapshots().create(name=name, body={"subscription": S}).execute()
    assert (made["name"], made["topic"]) == (name, T)
    assert projects.snapshots().get(snapshot=name).execute() == made
    assert projects.snapshots().list(project="projects/P").execute()["snapshots"] == [made]
    assert projects.topics().snapshots().list(topic=T).execute()["snapshots"] == [name]
    received = pulled(projects)
    ack = {"ackIds": [received[-1]["ackId"]]}
    projects.subscriptions().acknowledge(subscription=S, body=ack).execute()
    assert pulled(projects) == []
    projects.subscriptions().seek(subscription=S, body={"snapshot": name}).execute()
    assert kinds_of(pulled(projects)) == ["one", "two"]
    assert projects.snapshots().delete(snapshot=name).execute() == {}
    with pytest.raises(HttpError) as refused:
        projects.subscriptions().seek(subscription=S, body={"snapshot": name}).execute()
    assert refused.value.resp.status == 404


def test_a_subscription_with_a_filter_gets_what_it_is_about(projects):
    projects.topics().create(name=T, body={}).execute()
    body = {"topic": T, "filter": 'attributes.kind = "alarm" OR hasPrefix(attributes.kind, "warn")'}
    assert projects.subscriptions().create(name=S, body=body).execute()["filter"] == body["filter"]
    publish(projects, "metric", "alarm", "warning", "metric")
    assert kinds_of(pulled(projects)) == ["alarm", "warning"]
    with pytest.raises(HttpError) as refused:
        projects.subscriptions().create(name=f"{S}2", body={"topic": T, "filter": "kind"}).execute()
    assert refused.value.resp.status == 400
