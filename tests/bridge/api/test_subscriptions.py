"""Subscriptions, pulls, acknowledgements and offsets over the API (ams-api.md sections 6 and 7)."""

import asyncio

import pytest

from tests.fakes.ams_api import a_staged_api
from tests.fakes.original_ams import NO_PUSH

IA, NF = "INVALID_ARGUMENT", "NOT_FOUND"
MISSING = (404, NF, "Subscription doesn't exist")
FORBIDDEN = (403, "FORBIDDEN", "Access to this resource is forbidden")
SUB = "/projects/P/subscriptions/S"
NEW = "/projects/P/subscriptions/new"
DEADLINE = "Invalid ackDeadlineSeconds(needs value between 0 and 600) Arguments"


async def test_a_subscription_is_shown_complete():
    ams = await a_staged_api()
    answer = await ams.ok("PUT", NEW, {"topic": "projects/P/topics/T", "pushConfig": {}})
    assert answer == {
        "name": "/projects/P/subscriptions/new",
        "topic": "/projects/P/topics/T",
        "pushConfig": NO_PUSH,
        "ackDeadlineSeconds": 10,
        "createdOn": "2026-01-01T00:00:00Z",
    }
    assert await ams.ok("GET", NEW) == answer
    assert await ams.ok("GET", f"{NEW}:acl") == {"authorized_users": []}


@pytest.mark.parametrize(
    "reference",
    ["projects/P/topics/T", "/projects/P/topics/T", "projects/P/topic/T", "x/P/topics/T", "projects/OTHER/topics/T"],
)
async def test_a_topic_is_found_by_the_last_part_of_its_reference_in_the_projects_own_topics(reference):
    ams = await a_staged_api()
    assert (await ams.ok("PUT", NEW, {"topic": reference}))["topic"] == "/projects/P/topics/T"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"topic": 1}, (400, IA, "Invalid Subscription Arguments")),
        ({"topic": "projects/P/topics/T", "ackDeadlineSeconds": "10"}, (400, IA, "Invalid Subscription Arguments")),
        ({"topic": "projects/P/topics/T", "pushConfig": "x"}, (400, IA, "Invalid Subscription Arguments")),
        ({}, (400, IA, "Invalid Topic name")),
        ({"topic": ""}, (400, IA, "Invalid Topic name")),
        ({"topic": "T"}, (400, IA, "Invalid Topic name")),
        ({"topic": "projects/P/topics/T/x"}, (400, IA, "Invalid Topic name")),
        ({"topic": "//projects/P/topics/T"}, (400, IA, "Invalid Topic name")),
        ({"topic": "x/P/y/T"}, (400, IA, "Invalid Topic name")),
        ({"topic": "projects/P/topics/none"}, (404, NF, "Topic doesn't exist")),
        ({"topic": "projects/P/topics/"}, (404, NF, "Topic doesn't exist")),
        ({"topic": "projects/P/topics/T", "ackDeadlineSeconds": -1}, (400, IA, DEADLINE)),
    ],
)
async def test_a_subscription_that_cannot_be_is_refused(body, error):
    ams = await a_staged_api()
    assert await ams.error("PUT", NEW, body) == error


async def test_a_taken_name_is_told_last():
    ams = await a_staged_api()
    assert await ams.error("PUT", SUB, {"topic": "projects/P/topics/T"}) == (
        409,
        "ALREADY_EXISTS",
        "Subscription already exists",
    )
    assert (await ams.error("PUT", SUB, {"topic": "projects/P/topics/none"}))[2] == "Topic doesn't exist"


@pytest.mark.parametrize(("asked", "kept"), [(None, 10), (0, 10), (1, 1), (600, 600), (601, 601), (100_000, 100_000)])
async def test_a_deadline_on_create_is_taken_as_it_is(asked, kept):
    ams = await a_staged_api()
    body = {"topic": "projects/P/topics/T", "ackDeadlineSeconds": asked}
    assert (await ams.ok("PUT", NEW, body))["ackDeadlineSeconds"] == kept


