"""Finding the route, reading the body, and answering whatever happens (ams-api.md section 1, D3, D4, D7, D10)."""

import json

import httpx
import pytest

from bridge.api.api_errors import from_broker
from broker.engines.memory.trouble import Trouble
from broker.errors import TROUBLES, OutcomeUnknown, StoreCorrupt, StoreUnavailable
from tests.fakes.ams_api import SERVICE, a_staged_api, an_api

NO_ROUTE = (404, "NOT_FOUND", "Route not found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/"),
        ("GET", "/nothing"),
        ("GET", "/topics/"),
        ("GET", "/metrics/daily-message-average"),
        ("GET", "/projects/"),
        ("GET", "/projects/P/"),
        ("GET", "/projects/P/topics/"),
        ("GET", "/projects//topics"),
        ("GET", "/projects/P/./topics"),
        ("GET", "/projects/P/../P"),
        ("GET", "//projects"),
        ("DELETE", "/projects"),
        ("PATCH", "/projects/P"),
        ("POST", "/version"),
        ("POST", "/projects/P/topics/T"),
        ("POST", "/projects/P/topics/T:foo"),
        ("POST", "/projects/P/topics/:publish"),
        ("POST", "/projects/../topics/T:publish"),
        ("POST", "/projects/P/subscriptions/S:modifyPushStatus"),
        ("POST", "/projects/P/subscriptions/T:publish"),
        ("GET", "/projects/P/topics/T/extra"),
        ("GET", "/service-types/ams/hosts/a/b:authx509"),
    ],
)
async def test_an_unknown_path_or_method_says_so_in_json_without_a_redirect(method, path):
    ams = await a_staged_api()
    for headers in ([(b"x-api-key", SERVICE.encode())], []):
        answered = await ams.ask_exactly(method, f"/v1{path}", headers)
        assert answered.error == NO_ROUTE
        assert answered.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/v2/projects", "/projects", "/v1x/projects"])
async def test_a_path_outside_v1_is_unknown(path):
    ams = await a_staged_api()
    assert (await ams.ask_exactly("GET", path)).error == NO_ROUTE


async def test_head_is_not_routed():
    ams = await a_staged_api()
    transport = httpx.ASGITransport(app=ams.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://ams") as client:
        assert (await client.head("/v1/projects", headers={"x-api-key": SERVICE})).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [
        ("GET", "/projects/P/topics/t:foo", "Invalid topic name"),
        ("GET", "/projects/P/topics/T:publish", "Invalid topic name"),
        ("POST", "/users/u:foo", "Invalid user name"),
        ("POST", "/users/a:b:refreshToken", "Invalid user name"),
        ("GET", "/users/:refreshToken", "Invalid user name"),
    ],
)
async def test_an_unknown_verb_falls_through_to_the_bare_resource(method, path, text):
    ams = await a_staged_api()
    assert await ams.error(method, path, token=None) == (400, "INVALID_ARGUMENT", text)


async def test_profile_and_usage_report_shadow_users_of_those_names():
    ams = await a_staged_api()
    await ams.user("profile", service_roles=["service_admin"])
    assert (await ams.ok("GET", "/users/profile", token="pub"))["name"] == "pub"
    assert (await ams.ok("PUT", "/users/profile", {}))["name"] == "profile"


@pytest.mark.parametrize("content_type", [None, "application/x-www-form-urlencoded", "text/plain", "application/json"])
async def test_a_body_is_json_whatever_its_content_type_says(content_type):
    ams = await a_staged_api()
    headers = {"content-type": content_type} if content_type else {}
    answer = await ams.ok("POST", "/projects/P/topics/T:publish", {"messages": [{"data": "x"}]}, headers=headers)
    assert answer == {"messageIds": ["0"]}


@pytest.mark.parametrize("path", ["/projects/P/topics/T", "/projects/P/subscriptions/S"])
async def test_bodies_on_get_and_delete_are_passed_over(path):
    ams = await a_staged_api()
    for method in ("GET", "DELETE"):
        assert (await ams.ask(method, path, raw=b"not json")).status == 200


