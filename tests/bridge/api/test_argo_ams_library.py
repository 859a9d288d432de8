"""The official Python client, unmodified, against a real server over TLS: every method it has."""

import datetime as dt
import inspect
import re
from pathlib import Path

import pytest
from argo_ams_library import AmsMessage, ArgoMessagingService
from argo_ams_library.amsexceptions import (
    AmsBalancerException,
    AmsConnectionException,
    AmsServiceException,
    AmsTimeoutException,
)
from argo_ams_library.amssubscription import AmsSubscription
from argo_ams_library.amstopic import AmsTopic
from argo_ams_library.amsuser import AmsUser, AmsUserProject
from cryptography.x509.oid import NameOID

from bridge.api.call import VerificationAnswer
from broker.engines.memory.trouble import Trouble
from broker.records import User
from tests.fakes.ams_api import SERVICE
from tests.fakes.ams_server import AmsServer


@pytest.fixture
def server(tmp_path, monkeypatch):
    with AmsServer(tmp_path) as running:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(running.authority.certificate))
        monkeypatch.setenv("NO_PROXY", "localhost")
        yield running


@pytest.fixture
def admin(server):
    client = ArgoMessagingService(server.endpoint, SERVICE, project="P")
    client.create_project("P", "description")
    return client


@pytest.fixture
def worker(server, admin):
    """A client with the roles of publisher and consumer, on the access lists of T and S."""
    admin.create_topic("T")
    admin.create_sub("S", "T")
    member = admin.create_project_member("ps", roles=["publisher", "consumer"], email="a@b")
    admin.modifyacl_topic("T", ["ps"])
    admin.modifyacl_sub("S", ["ps"])
    return ArgoMessagingService(server.endpoint, member.token, project="P")


# --- Topics ---------------------------------------------------------------------------------------


def test_topics_are_made_found_listed_and_deleted(admin):
    assert admin.has_topic("T") is False
    assert admin.create_topic("T")["name"] == "/projects/P/topics/T"
    assert admin.has_topic("T") is True
    assert admin.get_topic("T")["name"] == "/projects/P/topics/T"
    assert admin.get_topic("T", retobj=True).name == "T"
    assert admin.topic("T").fullname == "/projects/P/topics/T"
    assert admin.topic("made").name == "made"
    assert sorted(topic.name for topic in admin.iter_topics()) == ["T", "made"]
    assert len(admin.list_topics()["topics"]) == 2
    assert admin.delete_topic("made") == {}
    assert admin.has_topic("made") is False


def test_making_a_topic_twice_is_409(admin):
    admin.create_topic("T")
    with pytest.raises(AmsServiceException) as error:
        admin.create_topic("T")
    assert (error.value.code, error.value.status) == (409, "ALREADY_EXISTS")
    assert error.value.msg == "While trying the [topic_create]: Topic already exists"


def test_the_access_list_of_a_topic(admin):
    admin.create_topic("T")
    admin.create_project_member("ps", roles=["publisher"])
    assert admin.getacl_topic("T") == {"authorized_users": []}
    assert admin.modifyacl_topic("T", ["ps"]) is True
    assert admin.getacl_topic("T") == {"authorized_users": ["ps"]}
    assert admin.topic("T").acl() == {"authorized_users": ["ps"]}
    assert admin.topic("T").acl([]) is True
    with pytest.raises(AmsServiceException) as error:
        admin.modifyacl_topic("T", ["nobody"])
    assert error.value.code == 404


# --- Publishing and pulling -----------------------------------------------------------------------


def test_messages_go_round(worker):
    sent = [AmsMessage(data="one", attributes={"k": "v"}), AmsMessage(data="two")]
    assert worker.publish("T", sent) == {"messageIds": ["0", "1"]}
    assert worker.publish("T", AmsMessage(data="three")) == {"messageIds": ["2"]}
    assert worker.publish("T", {"data": "cmF3", "attributes": {}}) == {"messageIds": ["3"]}
    pulled = worker.pull_sub("S", num=10)
    assert [message.get_data() for _, message in pulled] == [b"one", b"two", b"three", b"raw"]
    assert pulled[0][1].get_attr() == {"k": "v"}
    assert (pulled[0][1].get_msgid(), pulled[0][0]) == ("0", "projects/P/subscriptions/S:0")
    assert worker.ack_sub("S", [ack_id for ack_id, _ in pulled]) is True
    assert worker.pull_sub("S", num=10) == []
    assert worker.pull_sub("S", num=10, return_immediately=True) == []


