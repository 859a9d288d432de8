"""Seeking, snapshots and filters: what Google's clients of Pub/Sub ask beyond AMS."""

import pytest

from tests.fakes.ams_api import a_staged_api

S = "/projects/P/subscriptions/S"
N = "/projects/P/snapshots/N"
OF_S = {"subscription": "projects/P/subscriptions/S"}


async def acknowledged(ams, n):
    """Pull and acknowledge so many."""
    received = await ams.pull(n)
    await ams.ok("POST", f"{S}:acknowledge", {"ackIds": [received[-1]["ackId"]]})


async def offsets_pulled(ams):
    return [one["message"]["messageId"] for one in await ams.pull(100)]


async def test_a_subscription_goes_back_to_a_snapshot():
    ams = await a_staged_api()
    await ams.publish("a", "b", "c", "d")
    await acknowledged(ams, 1)
    made = await ams.ok("PUT", N, {**OF_S, "labels": {"why": "upgrade"}})
    assert made == await ams.ok("GET", N)
    assert (made["name"], made["topic"]) == ("projects/P/snapshots/N", "projects/P/topics/T")
    assert made["labels"] == {"why": "upgrade"}
    assert made["expireTime"].endswith("Z")
    await acknowledged(ams, 2)
    assert await offsets_pulled(ams) == ["3"]
    assert await ams.ok("POST", f"{S}:seek", {"snapshot": "projects/P/snapshots/N"}) == {}
    assert await offsets_pulled(ams) == ["1", "2", "3"]


async def test_a_seek_goes_to_what_was_published_at_or_after_a_time():
    ams = await a_staged_api()
    await ams.publish("a")
    await ams.clock.advance(3600)
    await ams.publish("b")
    (_, second) = await ams.pull(2)
    at = second["message"]["publishTime"]
    await ams.ok("POST", f"{S}:seek", {"time": at})
    assert await offsets_pulled(ams) == ["1"]
    await ams.ok("POST", f"{S}:seek", {"time": "1970-01-01T00:00:00+02:00"})
    assert await offsets_pulled(ams) == ["0", "1"]
    await ams.ok("POST", f"{S}:seek", {"time": "9999-12-31T23:59:59.123456789Z"})
    assert await offsets_pulled(ams) == []


async def test_a_seek_closes_what_was_pulled():
    ams = await a_staged_api()
    await ams.publish("a", "b")
    (one,) = await ams.pull(1)
    await ams.ok("POST", f"{S}:seek", {"time": "1970-01-01T00:00:00Z"})
    assert (await ams.error("POST", f"{S}:acknowledge", {"ackIds": [one["ackId"]]}))[2] == "no ack pending"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"time": ""},
        {"time": "yesterday"},
        {"time": "2026-01-03"},
        {"time": "2026-01-03T11:00:00"},
        {"time": "2026-13-03T11:00:00Z"},
        {"time": 5},
        {"time": "2026-01-03T11:00:00Z", "snapshot": "projects/P/snapshots/N"},
        {"snapshot": "N"},
        {"snapshot": "projects/Q/snapshots/N"},
        {"snapshot": "projects/P/topics/N"},
    ],
)
async def test_a_seek_that_says_no_place_is_refused_and_moves_nothing(body):
    ams = await a_staged_api()
    await ams.ok("PUT", N, OF_S)
    await ams.publish("a")
    assert (await ams.error("POST", f"{S}:seek", body))[:2] == (400, "INVALID_ARGUMENT")
    assert await offsets_pulled(ams) == ["0"]


async def test_what_does_not_exist_is_told():
    ams = await a_staged_api()
    missing = (404, "NOT_FOUND", "Snapshot doesn't exist")
    assert await ams.error("GET", N) == missing
    assert await ams.error("DELETE", N) == missing
    assert await ams.error("POST", f"{S}:seek", {"snapshot": "projects/P/snapshots/N"}) == missing
    no_subscription = (404, "NOT_FOUND", "Subscription doesn't exist")
    assert await ams.error("PUT", N, {"subscription": "projects/P/subscriptions/none"}) == no_subscription
    assert await ams.error("POST", "/projects/P/subscriptions/none:seek", {"time": "2026-01-03T11:00:00Z"}) == (
        no_subscription
    )
    assert (await ams.error("PUT", "/projects/P/snapshots/a.b", OF_S))[2] == "Invalid snapshot name"