EMPTY = [
    ("DELETE", "/users/pub", None),
    ("POST", "/projects/P/topics/T:modifyAcl", {"authorized_users": []}),
    ("POST", "/projects/P/topics/T:attachSchema", None),
    ("POST", "/projects/P/topics/T:detachSchema", None),
    ("POST", "/projects/P/subscriptions/S:modifyAcl", {"authorized_users": []}),
    ("POST", "/projects/P/subscriptions/S:modifyAckDeadline", {"ackDeadlineSeconds": 1}),
    ("POST", "/projects/P/subscriptions/S:modifyPushConfig", {}),
    ("POST", "/projects/P/subscriptions/S:modifyOffset", {"offset": 0}),
    ("DELETE", "/projects/P/subscriptions/S", None),
    ("DELETE", "/projects/P/topics/T", None),
    ("DELETE", "/projects/P/schemas/sc", None),
    ("DELETE", "/projects/P", None),
]


@pytest.mark.parametrize(("method", "path", "body"), EMPTY)
async def test_what_ams_answers_with_nothing_is_an_empty_object(method, path, body):
    ams = await a_staged_api()
    await ams.ok("POST", "/projects/P/schemas/sc", {"type": "json", "schema": {}})
    assert await ams.ok(method, path, body) == {}


# --- Reading JSON as AMS does ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        '{"MESSAGES":[{"DATA":"x","Attributes":{"k":"v"}}]}',
        '{"messages":[{"data":"wrong","data":"x","attributes":{"k":"v"}}]}',
        '{"messages":[{"data":"x","attributes":{"k":"v"},"messageId":"7","publishTime":"then"}],"unknown":[1]}',
        '{"messages":null,"Messages":[{"data":"x","attributes":{"k":"v"}}]}',
        ' \n{"messages":[{"data":"x","attributes":{"k":"v"}}]}\n ',
    ],
)
async def test_keys_match_in_any_case_and_unknown_ones_are_passed_over(body):
    ams = await a_staged_api()
    await ams.ok("POST", "/projects/P/topics/T:publish", raw=body.encode())
    (received,) = await ams.pull()
    assert (received["message"]["data"], received["message"]["attributes"]) == ("x", {"k": "v"})


@pytest.mark.parametrize(
    ("message", "seen"),
    [
        ("{}", {"data": ""}),
        ('{"data":null,"attributes":null}', {"data": ""}),
        ('{"attributes":{"k":null}}', {"data": "", "attributes": {"k": ""}}),
        ("null", {"data": ""}),
        ('{"data":"\\ud800"}', {"data": "\ufffd"}),
        ('{"data":"\\u0000\\n\\"\\\\"}', {"data": '\0\n"\\'}),
    ],
)
async def test_null_is_absent_and_texts_come_back_whole(message, seen):
    ams = await a_staged_api()
    await ams.ok("POST", "/projects/P/topics/T:publish", raw=b'{"messages":[%s]}' % message.encode())
    (received,) = await ams.pull()
    received["message"].pop("messageId")
    received["message"].pop("publishTime")
    assert received["message"] == seen


async def test_bytes_that_are_no_utf_8_become_replacement_characters():
    ams = await a_staged_api()
    await ams.ok("POST", "/projects/P/topics/T:publish", raw=b'{"messages":[{"data":"a\xff"}]}')
    assert (await ams.pull())[0]["message"]["data"] == "a\ufffd"


BAD_JSON = [b"", b"  ", b"{", b"[]", b'"x"', b"1", b"true", b"{} {}", b"{}x", b"\xef\xbb\xbf{}", b"NaN", b"[" * 100_000]


@pytest.mark.parametrize("body", BAD_JSON)
@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/projects/P/topics/T:publish", "Invalid Message Arguments"),
        ("/projects/P/subscriptions/S:pull", "Invalid Pull Parameters Arguments"),
        ("/projects/P/subscriptions/S:acknowledge", "Invalid ack parameter"),
        ("/projects/P/subscriptions/S:modifyOffset", "Invalid Offset Arguments"),
        ("/users/new", "Invalid User Arguments"),
        ("/projects/new", "Invalid Project Arguments"),
        ("/registrations", "Invalid User Arguments"),
    ],
)
async def test_a_body_that_is_no_json_object_is_an_invalid_argument(path, text, body):
    ams = await a_staged_api()
    assert await ams.error("POST", path, raw=body) == (400, "INVALID_ARGUMENT", text)