def test_pull_and_ack_in_one(worker):
    worker.publish("T", [AmsMessage(data=text) for text in ("a", "b", "c")])
    assert [message.get_data() for message in worker.pullack_sub("S", num=2)] == [b"a", b"b"]
    assert [message.get_data() for message in worker.pullack_sub("S", num=2)] == [b"c"]
    assert worker.pullack_sub("S", num=2) == []


def test_a_late_ack_is_a_timeout_and_the_messages_come_again(server, worker):
    worker.publish("T", AmsMessage(data="a"))
    ((ack_id, _),) = worker.pull_sub("S")
    server.advance(11)
    with pytest.raises(AmsTimeoutException) as error:
        worker.ack_sub("S", [ack_id])
    assert error.value.code == 408
    assert [message.get_data() for message in worker.pullack_sub("S")] == [b"a"]


def test_pull_and_ack_starts_over_when_its_ack_comes_late(server, worker):
    worker.publish("T", AmsMessage(data="a"))
    acknowledge, late = worker.ack_sub, []

    def slow(sub, ids, **kwargs):
        if not late:
            late.append(True)
            server.advance(11)
        return acknowledge(sub, ids, **kwargs)

    worker.ack_sub = slow
    assert [message.get_data() for message in worker.pullack_sub("S")] == [b"a"]
    assert worker.pull_sub("S") == []


def test_a_second_ack_of_one_pull_is_a_balancer_error(worker):
    worker.publish("T", AmsMessage(data="a"))
    ((ack_id, _),) = worker.pull_sub("S")
    worker.ack_sub("S", [ack_id])
    with pytest.raises(AmsBalancerException) as error:
        worker.ack_sub("S", [ack_id])
    assert error.value.code == 500


@pytest.mark.parametrize("how", [{"retry": 2, "retrysleep": 0.01}, {"retry": 3, "retrybackoff": 0.01}])
def test_a_busy_service_is_tried_again(server, worker, how):
    gate = server.ams.broker.store.gate
    gate.add(Trouble("log.append", "unavailable", times=2))
    assert worker.publish("T", AmsMessage(data="a"), **how) == {"messageIds": ["0"]}
    gate.add(Trouble("log.read", "unavailable", times=2))
    assert len(worker.pull_sub("S", **how)) == 1
    gate.add(Trouble("log.read", "unavailable", times=1))
    assert len(worker.pullack_sub("S", **how)) == 1


def test_without_retries_a_busy_service_is_a_balancer_error(server, worker):
    server.ams.broker.store.gate.add(Trouble("log.append", "unavailable"))
    with pytest.raises(AmsBalancerException) as error:
        worker.publish("T", AmsMessage(data="a"))
    assert (error.value.code, error.value.status) == (503, "UNAVAILABLE")


def test_a_message_that_is_too_large_is_not_tried_again(worker):
    with pytest.raises(AmsServiceException) as error:
        worker.publish("T", AmsMessage(data="x" * 1_200_000), retry=5, retrysleep=60)
    assert (error.value.code, type(error.value)) == (413, AmsServiceException)


def test_a_mebibyte_goes_through(worker):
    worker.publish("T", AmsMessage(data="x" * 1024 * 1024))
    assert len(worker.pullack_sub("S")[0].get_data()) == 1024 * 1024


def test_nobody_listening_is_a_connection_error():
    client = ArgoMessagingService("localhost:1", "token", project="P")
    with pytest.raises(AmsConnectionException):
        client.list_topics()


# --- Subscriptions --------------------------------------------------------------------------------