async def test_a_snapshots_name_is_taken_until_it_is_deleted_or_a_week_old():
    ams = await a_staged_api()
    await ams.ok("PUT", N, OF_S)
    assert await ams.error("PUT", N, OF_S) == (409, "ALREADY_EXISTS", "Snapshot already exists")
    await ams.ok("DELETE", N)
    await ams.ok("PUT", N, OF_S)
    await ams.clock.advance(8 * 86_400)
    assert (await ams.error("GET", N))[0] == 404
    await ams.ok("PUT", N, OF_S)
    await ams.clock.advance(8 * 86_400)
    assert await ams.broker.snapshots.sweep() == 1
    assert await ams.broker.snapshots.sweep() == 0


async def test_snapshots_are_listed_by_project_and_by_topic():
    ams = await a_staged_api()
    await ams.ok("PUT", "/projects/P/topics/other")
    for name in ("one", "two"):
        await ams.ok("PUT", f"/projects/P/snapshots/{name}", OF_S)
    listed = await ams.ok("GET", "/projects/P/snapshots")
    assert sorted(one["name"] for one in listed["snapshots"]) == [
        "projects/P/snapshots/one",
        "projects/P/snapshots/two",
    ]
    page = await ams.ok("GET", "/projects/P/snapshots", pageSize=1)
    assert len(page["snapshots"]) == 1
    assert len((await ams.ok("GET", "/projects/P/snapshots", pageToken=page["nextPageToken"]))["snapshots"]) == 1
    of_topic = await ams.ok("GET", "/projects/P/topics/T/snapshots")
    assert sorted(of_topic["snapshots"]) == ["projects/P/snapshots/one", "projects/P/snapshots/two"]
    assert (await ams.ok("GET", "/projects/P/topics/other/snapshots"))["snapshots"] == []


async def test_a_snapshot_of_a_topic_that_was_made_again_leads_nowhere():
    ams = await a_staged_api()
    await ams.publish("a")
    await ams.ok("PUT", N, OF_S)
    await ams.ok("DELETE", "/projects/P/topics/T")
    at = {"snapshot": "projects/P/snapshots/N"}
    assert (await ams.error("POST", f"{S}:seek", at))[:2] == (409, "CONFLICT")
    await ams.ok("PUT", "/projects/P/topics/T")
    assert (await ams.error("POST", f"{S}:seek", at))[0] == 404


async def test_snapshots_go_with_their_project():
    ams = await a_staged_api()
    await ams.ok("PUT", N, OF_S)
    await ams.ok("DELETE", "/projects/P")
    await ams.ok("POST", "/projects/P", {})
    assert (await ams.ok("GET", "/projects/P/snapshots"))["snapshots"] == []


@pytest.mark.parametrize(("who", "status"), [("padm", 200), ("con", 200), ("pub", 403), ("nobody", 401)])
async def test_who_may_seek(who, status):
    ams = await a_staged_api()
    answered = await ams.ask("POST", f"{S}:seek", {"time": "2026-01-03T11:00:00Z"}, token=who)
    assert answered.status == status
    assert (await ams.ask("PUT", N, OF_S, token=who)).status == status


async def test_a_filter_is_taken_shown_and_holds():
    ams = await a_staged_api()
    body = {"topic": "projects/P/topics/T", "filter": 'attributes.kind = "alarm"'}
    made = await ams.ok("PUT", "/projects/P/subscriptions/alarms", body)
    assert made["filter"] == 'attributes.kind = "alarm"'
    assert (await ams.ok("GET", "/projects/P/subscriptions/alarms"))["filter"] == 'attributes.kind = "alarm"'
    assert "filter" not in await ams.ok("GET", S)
    messages = [{"data": kind, "attributes": {"kind": kind}} for kind in ("metric", "alarm")]
    await ams.ok("POST", "/projects/P/topics/T:publish", {"messages": messages})
    received = await ams.ok("POST", "/projects/P/subscriptions/alarms:pull", {"maxMessages": "10"})
    assert [one["message"]["messageId"] for one in received["receivedMessages"]] == ["1"]


async def test_a_filter_that_cannot_be_read_is_refused_with_its_place():
    ams = await a_staged_api()
    body = {"topic": "projects/P/topics/T", "filter": "attributes.kind = alarm"}
    code, status, text = await ams.error("PUT", "/projects/P/subscriptions/alarms", body)
    assert (code, status) == (400, "INVALID_ARGUMENT")
    assert text.startswith("the filter cannot be read at character 19: a text in double quotes")