@pytest.mark.parametrize("body", BAD_JSON)
async def test_where_ams_says_no_more_it_is_a_bad_request(body):
    ams = await a_staged_api()
    bad = (400, "BAD_REQUEST", "Invalid Request Body")
    assert await ams.error("PUT", "/projects/P", raw=body) == bad
    assert await ams.error("POST", "/projects/P/members/pub:add", raw=body) == bad
    if body.strip():
        assert await ams.error("PUT", "/projects/P/topics/new", raw=body) == bad


async def test_a_body_of_null_is_an_empty_object():
    ams = await a_staged_api()
    assert await ams.ok("POST", "/projects/P/topics/T:publish", raw=b"null") == {"messageIds": []}


@pytest.mark.parametrize("value", ['"10"', "1.0", "1e1", "true", "[]", "{}", "99999999999999999999"])
async def test_an_integer_is_an_integer(value):
    ams = await a_staged_api()
    body = b'{"ackDeadlineSeconds":%s}' % value.encode()
    error = await ams.error("POST", "/projects/P/subscriptions/S:modifyAckDeadline", raw=body)
    assert error[2] == "Invalid ackDeadlineSeconds(needs value between 0 and 600) Arguments"


async def test_a_number_among_texts_is_refused():
    ams = await a_staged_api()
    body = {"messages": [{"data": "x", "attributes": {"k": 1}}]}
    assert (await ams.error("POST", "/projects/P/topics/T:publish", body))[2] == "Invalid Message Arguments"


# --- Sizes ----------------------------------------------------------------------------------------


async def test_a_message_over_the_limit_is_told_and_nothing_is_stored():
    ams = await a_staged_api()
    body = {"messages": [{"data": "small"}, {"data": "x" * 1_500_000}]}
    error = await ams.error("POST", "/projects/P/topics/T:publish", body)
    assert error == (413, "INVALID_ARGUMENT", "Message size is too large")
    assert await ams.publish("first") == ["0"]


