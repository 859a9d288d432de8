"""Topics over the API (ams-api.md sections 4.2 and 5)."""

import asyncio
import re

import msgspec
import pytest

from tests.fakes.ams_api import a_staged_api

IA, NF = "INVALID_ARGUMENT", "NOT_FOUND"
MISSING = (404, NF, "Topic doesn't exist")
FORBIDDEN = (403, "FORBIDDEN", "Access to this resource is forbidden")
TOPIC = "/projects/P/topics/T"


async def with_schema():
    ams = await a_staged_api()
    await ams.ok("POST", "/projects/P/schemas/sc", {"type": "json", "schema": {"type": "string"}})
    return ams


# --- Making and showing ---------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"{}", b"null"])
async def test_a_topic_is_made_with_an_empty_body_or_an_empty_object(body):
    ams = await a_staged_api()
    answer = await ams.ok("PUT", "/projects/P/topics/new", raw=body)
    assert answer == {"name": "/projects/P/topics/new", "created_on": "2026-01-01T00:00:00Z"}
    assert await ams.ok("GET", "/projects/P/topics/new") == answer


@pytest.mark.parametrize("reference", ["projects/P/schemas/sc", "/projects/P/schemas/sc", "projects/OTHER/schemas/sc"])
async def test_a_topic_names_its_schema_in_full(reference):
    ams = await with_schema()
    answer = await ams.ok("PUT", "/projects/P/topics/new", {"schema": reference})
    assert answer["schema"] == "projects/P/schemas/sc"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"schema": 1}, (400, "BAD_REQUEST", "Invalid Request Body")),
        ({"schema": {}}, (400, "BAD_REQUEST", "Invalid Request Body")),
        ({"schema": "sc"}, (400, IA, "wrong schema name declaration")),
        ({"schema": "projects/P/topics/sc"}, (400, IA, "wrong schema name declaration")),
        ({"schema": "x/P/schemas/sc"}, (400, IA, "wrong schema name declaration")),
        ({"schema": "projects/P/schemas/a/b"}, (400, IA, "wrong schema name declaration")),
        ({"schema": "projects/P/schemas/none"}, (404, NF, "Schema doesn't exist")),
        ({"schema": "projects/P/schemas/"}, (404, NF, "Schema doesn't exist")),
    ],
)
async def test_a_topic_with_a_wrong_schema_is_refused(body, error):
    ams = await with_schema()
    assert await ams.error("PUT", "/projects/P/topics/new", body) == error
    assert await ams.error("PUT", TOPIC, body) == error


async def test_a_taken_name_is_told():
    ams = await a_staged_api()
    assert await ams.error("PUT", TOPIC) == (409, "ALREADY_EXISTS", "Topic already exists")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/projects/P/topics/none", None),
        ("DELETE", "/projects/P/topics/none", None),
        ("GET", "/projects/P/topics/none:acl", None),
        ("POST", "/projects/P/topics/none:modifyAcl", {"authorized_users": []}),
        ("POST", "/projects/P/topics/none:attachSchema", None),
        ("POST", "/projects/P/topics/none:detachSchema", None),
        ("GET", "/projects/P/topics/none/subscriptions", None),
        ("GET", "/projects/P/topics/none:metrics", None),
        ("POST", "/projects/P/topics/none:publish", {"messages": []}),
    ],
)
async def test_a_missing_topic_is_told(method, path, body):
    ams = await a_staged_api()
    assert await ams.error(method, path, body) == MISSING


# --- Access lists ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [{}, {"authorized_users": None}, {"authorized_users": "pub"}, {"authorized_users": [1]}, []]
)
async def test_an_access_list_that_is_none_is_refused(body):
    ams = await a_staged_api()
    assert await ams.error("POST", f"{TOPIC}:modifyAcl", body) == (400, IA, "Invalid Topic ACL Arguments")