def test_subscriptions_are_made_found_listed_and_deleted(admin):
    admin.create_topic("T")
    assert admin.has_sub("S") is False
    made = admin.create_sub("S", "T", ackdeadline=30)
    assert (made["name"], made["ackDeadlineSeconds"]) == ("/projects/P/subscriptions/S", 30)
    assert admin.create_sub("S2", "T", retobj=True).name == "S2"
    assert admin.has_sub("S") is True
    assert admin.get_sub("S")["topic"] == "/projects/P/topics/T"
    assert admin.get_sub("S", retobj=True).topic.name == "T"
    assert sorted(sub.name for sub in admin.iter_subs()) == ["S", "S2"]
    assert [sub.name for sub in admin.iter_subs(topic="other")] == []
    assert len(admin.list_subs()["subscriptions"]) == 2
    assert sorted(sub.name for sub in admin.topic("T").iter_subs()) == ["S", "S2"]
    assert admin.delete_sub("S2") == {}
    assert admin.has_sub("S2") is False
    with pytest.raises(AmsServiceException) as error:
        admin.create_sub("S", "T")
    assert error.value.code == 409


def test_a_subscription_outlives_its_topic_for_the_client_too(admin):
    admin.create_topic("T")
    admin.create_sub("S", "T")
    admin.delete_topic("T")
    assert admin.get_sub("S")["topic"] == "/projects/P/topics/T"
    assert len(admin.list_subs()["subscriptions"]) == 1
    with pytest.raises(AmsServiceException) as error:
        admin.pull_sub("S")
    assert error.value.code == 409
    admin.delete_sub("S")


def test_the_access_list_of_a_subscription(admin):
    admin.create_topic("T")
    sub = admin.create_sub("S", "T", retobj=True)
    admin.create_project_member("ps", roles=["consumer"])
    assert admin.modifyacl_sub("S", ["ps"]) is True
    assert admin.getacl_sub("S") == {"authorized_users": ["ps"]}
    assert sub.acl() == {"authorized_users": ["ps"]}
    assert sub.acl([]) is True


def test_offsets_are_read_and_moved(worker):
    worker.publish("T", [AmsMessage(data=text) for text in ("a", "b", "c")])
    assert worker.getoffsets_sub("S") == {"max": 3, "min": 0, "current": 0}
    assert worker.getoffsets_sub("S", offset="max") == 3
    assert worker.modifyoffset_sub("S", 2) == {}
    assert worker.modifyoffset_sub("S", "2") == {}
    assert worker.getoffsets_sub("S", offset="current") == 2
    assert [message.get_data() for message in worker.pullack_sub("S", num=5)] == [b"c"]
    with pytest.raises(AmsServiceException) as error:
        worker.modifyoffset_sub("S", 99)
    assert error.value.code == 400


@pytest.mark.parametrize("microsecond", [0, 500_000])
def test_a_time_becomes_an_offset_with_and_without_microseconds(worker, microsecond):
    worker.publish("T", AmsMessage(data="a"))
    assert worker.time_to_offset_sub("S", dt.datetime(2025, 12, 31, 23, 59, 59, microsecond)) == 0
    with pytest.raises(AmsServiceException) as error:
        worker.time_to_offset_sub("S", dt.datetime(2027, 1, 1, 0, 0, 0, microsecond))
    assert error.value.code == 409


def test_pushing_is_configured_and_verified(server, admin):
    admin.create_topic("T")
    made = admin.create_sub("S", "T", push_endpoint="https://receiver.example.org/in", retobj=True)
    assert made.push_endpoint == "https://receiver.example.org/in"
    fresh = ArgoMessagingService(server.endpoint, SERVICE, project="P")
    sub = fresh.get_sub("S", retobj=True)
    assert (sub.push_endpoint, sub.retry_policy_type, sub.retry_policy_period) == (
        "https://receiver.example.org/in",
        "linear",
        300,
    )
    verification = fresh.get_sub("S")["pushConfig"]["verificationHash"]
    server.ams.outside.endpoints["https://receiver.example.org/ams_verification_hash"] = VerificationAnswer(
        200, verification.encode()
    )
    server.call(server.ams.ok("POST", "/projects/P/subscriptions/S:verifyPushEndpoint"))
    assert fresh.get_sub("S")["pushConfig"]["verified"] is True
    assert admin.pushconfig_sub("S") == {}
    assert admin.pushconfig_sub("S", push_endpoint="https://other.example.org") == {}
    assert sub.pushconfig() == {}
    assert sub.pushconfig(push_endpoint="https://other.example.org") == {}