async def test_what_was_published_before_a_subscription_is_not_seen():
    ams = await a_staged_api()
    await ams.publish("before")
    await ams.ok("PUT", NEW, {"topic": "projects/P/topics/T"})
    await ams.publish("after")
    received = (await ams.ok("POST", f"{NEW}:pull", {"maxMessages": "9"}))["receivedMessages"]
    assert [one["message"]["data"] for one in received] == ["after"]


@pytest.mark.parametrize(
    ("method", "verb", "body"),
    [
        ("GET", "", None),
        ("DELETE", "", None),
        ("GET", ":acl", None),
        ("GET", ":offsets", None),
        ("GET", ":timeToOffset", None),
        ("GET", ":metrics", None),
        ("POST", ":modifyAcl", {"authorized_users": []}),
        ("POST", ":modifyAckDeadline", {}),
        ("POST", ":modifyOffset", {"offset": 0}),
        ("POST", ":modifyPushConfig", {}),
        ("POST", ":verifyPushEndpoint", None),
        ("POST", ":pull", {}),
        ("POST", ":acknowledge", {"ackIds": []}),
    ],
)
async def test_a_missing_subscription_is_told(method, verb, body):
    ams = await a_staged_api()
    assert await ams.error(method, f"/projects/P/subscriptions/none{verb}", body) == MISSING


async def test_a_plain_consumer_sees_the_subscriptions_that_name_it():
    ams = await a_staged_api()
    await ams.ok("PUT", NEW, {"topic": "projects/P/topics/T"})
    page = await ams.ok("GET", "/projects/P/subscriptions", token="con")
    assert ([one["name"] for one in page["subscriptions"]], page["totalSize"]) == (["/projects/P/subscriptions/S"], 1)
    assert (await ams.ok("GET", "/projects/P/subscriptions"))["totalSize"] == 2


# --- Access lists and deadlines -------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [{}, {"authorized_users": None}, {"authorized_users": {}}, {"authorized_users": [None, 1]}]
)
async def test_an_access_list_that_is_none_is_refused(body):
    ams = await a_staged_api()
    assert await ams.error("POST", f"{SUB}:modifyAcl", body) == (400, IA, "Invalid Subscription ACL Arguments")


async def test_an_access_list_with_strangers_names_them():
    ams = await a_staged_api()
    error = await ams.error("POST", f"{SUB}:modifyAcl", {"authorized_users": ["nobody"]})
    assert error == (404, NF, "User(s): nobody do not exist")


async def test_a_consumer_must_be_on_the_list_to_pull_even_as_project_admin():
    ams = await a_staged_api()
    await ams.user("both", ["consumer", "project_admin"])
    await ams.user("other", ["consumer"])
    for token in ("both", "other"):
        assert await ams.error("POST", f"{SUB}:pull", {}, token=token) == FORBIDDEN
        assert await ams.error("GET", f"{SUB}:metrics", token=token) == FORBIDDEN
        assert await ams.error("GET", "/projects/P/subscriptions/none:metrics", token=token) == FORBIDDEN
    await ams.ok("POST", f"{SUB}:pull", {}, token="con")
    await ams.ok("POST", f"{SUB}:pull", {}, token="padm")


async def test_only_pull_and_metrics_ask_the_access_list():
    ams = await a_staged_api()
    await ams.user("other", ["consumer"])
    await ams.publish("x")
    await ams.pull()
    await ams.ok("GET", SUB, token="other")
    await ams.ok("GET", f"{SUB}:offsets", token="other")
    await ams.ok("GET", f"{SUB}:timeToOffset", token="other", time="2025-01-01T00:00:00.000Z")
    await ams.ok("POST", f"{SUB}:acknowledge", {"ackIds": ["projects/P/subscriptions/S:0"]}, token="other")
    await ams.ok("POST", f"{SUB}:modifyOffset", {"offset": 0}, token="other")
    await ams.ok("POST", f"{SUB}:modifyAckDeadline", {"ackDeadlineSeconds": 5}, token="other")