async def test_a_mebibyte_of_raw_data_passes():
    ams = await a_staged_api()
    assert await ams.publish("A" * (4 * 1024 * 1024 // 3 + 4)) == ["0"]


async def test_a_body_over_its_cap_is_told():
    ams = await a_staged_api(max_publish_bytes=1000, max_body_bytes=500)
    too_large = (413, "INVALID_ARGUMENT", "Message size is too large")
    assert await ams.error("POST", "/projects/P/topics/T:publish", raw=b" " * 1001) == too_large
    assert await ams.error("PUT", "/projects/P", raw=b" " * 501) == too_large


async def test_a_body_in_many_parts_is_put_together_and_capped():
    ams = await a_staged_api(max_publish_bytes=1000)
    whole = json.dumps({"messages": [{"data": "x" * 500}]}).encode()

    async def ask(body):
        async def parts():
            for begin in range(0, len(body), 7):
                yield body[begin : begin + 7]

        transport = httpx.ASGITransport(app=ams.app)
        async with httpx.AsyncClient(transport=transport, base_url="https://ams") as client:
            path = "/v1/projects/P/topics/T:publish"
            return (await client.post(path, content=parts(), headers={"x-api-key": SERVICE})).json()

    assert await ask(whole) == {"messageIds": ["0"]}
    assert (await ask(whole + b" " * 1000))["error"]["code"] == 413


async def test_a_client_that_leaves_before_its_body_is_whole_gets_nothing_and_stores_nothing():
    ams = await a_staged_api()
    events = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    sent = []

    async def receive():
        return next(events)

    async def send(event):
        sent.append(event)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/projects/P/topics/T:publish",
        "query_string": b"",
        "headers": [(b"x-api-key", SERVICE.encode())],
    }
    await ams.app(scope, receive, send)
    assert sent == []


# --- Trouble --------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["unavailable", "stored", "not stored"])
async def test_a_store_in_trouble_is_503_with_retry_after(outcome):
    ams = await a_staged_api()
    ams.broker.store.gate.add(Trouble("log.append", outcome))
    answered = await ams.ask("POST", "/projects/P/topics/T:publish", {"messages": [{"data": "x"}]})
    assert answered.error == (503, "UNAVAILABLE", "The service is busy or its store is away; try again")
    assert answered.headers["retry-after"] == "1"


@pytest.mark.parametrize(("kind", "text"), TROUBLES.items())
@pytest.mark.parametrize("outcome", ["unavailable", "not stored"])
async def test_the_503_names_the_kind_of_trouble(kind, text, outcome):
    ams = await a_staged_api()
    ams.broker.store.gate.add(Trouble("log.append", outcome, kind=kind))
    answered = await ams.ask("POST", "/projects/P/topics/T:publish", {"messages": [{"data": "x"}]})
    assert answered.error == (503, "UNAVAILABLE", f"The service is busy or its store is away: {text}; try again")


async def test_the_503_of_a_stale_catalog_says_so():
    ams = await a_staged_api(max_staleness_s=5.0)
    await ams.clock.advance(60)
    answered = await ams.ask("GET", "/projects/P/topics/T")
    assert answered.error == (
        503,
        "UNAVAILABLE",
        "The service is busy or its store is away: the catalog is stale; try again",
    )


@pytest.mark.parametrize("error", [StoreUnavailable, OutcomeUnknown])
@pytest.mark.parametrize("kind", ["", *TROUBLES])
def test_no_503_tells_a_path_of_the_machine(error, kind):
    told = from_broker(error("/var/lib/ams-bridge/bridge.db-wal: was replaced (SQLITE_FULL)", kind)).message
    assert "/" not in told
    assert "SQLITE" not in told


async def test_a_damaged_store_is_a_500_and_no_reason_to_stop():
    ams = await a_staged_api()

    async def damaged(*_):
        raise StoreCorrupt("page 7")

    ams.broker.store.log.append = damaged
    error = await ams.error("POST", "/projects/P/topics/T:publish", {"messages": [{"data": "x"}]})
    assert error == (500, "INTERNAL_SERVER_ERROR", "Internal error while querying datastore")


async def test_a_catalog_that_may_be_too_old_is_503_and_lets_nobody_in():
    ams = await a_staged_api()
    ams.broker.cache._max_staleness_s = 5.0
    await ams.clock.advance(6)
    for path in ("/projects/P/topics", "/users/profile", "/users"):
        assert (await ams.ask("GET", path)).status == 503
    assert (await ams.ask("GET", "/status")).status == 200


async def test_a_bug_is_a_500_in_json_without_a_traceback():
    ams = await a_staged_api()
    ams.broker.store.log = None
    error = await ams.error("POST", "/projects/P/topics/T:publish", {"messages": [{"data": "x"}]})
    assert error == (500, "INTERNAL_SERVER_ERROR", "Internal Error")


async def test_every_answer_is_observed_with_its_route():
    ams = await a_staged_api()
    seen = []
    ams.app._observe = lambda route, status, seconds, trace: seen.append((route, status))
    await ams.ask("GET", "/projects/P")
    await ams.ask("GET", "/nothing")
    await ams.ask("GET", "/projects/P", token="bad")
    assert seen == [("projects:show", 200), ("", 404), ("projects:show", 401)]


# --- Browsers -------------------------------------------------------------------------------------

PREFLIGHT = {"origin": "https://ui", "access-control-request-method": "PUT"}


async def test_answers_to_browsers_allow_every_origin():
    ams = await a_staged_api()
    for token in (SERVICE, "bad"):
        answered = await ams.ask("GET", "/projects", token=token, headers={"origin": "https://ui"})
        assert answered.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in (await ams.ask("GET", "/projects")).headers


async def test_a_preflight_is_answered_without_a_token():
    ams = await a_staged_api()
    headers = PREFLIGHT | {"access-control-request-headers": "x-api-key, Content-Type,X-Requested-With,accept"}
    answered = await ams.ask("OPTIONS", "/projects", token=None, headers=headers)
    assert answered.status == 200
    assert answered.headers["access-control-allow-origin"] == "*"
    assert answered.headers["access-control-allow-methods"] == "OPTIONS, POST, GET, PUT, DELETE, HEAD"
    assert answered.headers["access-control-allow-headers"] == "X-Requested-With, Content-Type, x-api-key"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://ui"}, 400),
        ({"origin": "https://ui", "access-control-request-method": "PATCH"}, 405),
        (PREFLIGHT | {"access-control-request-headers": "x-other"}, 403),
    ],
)
async def test_a_preflight_that_asks_for_too_much_is_refused(headers, status):
    ams = await a_staged_api()
    answered = await ams.ask("OPTIONS", "/projects", token=None, headers=headers)
    assert answered.error[0] == status
    assert "access-control-allow-origin" not in answered.headers