def test_a_slowstart_subscription_can_be_listed(server, admin):
    admin.create_topic("T")
    config = {"type": "http_endpoint", "pushEndpoint": "https://x", "retryPolicy": {"type": "slowstart"}}
    body = {"topic": "projects/P/topics/T", "pushConfig": config}
    server.call(server.ams.ok("PUT", "/projects/P/subscriptions/slow", body))
    assert [sub.retry_policy_period for sub in admin.iter_subs()] == [0]


def test_the_objects_wrap_the_same_calls(worker, admin):
    topic = worker.get_topic("T", retobj=True)
    subscription = topic.subscription("S")
    assert topic.publish(AmsMessage(data="a")) == {"messageIds": ["0"]}
    assert topic.publish([AmsMessage(data="b")], retry=1, retrysleep=0.01) == {"messageIds": ["1"]}
    ((ack_id, message),) = subscription.pull()
    assert message.get_data() == b"a"
    assert subscription.ack([ack_id]) is True
    assert [one.get_data() for one in subscription.pullack(num=5)] == [b"b"]
    assert subscription.offsets()["current"] == 2
    assert subscription.offsets(offset="max") == 2
    assert subscription.offsets(offset="current", move_to=1) == 1
    assert subscription.time_to_offset(dt.datetime(2025, 1, 1)) == 0
    made = admin.topic("T").subscription("fresh")
    assert made.delete() == {}
    assert admin.topic("gone").delete() == {}


def test_pull_options_are_kept_as_text(worker):
    worker.set_pullopt("maxMessages", 3)
    assert worker.get_pullopt("maxMessages") == "3"


# --- Users, projects, members ---------------------------------------------------------------------


def test_users_are_made_changed_found_and_deleted(admin):
    wanted = AmsUser(
        name="u",
        email="e",
        firstname="f",
        lastname="l",
        organization="o",
        description="d",
        service_roles=["admin_viewer"],
        projects=[AmsUserProject(project="P", roles=["publisher"])],
    )
    made = admin.create_user(wanted)
    assert (made.name, made.email, made.firstname, made.service_roles) == ("u", "e", "f", ["admin_viewer"])
    assert (made.projects[0].project, made.projects[0].roles) == ("P", ["publisher"])
    changed = admin.update_user("u", last_name="x", service_roles=[], projects=[AmsUserProject("P", ["consumer"])])
    assert (changed.lastname, changed.projects[0].roles) == ("x", ["consumer"])
    renamed = admin.update_user("u", username="v", service_roles=[], projects=[])
    assert renamed.name == "v"
    assert admin.get_user("v").uuid == made.uuid
    assert admin.get_user_by_token(made.token).name == "v"
    assert admin.get_user_by_uuid(made.uuid).name == "v"
    refreshed = admin.refresh_user_token("v")
    assert refreshed.token != made.token
    profile = ArgoMessagingService(admin.endpoint, refreshed.token).get_user_profile()
    assert (profile.name, profile.token) == ("v", refreshed.token)
    admin.delete_user("v")
    with pytest.raises(AmsServiceException) as error:
        admin.get_user("v")
    assert error.value.code == 404


def test_users_are_listed_page_by_page_and_the_loop_ends(admin):
    for number in range(5):
        admin.create_user(AmsUser(name=f"u{number}"))
    names, token, pages = [], "", 0
    while True:
        page = admin.list_users(page_size=2, next_page_token=token)
        names += [user.name for user in page.users]
        pages += 1
        assert page.total_size == 5
        token = page.next_page_token
        if not token:
            break
    assert (pages, sorted(names)) == (3, [f"u{number}" for number in range(5)])
    assert len(admin.list_users(details=False).users) == 5


