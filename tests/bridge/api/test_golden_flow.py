"""The flow of AMS's own CI collection (ams-api.md section 15), and its further checks."""

import pytest

from tests.fakes.ams_api import an_api

ACK = "projects/P/subscriptions/S"


async def test_the_golden_flow():
    ams = await an_api()
    await ams.ok("POST", "/projects/P", {"description": "golden"})
    padm = await ams.ok(
        "POST", "/users/padm", {"email": "a@b", "projects": [{"project": "P", "roles": ["project_admin"]}]}
    )
    ps = await ams.ok(
        "POST",
        "/projects/P/members/ps",
        {"projects": [{"project": "P", "roles": ["publisher", "consumer"]}], "email": "c@d"},
        token=padm["token"],
    )
    admin, worker = {"token": padm["token"]}, {"token": ps["token"]}
    topic = await ams.ok("PUT", "/projects/P/topics/T", **admin)
    assert topic == {"name": "/projects/P/topics/T", "created_on": "2026-01-01T00:00:00Z"}
    await ams.ok("POST", "/projects/P/topics/T:modifyAcl", {"authorized_users": ["ps"]}, **admin)
    subscription = await ams.ok(
        "PUT",
        "/projects/P/subscriptions/S",
        {"topic": "projects/P/topics/T", "ackDeadlineSeconds": 300, "pushConfig": {}},
        **admin,
    )
    assert (subscription["name"], subscription["ackDeadlineSeconds"]) == ("/projects/P/subscriptions/S", 300)
    await ams.ok("POST", "/projects/P/subscriptions/S:modifyAcl", {"authorized_users": ["ps"]}, **admin)
    published = await ams.ok(
        "POST",
        "/projects/P/topics/T:publish",
        {"messages": [{"attributes": {}, "data": "msg 1"}, {"attributes": {}, "data": "msg 2"}]},
        **worker,
    )
    assert published == {"messageIds": ["0", "1"]}
    for offset, text in ((0, "msg 1"), (1, "msg 2")):
        pulled = await ams.ok("POST", f"/{ACK}:pull", {"maxMessages": "1"}, **worker)
        assert pulled == {
            "receivedMessages": [
                {
                    "ackId": f"{ACK}:{offset}",
                    "message": {"messageId": str(offset), "data": text, "publishTime": "2026-01-01T00:00:00Z"},
                }
            ]
        }
        if offset == 0:
            assert await ams.ok("POST", f"/{ACK}:acknowledge", {"ackIds": [f"{ACK}:0"]}, **worker) == {}
    for path in ("/users/padm", "/users/ps", "/projects/P"):
        assert await ams.ok("DELETE", path) == {}


async def staged():
    ams = await an_api()
    await ams.stage()
    return ams


async def test_pulling_twice_gives_the_same_message():
    ams = await staged()
    await ams.publish("a", "b")
    assert await ams.pull() == await ams.pull()


async def test_a_second_acknowledgement_of_one_pull_is_refused():
    ams = await staged()
    await ams.publish("a")
    await ams.pull()
    await ams.ok("POST", f"/{ACK}:acknowledge", {"ackIds": [f"{ACK}:0"]})
    assert await ams.error("POST", f"/{ACK}:acknowledge", {"ackIds": [f"{ACK}:0"]}) == (
        500,
        "INTERNAL_SERVER_ERROR",
        "no ack pending",
    )


async def test_an_acknowledgement_one_second_after_the_deadline_times_out():
    ams = await staged()
    await ams.publish("a")
    await ams.pull()
    await ams.clock.advance(11)
    error = await ams.error("POST", f"/{ACK}:acknowledge", {"ackIds": [f"{ACK}:0"]})
    assert error == (408, "TIMEOUT", "ack timeout")


async def test_a_pull_without_its_topic_is_a_conflict():
    ams = await staged()
    await ams.ok("DELETE", "/projects/P/topics/T")
    error = await ams.error("POST", f"/{ACK}:pull", {})
    assert error == (409, "CONFLICT", "Subscription's topic doesn't exist")
    assert (await ams.ok("GET", f"/{ACK}"))["topic"] == "/projects/P/topics/T"


async def test_a_publisher_who_is_not_on_the_list_may_not_publish():
    ams = await staged()
    await ams.user("other", ["publisher"])
    error = await ams.error("POST", "/projects/P/topics/T:publish", {"messages": []}, token="other")
    assert error == (403, "FORBIDDEN", "Access to this resource is forbidden")


async def test_a_user_of_another_project_is_unauthorized():
    ams = await staged()
    await ams.ok("POST", "/projects/Q", {})
    await ams.user("stranger", ["publisher"], project="Q")
    error = await ams.error("POST", "/projects/P/topics/T:publish", {"messages": []}, token="stranger")
    assert error == (401, "UNAUTHORIZED", "Unauthorized")


@pytest.mark.parametrize("token", ["bad", "service-token"])
async def test_an_unknown_project_is_told_before_the_token_is_looked_at(token):
    ams = await an_api()
    error = await ams.error("GET", "/projects/NOPE/topics", token=token)
    assert error == (404, "NOT_FOUND", "project doesn't exist")


async def test_a_bad_name_is_told_before_the_token_is_asked_for():
    ams = await an_api()
    error = await ams.error("GET", "/projects/P/topics/t.x", token=None)
    assert error == (400, "INVALID_ARGUMENT", "Invalid topic name")