@pytest.mark.parametrize("seconds", [-1, 601, "5", 1.5])
async def test_a_deadline_outside_0_to_600_is_refused_before_the_subscription_is_looked_for(seconds):
    ams = await a_staged_api()
    for path in (SUB, "/projects/P/subscriptions/none"):
        error = await ams.error("POST", f"{path}:modifyAckDeadline", {"ackDeadlineSeconds": seconds})
        assert error == (400, IA, DEADLINE)


@pytest.mark.parametrize(
    ("body", "kept"), [({"ackDeadlineSeconds": 600}, 600), ({"ackDeadlineSeconds": 0}, 0), ({}, 0)]
)
async def test_a_deadline_can_be_changed(body, kept):
    ams = await a_staged_api()
    await ams.ok("POST", f"{SUB}:modifyAckDeadline", body)
    assert (await ams.ok("GET", SUB))["ackDeadlineSeconds"] == kept


# --- Pulling --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "n"),
    [
        ({}, 1),
        ({"maxMessages": "3"}, 3),
        ({"maxMessages": 3}, 3),
        ({"maxMessages": "+3"}, 3),
        ({"maxMessages": ""}, 1),
        ({"maxMessages": "many"}, 1),
        ({"maxMessages": " 3"}, 1),
        ({"maxMessages": "1.5"}, 1),
        ({"maxMessages": "0"}, 1),
        ({"maxMessages": 0}, 1),
        ({"maxMessages": "-5"}, 1),
        ({"maxMessages": -5}, 1),
        ({"maxMessages": None, "returnImmediately": None}, 1),
        ({"maxMessages": "1000000"}, 5),
        ({"MaxMessages": "2", "ReturnImmediately": "false"}, 2),
        ({"returnImmediately": True}, 1),
        ({"returnImmediately": "whatever"}, 1),
        ({"maxMessages": "100", "returnImmediately": "false"}, 5),
        ({"maxMessages": 100, "returnImmediately": False}, 5),
    ],
)
async def test_pull_options_may_be_text_or_native_and_a_pull_never_waits(options, n):
    ams = await a_staged_api()
    await ams.publish(*"abcde")
    assert len((await ams.ok("POST", f"{SUB}:pull", options))["receivedMessages"]) == n


@pytest.mark.parametrize(
    "options",
    [
        {"maxMessages": 1.0},
        {"maxMessages": []},
        {"maxMessages": {}},
        {"maxMessages": True},
        {"returnImmediately": 1},
        {"returnImmediately": 0.0},
        {"returnImmediately": []},
        {"returnImmediately": {}},
    ],
)
async def test_pull_options_of_other_types_are_refused(options):
    ams = await a_staged_api()
    assert await ams.error("POST", f"{SUB}:pull", options) == (400, IA, "Invalid Pull Parameters Arguments")


@pytest.mark.parametrize("return_immediately", ["true", "false", True, False])
async def test_an_empty_pull_is_answered_at_once_with_an_empty_list(return_immediately):
    ams = await a_staged_api()
    answer = await ams.ok("POST", f"{SUB}:pull", {"returnImmediately": return_immediately})
    assert answer == {"receivedMessages": []}


async def test_received_messages_bear_ack_ids_made_of_their_offsets():
    ams = await a_staged_api()
    await ams.publish("a", "b")
    received = await ams.pull(2)
    assert [(one["ackId"], one["message"]["messageId"]) for one in received] == [
        ("projects/P/subscriptions/S:0", "0"),
        ("projects/P/subscriptions/S:1", "1"),
    ]


async def test_the_topic_is_asked_for_before_the_body():
    ams = await a_staged_api()
    await ams.ok("DELETE", "/projects/P/topics/T")
    assert (await ams.error("POST", f"{SUB}:pull", raw=b"nonsense"))[1] == "CONFLICT"