def test_members_are_made_added_shown_and_removed(admin):
    made = admin.create_project_member("m", roles=["publisher"], email="e")
    assert (made.name, made.email, len(made.token)) == ("m", "e", 64)
    admin.create_user(AmsUser(name="free"))
    added = admin.add_project_member("free", roles=["consumer"])
    assert added.projects[0].roles == ["consumer"]
    assert admin.get_project_member("free").name == "free"
    assert admin.get_project_member("free", project="P").name == "free"
    assert admin.remove_project_member("free", "P") == {}
    with pytest.raises(AmsServiceException) as error:
        admin.get_project_member("free")
    assert error.value.code == 404


def test_projects_are_changed_and_deleted(admin):
    assert admin.get_project("P")["description"] == "description"
    assert admin.update_project("P", description="new", updated_name="Q")["name"] == "Q"
    assert admin.delete_project("Q") == {}
    with pytest.raises(AmsServiceException) as error:
        admin.get_project("Q")
    assert (error.value.code, error.value.msg) == (404, "While trying the [project_get]: project doesn't exist")


def test_reports_status_and_version(admin, worker):
    assert admin.status()["status"] == "ok"
    assert len(admin.metrics()["metrics"]) == 2
    assert "compiler" in admin.version()
    worker.publish("T", AmsMessage(data="a"))
    start, end = dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 2)
    report = admin.va_metrics(projects=["P"], start_date=start, end_date=end)
    assert report["projects_metrics"]["total_message_count"] == 1
    assert admin.va_metrics()["total_topics_count"] == 1
    padm = admin.create_project_member("padm", roles=["project_admin"])
    client = ArgoMessagingService(admin.endpoint, padm.token)
    usage = client.usage_report(projects=["P"], start_date=start, end_date=end)
    assert usage["va_metrics"]["projects_metrics"]["total_message_count"] == 1
    assert client.usage_report()["operational_metrics"]["metrics"]


@pytest.mark.parametrize(("token", "code"), [("bad", 401), ("member", 403)])
def test_who_may_not_is_told(server, admin, token, code):
    if token == "member":
        token = admin.create_project_member("con", roles=["consumer"]).token
    client = ArgoMessagingService(server.endpoint, token, project="P")
    with pytest.raises(AmsServiceException) as error:
        client.create_topic("T")
    assert error.value.code == code


# --- Certificates ---------------------------------------------------------------------------------


def test_a_certificate_logs_in(server, admin):
    robot = admin.create_project_member("robot", roles=["project_admin"])
    pair = server.authority.client(
        (NameOID.COUNTRY_NAME, "GR"), (NameOID.ORGANIZATION_NAME, "Example"), (NameOID.COMMON_NAME, "robot")
    )
    user = server.ams.broker.cache.find(User, "robot")
    server.call(server.ams.broker.certificates.bind("CN=robot,O=Example,C=GR", user))
    client = ArgoMessagingService(
        "localhost", project="P", cert=str(pair.certificate), key=str(pair.key), authn_port=server.port
    )
    assert client.token == robot.token
    client.endpoint = server.endpoint
    assert client.create_topic("by-certificate")["name"] == "/projects/P/topics/by-certificate"


def test_an_unknown_certificate_is_told(server, admin):
    pair = server.authority.client((NameOID.COMMON_NAME, "stranger"))
    with pytest.raises(AmsServiceException) as error:
        ArgoMessagingService(
            "localhost", project="P", cert=str(pair.certificate), key=str(pair.key), authn_port=server.port
        )
    assert (error.value.code, error.value.status) == (404, "NOT FOUND")


def test_without_token_and_certificate_the_client_says_so_itself():
    with pytest.raises(AmsServiceException, match=r"No certificate provided\. No token provided\."):
        ArgoMessagingService("localhost")


# --- Nothing left out -----------------------------------------------------------------------------

INSIDE = {"assign_token", "auth_via_cert", "do_delete", "do_get", "do_post", "do_put"}


@pytest.mark.parametrize("kind", [ArgoMessagingService, AmsTopic, AmsSubscription])
def test_every_public_method_of_the_client_is_called_here(kind):
    methods = {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}
    called = set(re.findall(r"\.(\w+)\(", Path(__file__).read_text()))
    assert methods - called - INSIDE == set()