async def test_an_access_list_with_strangers_names_them_before_the_topic_is_looked_for():
    ams = await a_staged_api()
    await ams.user("stranger")
    for topic in ("T", "none"):
        error = await ams.error(
            "POST", f"/projects/P/topics/{topic}:modifyAcl", {"authorized_users": ["z", "pub", "stranger", "a"]}
        )
        assert error == (404, NF, "User(s): z, stranger, a do not exist")
    assert await ams.ok("GET", f"{TOPIC}:acl") == {"authorized_users": ["pub"]}


async def test_an_access_list_is_replaced_whole_and_shown_in_its_order():
    ams = await a_staged_api()
    for names in (["pub", "con", "padm"], ["padm", "pub"], []):
        await ams.ok("POST", f"{TOPIC}:modifyAcl", {"authorized_users": names})
        assert await ams.ok("GET", f"{TOPIC}:acl") == {"authorized_users": names}


async def test_a_deleted_user_is_not_shown_on_an_access_list():
    ams = await a_staged_api()
    await ams.ok("DELETE", "/users/pub")
    assert await ams.ok("GET", f"{TOPIC}:acl") == {"authorized_users": []}


async def test_a_publisher_must_be_on_the_list_even_as_project_admin_and_a_project_admin_alone_need_not():
    ams = await a_staged_api()
    await ams.user("both", ["publisher", "project_admin"])
    body = {"messages": [{"data": "x"}]}
    assert await ams.error("POST", f"{TOPIC}:publish", body, token="both") == FORBIDDEN
    await ams.ok("POST", f"{TOPIC}:publish", body, token="padm")
    await ams.ok("POST", f"{TOPIC}:publish", body, token="pub")


async def test_access_lists_can_be_switched_off():
    ams = await a_staged_api(per_resource_auth=False)
    await ams.user("other", ["publisher"])
    await ams.ok("POST", f"{TOPIC}:publish", {"messages": []}, token="other")


async def test_metrics_ask_the_access_list_before_the_topic_is_looked_for():
    ams = await a_staged_api()
    await ams.user("other", ["publisher"])
    for topic in ("T", "none"):
        assert await ams.error("GET", f"/projects/P/topics/{topic}:metrics", token="other") == FORBIDDEN
    await ams.ok("GET", f"{TOPIC}:metrics", token="pub")


# --- Publishing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {"messages": {}},
        {"messages": "x"},
        {"messages": ["x"]},
        {"messages": [{"data": 1}]},
        {"messages": [{"data": "x", "attributes": []}]},
        {"messages": [{"data": "x", "attributes": [{"key": "a", "value": "b"}]}]},
        {"messages": [{"data": "x", "attributes": {"a": {}}}]},
    ],
)
async def test_messages_of_another_shape_are_refused(body):
    ams = await a_staged_api()
    assert await ams.error("POST", f"{TOPIC}:publish", body) == (400, IA, "Invalid Message Arguments")


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"messages": None}])
async def test_publishing_nothing_is_fine(body):
    ams = await a_staged_api()
    assert await ams.ok("POST", f"{TOPIC}:publish", body) == {"messageIds": []}


async def test_data_need_not_be_base64_nor_there_at_all():
    ams = await a_staged_api()
    body = {"messages": [{"data": "msg 1"}, {"attributes": {"a": "b"}}, {}]}
    assert await ams.ok("POST", f"{TOPIC}:publish", body) == {"messageIds": ["0", "1", "2"]}
    received = await ams.pull(3)
    assert [one["message"]["data"] for one in received] == ["msg 1", "", ""]
    assert ["attributes" in one["message"] for one in received] == [False, True, False]


async def test_a_message_shows_four_keys_and_no_other():
    ams = await a_staged_api()
    await ams.ok("POST", f"{TOPIC}:publish", {"messages": [{"data": "x", "attributes": {"a": "b"}}]})
    (received,) = await ams.pull()
    assert set(received) == {"ackId", "message"}
    assert set(received["message"]) == {"messageId", "attributes", "data", "publishTime"}