# --- What the original does at the edges ----------------------------------------------------------


async def test_of_a_key_given_twice_null_takes_lists_and_texts_away_and_leaves_the_rest():
    ams = await a_staged_api()
    twice = b'{"messages":[{"data":"YQ=="}],"messages":null}'
    assert (await ams.ask("POST", "/projects/P/topics/T:publish", raw=twice)).json == {"messageIds": []}
    no_list = b'{"authorized_users":["pub"],"authorized_users":null}'
    answered = await ams.ask("POST", "/projects/P/topics/T:modifyAcl", raw=no_list)
    assert answered.error == (400, "INVALID_ARGUMENT", "Invalid Topic ACL Arguments")
    kept = b'{"ackDeadlineSeconds":30,"ackDeadlineSeconds":null}'
    assert (await ams.ask("POST", "/projects/P/subscriptions/S:modifyAckDeadline", raw=kept)).status == 200
    assert (await ams.ok("GET", "/projects/P/subscriptions/S"))["ackDeadlineSeconds"] == 30


async def test_objects_of_a_key_given_twice_are_laid_over_each_other():
    ams = await a_staged_api()
    raw = (
        b'{"topic":"projects/P/topics/T","pushConfig":{"type":"http_endpoint"},'
        b'"pushConfig":{"pushEndpoint":"https://h.example.org/","retryPolicy":{"type":"linear"},"retryPolicy":null}}'
    )
    made = await ams.ask("PUT", "/projects/P/subscriptions/twice", raw=raw)
    assert made.status == 200
    assert made.json["pushConfig"]["type"] == "http_endpoint"
    assert made.json["pushConfig"]["pushEndpoint"] == "https://h.example.org/"


async def test_a_body_of_one_blank_is_no_body_and_no_object():
    ams = await a_staged_api()
    bad = (400, "BAD_REQUEST", "Invalid Request Body")
    for raw in (b" ", b"\n"):
        assert (await ams.ask("PUT", "/projects/P/topics/blank", raw=raw)).error == bad
        assert (await ams.ask("POST", "/projects/P/topics/T:attachSchema", raw=raw)).error == bad


async def test_options_without_an_origin_is_answered_with_nothing():
    ams = await an_api()
    for path in ("/v1/projects", "/v1/nowhere", "/v2/x"):
        answered = await ams.ask_exactly("OPTIONS", path)
        assert (answered.status, answered.json) == (200, {})
        assert "access-control-allow-origin" not in answered.headers


async def test_a_method_or_a_version_that_there_is_not_is_told_in_json():
    ams = await an_api()
    gone = (404, "NOT_FOUND", "Route not found")
    for method, path in (("BREW", "/v1/projects"), ("GET", "/v2/x"), ("GET", "/v1"), ("GET", "//v1/projects")):
        assert (await ams.ask_exactly(method, path)).error == gone


async def test_numbers_that_are_too_large_are_refused_where_they_matter_and_passed_over_elsewhere():
    ams = await a_staged_api()
    for number in (b"1e999", b"-1e999", b"9" * 5000):
        raw = b'{"type":"json","schema":{"multipleOf":' + number + b"}}"
        answered = await ams.ask("POST", "/projects/P/schemas/big", raw=raw)
        assert answered.error == (400, "INVALID_ARGUMENT", "Invalid Schema Arguments")
        raw = b'{"ackDeadlineSeconds":' + number + b"}"
        assert (await ams.ask("POST", "/projects/P/subscriptions/S:modifyAckDeadline", raw=raw)).status == 400
        raw = b'{"ackDeadlineSeconds":5,"unknown":' + number + b"}"
        assert (await ams.ask("POST", "/projects/P/subscriptions/S:modifyAckDeadline", raw=raw)).status == 200