async def test_two_pullers_of_one_subscription_get_the_same_messages():
    ams = await a_staged_api()
    await ams.publish("a", "b")
    pulls = await asyncio.gather(*(ams.pull(2) for _ in range(10)))
    assert all(pull == pulls[0] for pull in pulls)


# --- Acknowledging --------------------------------------------------------------------------------


async def pulled(n=3):
    ams = await a_staged_api()
    await ams.publish(*"abc")
    await ams.pull(n)
    return ams


@pytest.mark.parametrize(
    "ids",
    [
        [],
        None,
        ["0"],
        ["/projects/P/subscriptions/S:0"],
        ["projects/Q/subscriptions/S:0"],
        ["projects/P/subscriptions/OTHER:0"],
        ["projects/P/subscriptions/S:"],
        ["projects/P/subscriptions/S:x"],
        ["projects/P/subscriptions/S:1.0"],
        ["projects/P/subscriptions/S:0 "],
        ["projects/P/subscriptions/S:-1"],
        ["projects/P/subscriptions/S:99999999999999999999"],
        ["projects/P/subscriptions/S:0", "projects/P/subscriptions/S:x"],
        ["projects/P/subscriptions/S:0", ""],
    ],
)
async def test_ids_of_another_form_are_refused(ids):
    ams = await pulled()
    assert await ams.error("POST", f"{SUB}:acknowledge", {"ackIds": ids}) == (400, IA, "Invalid ack id")


@pytest.mark.parametrize("body", [{"ackIds": "x"}, {"ackIds": [1]}, {"ackIds": {}}, {"AckIds": [[]]}])
async def test_a_list_of_other_things_is_refused_before_the_subscription_is_looked_for(body):
    ams = await pulled()
    for path in (SUB, "/projects/P/subscriptions/none"):
        assert await ams.error("POST", f"{path}:acknowledge", body) == (400, IA, "Invalid ack parameter")


@pytest.mark.parametrize("key", ["ackIds", "AckIds", "ACKIDS"])
async def test_only_the_largest_id_counts(key):
    ams = await pulled()
    ids = [f"projects/P/subscriptions/S:{n}" for n in (1, 0, -7)]
    assert await ams.ok("POST", f"{SUB}:acknowledge", {key: ids}) == {}
    assert (await ams.ok("GET", f"{SUB}:offsets"))["current"] == 2


@pytest.mark.parametrize(("offset", "text"), [(2, "wrong ack"), (9_223_372_036_854_775_807, "wrong ack")])
async def test_an_id_beyond_the_pull_is_a_wrong_ack(offset, text):
    ams = await pulled(2)
    error = await ams.error("POST", f"{SUB}:acknowledge", {"ackIds": [f"projects/P/subscriptions/S:{offset}"]})
    assert error == (500, "INTERNAL_SERVER_ERROR", text)


# --- Offsets --------------------------------------------------------------------------------------


async def test_offsets_are_three_numbers():
    ams = await pulled()
    assert await ams.ok("GET", f"{SUB}:offsets") == {"max": 3, "min": 0, "current": 0}


@pytest.mark.parametrize("body", [{}, {"offset": None}, {"offset": "1"}, {"offset": 1.0}, {"offset": True}, []])
async def test_an_offset_that_is_no_number_is_refused_before_the_subscription_is_looked_for(body):
    ams = await a_staged_api()
    for path in (SUB, "/projects/P/subscriptions/none"):
        assert await ams.error("POST", f"{path}:modifyOffset", body) == (400, IA, "Invalid Offset Arguments")


@pytest.mark.parametrize("offset", [-1, 4, 2**62])
async def test_an_offset_out_of_bounds_is_refused_and_moves_nothing(offset):
    ams = await pulled()
    assert await ams.error("POST", f"{SUB}:modifyOffset", {"offset": offset}) == (400, IA, "Offset out of bounds")
    assert (await ams.ok("GET", f"{SUB}:offsets"))["current"] == 0
    await ams.ok("POST", f"{SUB}:acknowledge", {"ackIds": ["projects/P/subscriptions/S:0"]})