async def test_attributes_survive_whatever_stands_in_them():
    ams = await a_staged_api()
    attributes = {'q"': 'a"b', "line": "a\nb", "back": "\\", "uni": "ä☃😀", "": "empty", "<": "</script>"}
    await ams.ok("POST", f"{TOPIC}:publish", {"messages": [{"data": "x", "attributes": attributes}]})
    assert (await ams.pull())[0]["message"]["attributes"] == attributes


async def test_concurrent_publishers_get_ids_of_their_own():
    ams = await a_staged_api()
    ids = await asyncio.gather(*(ams.publish("a", "b") for _ in range(20)))
    assert sorted(int(one) for pair in ids for one in pair) == list(range(40))


async def test_a_publish_time_drops_trailing_zeros():
    ams = await a_staged_api()
    for wait_s in (0, 0.5, 0.000001):
        await ams.clock.advance(wait_s)
        await ams.publish("x")
    times = [one["message"]["publishTime"] for one in await ams.pull(3)]
    assert times == ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.500001Z"]


async def test_a_topic_with_a_schema_checks_every_message_before_any_is_stored():
    ams = await with_schema()
    await ams.ok("POST", f"{TOPIC}:attachSchema", {"schema": "projects/P/schemas/sc"})
    assert (await ams.ok("GET", TOPIC))["schema"] == "projects/P/schemas/sc"
    error = await ams.error("POST", f"{TOPIC}:publish", {"messages": [{"data": "InRleHQi"}, {"data": "MQ=="}]})
    assert error == (400, IA, "Message 1 data is not valid,(root): Invalid type. Expected: string, given: integer")
    assert await ams.publish("InRleHQi") == ["0"]


@pytest.mark.parametrize(
    ("verb", "body"),
    [("detachSchema", None), ("attachSchema", None), ("attachSchema", {}), ("attachSchema", {"x": "y"})],
)
async def test_a_schema_is_detached(verb, body):
    ams = await with_schema()
    await ams.ok("POST", f"{TOPIC}:attachSchema", {"schema": "projects/P/schemas/sc"})
    await ams.ok("POST", f"{TOPIC}:{verb}", body)
    assert "schema" not in await ams.ok("GET", TOPIC)


async def test_a_schema_that_cannot_be_loaded_is_the_services_fault():
    ams = await with_schema()
    await ams.ok("POST", f"{TOPIC}:attachSchema", {"schema": "projects/P/schemas/sc"})
    project = ams.broker.cache.project("P")
    schema = ams.broker.cache.schema(project.uid, "sc")
    await ams.broker.cache.change(
        schema,
        lambda s: f"{s.project_uid}/{s.name}",
        lambda s: msgspec.structs.replace(s, definition={"type": "nonsense"}),
    )
    error = await ams.error("POST", f"{TOPIC}:publish", {"messages": [{"data": "x"}]})
    assert error == (500, "INTERNAL_SERVER_ERROR", "Could not load schema for topic")


# --- Lists and pages ------------------------------------------------------------------------------


async def many():
    ams = await a_staged_api()
    for number in range(4):
        await ams.clock.advance(1)
        await ams.ok("PUT", f"/projects/P/topics/t{number}")
        await ams.ok("PUT", f"/projects/P/subscriptions/s{number}", {"topic": f"projects/P/topics/t{number}"})
    return ams


def short_names(items):
    return [item["name"].rpartition("/")[2] for item in items]


@pytest.mark.parametrize("items", ["topics", "subscriptions"])
async def test_everything_is_on_one_page_youngest_first_unless_asked_otherwise(items):
    ams = await many()
    first = {"topics": "t", "subscriptions": "s"}[items]
    expected = [f"{first}3", f"{first}2", f"{first}1", f"{first}0", first.upper()]
    for query in ({}, {"pageSize": "0"}, {"pageSize": "-3"}, {"pageSize": ""}):
        page = await ams.ok("GET", f"/projects/P/{items}", **query)
        assert short_names(page[items]) == expected
        assert (page["nextPageToken"], page["totalSize"]) == ("", 5)


@pytest.mark.parametrize("items", ["topics", "subscriptions"])
async def test_pages_follow_one_another_by_their_token(items):
    ams = await many()
    seen, token, sizes = [], "", []
    while True:
        page = await ams.ok("GET", f"/projects/P/{items}", pageSize="2", pageToken=token)
        seen += short_names(page[items])
        sizes.append(len(page[items]))
        token = page["nextPageToken"]
        assert page["totalSize"] == 5
        if not token:
            break
        assert re.fullmatch(r"[A-Za-z0-9+/]+=*", token)
    assert sizes == [2, 2, 1]
    assert len(set(seen)) == 5


async def test_a_page_goes_on_after_its_first_item_was_deleted():
    ams = await many()
    page = await ams.ok("GET", "/projects/P/topics", pageSize="2")
    await ams.ok("DELETE", "/projects/P/topics/t1")
    page = await ams.ok("GET", "/projects/P/topics", pageSize="2", pageToken=page["nextPageToken"])
    assert short_names(page["topics"]) == ["t0", "T"]


@pytest.mark.parametrize("path", ["/projects/P/topics", "/projects/P/subscriptions", "/users", "/projects/P/members"])
async def test_a_wrong_page_size_or_token_is_refused(path):
    ams = await a_staged_api()
    for size in ("x", "1.0", "1e3", " 1"):
        assert await ams.error("GET", path, pageSize=size) == (400, IA, "Invalid page size")
    for token in ("x", "!!!", "bm90IG91cnM=", "/w=="):
        assert await ams.error("GET", path, pageToken=token) == (400, IA, "Invalid page token")


async def test_a_plain_publisher_sees_the_topics_that_name_it():
    ams = await many()
    assert short_names((await ams.ok("GET", "/projects/P/topics", token="pub"))["topics"]) == ["T"]
    assert (await ams.ok("GET", "/projects/P/topics", token="pub"))["totalSize"] == 1
    await ams.user("both", ["publisher", "project_admin"])
    assert (await ams.ok("GET", "/projects/P/topics", token="both"))["totalSize"] == 5


async def test_lists_are_empty_lists():
    ams = await a_staged_api()
    await ams.ok("POST", "/projects/Q", {})
    assert await ams.ok("GET", "/projects/Q/topics") == {"topics": [], "nextPageToken": "", "totalSize": 0}
    assert await ams.ok("GET", "/projects/Q/subscriptions") == {
        "subscriptions": [],
        "nextPageToken": "",
        "totalSize": 0,
    }
    assert await ams.ok("GET", "/projects/Q/members") == {"users": [], "nextPageToken": "", "totalSize": 0}


async def test_the_subscriptions_of_a_topic_are_listed_oldest_first():
    ams = await a_staged_api()
    await ams.ok("PUT", "/projects/P/subscriptions/S2", {"topic": "projects/P/topics/T"})
    names = ["/projects/P/subscriptions/S", "/projects/P/subscriptions/S2"]
    assert await ams.ok("GET", f"{TOPIC}/subscriptions") == {"subscriptions": names}
    await ams.ok("PUT", "/projects/P/topics/lonely")
    assert await ams.ok("GET", "/projects/P/topics/lonely/subscriptions") == {"subscriptions": []}


async def test_a_name_given_twice_stands_once_on_an_access_list():
    ams = await a_staged_api()
    await ams.ok("POST", "/projects/P/topics/T:modifyAcl", {"authorized_users": ["pub", "pub", "padm", "pub"]})
    assert (await ams.ok("GET", "/projects/P/topics/T:acl"))["authorized_users"] == ["pub", "padm"]