async def test_moving_the_offset_ends_the_pull():
    ams = await pulled()
    await ams.ok("POST", f"{SUB}:modifyOffset", {"offset": 3})
    error = await ams.error("POST", f"{SUB}:acknowledge", {"ackIds": ["projects/P/subscriptions/S:0"]})
    assert error[2] == "no ack pending"
    assert await ams.pull() == []


@pytest.mark.parametrize(
    "time",
    [
        "",
        "now",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.0Z",
        "2026-01-01T00:00:00.0000Z",
        "2026-01-01T00:00:00.000",
        "2026-01-01T00:00:00.000+01:00",
        "2026-13-01T00:00:00.000Z",
        "2026-01-01T25:00:00.000Z",
        "2026-01-01t00:00:00.000Z",
        "2026-01-01_00:00:00.000Z",
        "٢٠٢٦-01-01T00:00:00.000Z",
    ],
)
async def test_a_time_in_another_form_is_refused(time):
    ams = await a_staged_api()
    assert await ams.error("GET", f"{SUB}:timeToOffset", time=time) == (400, IA, "Time is not in valid Zulu format.")


@pytest.mark.parametrize(
    ("time", "offset"),
    [
        ("2026-01-01T00:00:00.000Z", 0),
        ("2025-12-31T23:59:59.999Z", 0),
        ("2026-01-01T00:00:00.001Z", 1),
        ("2026-01-01 00:00:00.001Z", 1),
        ("2026-01-01T0:00:10.000Z", 1),
    ],
)
async def test_a_time_gives_the_first_offset_at_or_after_it(time, offset):
    ams = await a_staged_api()
    await ams.publish("a")
    await ams.clock.advance(10)
    await ams.publish("b")
    assert await ams.ok("GET", f"{SUB}:timeToOffset", time=time) == {"offset": offset}


async def test_a_time_after_everything_is_a_conflict():
    ams = await pulled()
    error = await ams.error("GET", f"{SUB}:timeToOffset", time="2027-01-01T00:00:00.000Z")
    assert error == (409, "CONFLICT", "Timestamp is out of bounds for the subscription's topic/partition")


# --- Deleted topics -------------------------------------------------------------------------------


async def test_a_subscription_outlives_its_topic_and_is_attached_again():
    ams = await a_staged_api()
    await ams.publish("a", "b")
    await ams.pull(2)
    await ams.ok("DELETE", "/projects/P/topics/T")
    assert (await ams.ok("GET", SUB))["topic"] == "/projects/P/topics/T"
    assert (await ams.ok("GET", "/projects/P/subscriptions"))["subscriptions"][0]["topic"] == "/projects/P/topics/T"
    await ams.ok("POST", f"{SUB}:acknowledge", {"ackIds": ["projects/P/subscriptions/S:1"]})
    assert await ams.ok("GET", f"{SUB}:offsets") == {"max": -1, "min": -1, "current": 2}
    await ams.ok("PUT", "/projects/P/topics/T")
    assert await ams.publish("c") == ["0"]
    assert [one["message"]["data"] for one in await ams.pull(5)] == ["c"]


async def test_an_ack_id_may_bear_a_sign():
    ams = await a_staged_api()
    await ams.publish("YQ==")
    await ams.pull()
    assert await ams.ok("POST", f"{SUB}:acknowledge", {"ackIds": ["projects/P/subscriptions/S:+0"]}) == {}


async def test_times_before_and_after_every_message_are_times():
    ams = await a_staged_api()
    await ams.publish("YQ==")
    for time in ("0000-01-01T00:00:00.000Z", "0001-01-01T00:00:00,000Z", "1969-12-31T23:59:59.999Z"):
        assert await ams.ok("GET", f"{SUB}:timeToOffset", time=time) == {"offset": 0}
    error = await ams.error("GET", f"{SUB}:timeToOffset", time="9999-12-31T23:59:59.999Z")
    assert error == (409, "CONFLICT", "Timestamp is out of bounds for the subscription's topic/partition")
