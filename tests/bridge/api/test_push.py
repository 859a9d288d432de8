"""Push configurations and their verification over the API (ams-api.md section 8)."""

import re

import pytest

from bridge.api.call import VerificationAnswer
from broker.tokens import digest_of_token
from tests.fakes.ams_api import a_staged_api

IA = "INVALID_ARGUMENT"
SUB = "/projects/P/subscriptions/S"
NEW = "/projects/P/subscriptions/new"
ENDPOINT = "https://user:pw@receiver.example.org:444/in?x=y"
HASH_URL = "https://receiver.example.org:444/ams_verification_hash"
HEX = re.compile(r"[0-9a-f]{64}")
DISABLED = (409, "CONFLICT", "Push functionality is currently disabled")
UNAVAILABLE = (500, "INTERNAL_SERVER_ERROR", "Push functionality is currently unavailable")
TYPE_TEXT = "Push configuration type can only be of 'http_endpoint' or 'mattermost'"
RETRY_TEXT = "Retry policy can only be of 'linear' or 'slowstart' type"
HTTP = {"type": "http_endpoint", "pushEndpoint": ENDPOINT}
MATTERMOST = {"type": "mattermost", "mattermostUrl": "https://chat.example.org/hooks/x"}


async def made(ams, config, path=NEW):
    return (await ams.ok("PUT", path, {"topic": "projects/P/topics/T", "pushConfig": config}))["pushConfig"]


async def modified(ams, config, path=NEW):
    await ams.ok("POST", f"{path}:modifyPushConfig", {"pushConfig": config})
    return (await ams.ok("GET", path))["pushConfig"]


async def verified(ams, config=HTTP):
    shown = await made(ams, config)
    ams.outside.endpoints[HASH_URL] = VerificationAnswer(200, shown["verificationHash"].encode())
    await ams.ok("POST", f"{NEW}:verifyPushEndpoint")
    return shown


async def test_an_endpoint_gets_defaults_a_hash_and_a_header():
    ams = await a_staged_api()
    shown = await made(ams, HTTP)
    header, verification = shown.pop("authorizationHeader"), shown.pop("verificationHash")
    assert header["type"] == "autogen"
    assert HEX.fullmatch(header["value"])
    assert HEX.fullmatch(verification)
    assert shown == {
        "type": "http_endpoint",
        "pushEndpoint": ENDPOINT,
        "maxMessages": 1,
        "retryPolicy": {"type": "linear", "period": 3000},
        "verified": False,
        "mattermostUrl": "",
        "mattermostUsername": "",
        "mattermostChannel": "",
        "base64Decode": False,
    }


async def test_what_the_server_controls_is_not_taken_from_requests():
    ams = await a_staged_api()
    shown = await made(
        ams,
        HTTP
        | {"verified": True, "verificationHash": "mine", "authorizationHeader": {"type": "autogen", "value": "mine"}},
    )
    assert shown["verified"] is False
    assert "mine" not in (shown["verificationHash"], shown["authorizationHeader"]["value"])


async def test_mattermost_is_verified_at_once_and_ignores_endpoint_and_header():
    ams = await a_staged_api()
    shown = await made(
        ams,
        MATTERMOST
        | {
            "maxMessages": 7,
            "pushEndpoint": "https://x",
            "authorizationHeader": {"type": "nonsense"},
            "mattermostUsername": "bot argo",
            "mattermostChannel": "ops",
            "base64Decode": True,
        },
    )
    assert shown == {
        "type": "mattermost",
        "pushEndpoint": "",
        "maxMessages": 1,
        "authorizationHeader": {},
        "retryPolicy": {"type": "linear", "period": 3000},
        "verificationHash": "",
        "verified": True,
        "mattermostUrl": "https://chat.example.org/hooks/x",
        "mattermostUsername": "bot argo",
        "mattermostChannel": "ops",
        "base64Decode": True,
    }


@pytest.mark.parametrize(
    ("config", "policy"),
    [
        (HTTP | {"retryPolicy": {"type": "linear", "period": 10}}, {"type": "linear", "period": 10}),
        (HTTP | {"retryPolicy": {"period": 10}}, {"type": "linear", "period": 10}),
        (HTTP | {"retryPolicy": {"type": "linear", "period": 0}}, {"type": "linear", "period": 3000}),
        (HTTP | {"retryPolicy": {"type": "linear", "period": -5}}, {"type": "linear", "period": 3000}),
        (HTTP | {"retryPolicy": {"type": "slowstart", "period": 10}}, {"type": "slowstart", "period": 0}),
        (MATTERMOST | {"retryPolicy": {"type": "slowstart", "period": 10}}, {"type": "slowstart"}),
    ],
)
async def test_retry_policies(config, policy):
    ams = await a_staged_api()
    assert (await made(ams, config))["retryPolicy"] == policy


@pytest.mark.parametrize(("asked", "kept"), [(0, 1), (-3, 1), (1, 1), (50, 50)])
async def test_messages_per_push_are_at_least_one(asked, kept):
    ams = await a_staged_api()
    assert (await made(ams, HTTP | {"maxMessages": asked}))["maxMessages"] == kept


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"type": "other"}, TYPE_TEXT),
        ({"maxMessages": 5}, TYPE_TEXT),
        ({"mattermostUrl": "https://x"}, TYPE_TEXT),
        ({"type": "http_endpoint"}, "Push endpoint should be addressed by a valid https url"),
        (HTTP | {"pushEndpoint": "http://x/y"}, "Push endpoint should be addressed by a valid https url"),
        (HTTP | {"pushEndpoint": "https://"}, "Push endpoint should be addressed by a valid https url"),
        (HTTP | {"pushEndpoint": "x.example.org"}, "Push endpoint should be addressed by a valid https url"),
        (HTTP | {"pushEndpoint": "https://a b/"}, "Push endpoint should be addressed by a valid https url"),
        (HTTP | {"pushEndpoint": "https://x:99999/"}, "Push endpoint should be addressed by a valid https url"),
        (
            HTTP | {"authorizationHeader": {"type": "basic"}},
            "Authorization header type can only be of 'autogen' or 'disabled' type",
        ),
        ({"type": "mattermost"}, "Field mattermostUrl cannot be empty"),
        (
            {"type": "mattermost", "mattermostUrl": "ftp://x"},
            "Field mattermostUrl should be a valid http or https url",
        ),
        (
            {"type": "mattermost", "mattermostUrl": "http://"},
            "Field mattermostUrl should be a valid http or https url",
        ),
        (HTTP | {"retryPolicy": {"type": "often"}}, RETRY_TEXT),
    ],
)
async def test_a_wrong_push_configuration_is_refused_on_create_and_modify(config, text):
    ams = await a_staged_api()
    body = {"topic": "projects/P/topics/T", "pushConfig": config}
    assert await ams.error("PUT", NEW, body) == (400, IA, text)
    assert await ams.error("POST", f"{SUB}:modifyPushConfig", body) == (400, IA, text)


async def test_create_judges_the_type_first_and_modify_the_retry_policy():
    ams = await a_staged_api()
    body = {"topic": "projects/P/topics/T", "pushConfig": {"type": "other", "retryPolicy": {"type": "often"}}}
    assert (await ams.error("PUT", NEW, body))[2] == TYPE_TEXT
    assert (await ams.error("POST", f"{SUB}:modifyPushConfig", body))[2] == RETRY_TEXT


async def test_a_missing_type_with_an_endpoint_means_http_endpoint():
    ams = await a_staged_api()
    config = {"pushEndpoint": ENDPOINT, "retryPolicy": {"type": "linear", "period": 300}}
    assert (await made(ams, config))["type"] == "http_endpoint"
    assert (await modified(ams, config, SUB))["type"] == "http_endpoint"


@pytest.mark.parametrize("config", [{}, None, {"base64Decode": False}, {"type": "", "retryPolicy": {}}])
async def test_nothing_means_pull(config):
    ams = await a_staged_api(push_mode="off")
    assert (await made(ams, config))["type"] == ""
    assert (await modified(ams, config, SUB))["type"] == ""


async def test_with_push_switched_off_nothing_pushes():
    ams = await a_staged_api(push_mode="off")
    await ams.user("worker", service_roles=["push_worker"])
    body = {"topic": "projects/P/topics/T", "pushConfig": {"type": "nonsense"}}
    assert await ams.error("PUT", NEW, body) == DISABLED
    assert await ams.error("POST", f"{SUB}:modifyPushConfig", body) == DISABLED
    assert await ams.error("POST", f"{SUB}:verifyPushEndpoint") == DISABLED
    assert (await ams.error("PUT", NEW, body | {"topic": "projects/P/topics/none"}))[2] == "Topic doesn't exist"


# --- Changing -------------------------------------------------------------------------------------


async def test_the_same_endpoint_keeps_hash_and_verification_and_another_one_does_not():
    ams = await a_staged_api()
    before = await verified(ams)
    same = await modified(ams, HTTP | {"maxMessages": 5})
    assert (same["verificationHash"], same["verified"], same["maxMessages"]) == (before["verificationHash"], True, 5)
    other = await modified(ams, HTTP | {"pushEndpoint": "https://other.example.org"})
    assert other["verified"] is False
    assert other["verificationHash"] not in ("", before["verificationHash"])


async def test_messages_per_push_are_kept_when_not_asked_for():
    ams = await a_staged_api()
    await made(ams, HTTP | {"maxMessages": 5})
    assert (await modified(ams, HTTP))["maxMessages"] == 5
    assert (await modified(ams, HTTP | {"maxMessages": -2}))["maxMessages"] == 1


HEADERS = [
    ({}, {"type": "autogen"}, "fresh"),
    ({}, {"type": "disabled"}, "disabled"),
    ({}, None, "fresh"),
    (MATTERMOST, None, "disabled"),
    (MATTERMOST, {"type": "autogen"}, "fresh"),
    (HTTP, None, "kept"),
    (HTTP, {"type": "autogen"}, "kept"),
    (HTTP, {"type": "disabled"}, "disabled"),
    (HTTP | {"authorizationHeader": {"type": "disabled"}}, None, "disabled"),
    (HTTP | {"authorizationHeader": {"type": "disabled"}}, {"type": "autogen"}, "fresh"),
]


@pytest.mark.parametrize(("before", "asked", "result"), HEADERS)
async def test_what_becomes_of_the_authorization_header(before, asked, result):
    ams = await a_staged_api()
    old = (await made(ams, before))["authorizationHeader"]
    new = (await modified(ams, HTTP if asked is None else HTTP | {"authorizationHeader": asked}))["authorizationHeader"]
    match result:
        case "kept":
            assert new == old
        case "disabled":
            assert new == {"type": "disabled"}
        case "fresh":
            assert new["type"] == "autogen"
            assert HEX.fullmatch(new["value"])
            assert new["value"] != old.get("value")


async def test_base64_decode_survives_changes_and_verification():
    ams = await a_staged_api()
    await verified(ams, HTTP | {"base64Decode": True})
    assert (await ams.ok("GET", NEW))["pushConfig"]["base64Decode"] is True
    assert (await modified(ams, HTTP))["base64Decode"] is True
    assert (await modified(ams, HTTP | {"base64Decode": False}))["base64Decode"] is False
    assert (await modified(ams, HTTP | {"base64Decode": True}))["base64Decode"] is True


async def test_a_changed_mattermost_configuration_has_an_empty_header_and_one_message():
    ams = await a_staged_api()
    await made(ams, HTTP | {"maxMessages": 9})
    shown = await modified(ams, MATTERMOST | {"maxMessages": 9})
    assert (shown["authorizationHeader"], shown["maxMessages"], shown["verified"]) == ({}, 1, True)


async def test_the_body_is_judged_before_the_subscription_is_looked_for():
    ams = await a_staged_api()
    path = "/projects/P/subscriptions/none:modifyPushConfig"
    assert await ams.error("POST", path, []) == (400, IA, "Invalid Subscription Arguments")
    assert (await ams.error("POST", path, {"pushConfig": {"type": "x"}}))[2] == "Subscription doesn't exist"


# --- Verifying ------------------------------------------------------------------------------------


async def test_an_endpoint_that_gives_the_hash_is_verified():
    ams = await a_staged_api()
    await verified(ams)
    assert (await ams.ok("GET", NEW))["pushConfig"]["verified"] is True
    assert ams.outside.fetched == [HASH_URL]
    error = await ams.error("POST", f"{NEW}:verifyPushEndpoint")
    assert error == (409, "CONFLICT", "Push endpoint is already verified")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("no route to host", "Endpoint verification failed.no route to host"),
        (VerificationAnswer(404, b""), "Endpoint verification failed.Wrong response status code"),
        (VerificationAnswer(201, b"HASH"), "Endpoint verification failed.Wrong response status code"),
        (VerificationAnswer(200, b"wrong"), "Endpoint verification failed.Wrong verification hash"),
        (VerificationAnswer(200, b"HASH\n"), "Endpoint verification failed.Wrong verification hash"),
    ],
)
async def test_an_endpoint_that_does_not_give_the_hash_is_not_verified(answer, text):
    ams = await a_staged_api()
    shown = await made(ams, HTTP)
    if isinstance(answer, VerificationAnswer):
        body = answer.body.replace(b"HASH", shown["verificationHash"].encode())
        answer = VerificationAnswer(answer.status, body)
    ams.outside.endpoints[HASH_URL] = answer
    assert await ams.error("POST", f"{NEW}:verifyPushEndpoint") == (401, "UNAUTHORIZED", text)
    assert (await ams.ok("GET", NEW))["pushConfig"]["verified"] is False


@pytest.mark.parametrize("config", [{}, MATTERMOST])
async def test_only_an_http_endpoint_is_verified(config):
    ams = await a_staged_api()
    await made(ams, config)
    error = await ams.error("POST", f"{NEW}:verifyPushEndpoint")
    assert error == (409, "CONFLICT", "Subscription is not in http push mode")


async def test_an_endpoint_changed_while_the_old_one_was_asked_is_not_verified():
    ams = await a_staged_api()
    shown = await made(ams, HTTP)
    fetch = ams.outside.fetch

    async def slow(url):
        await modified(ams, HTTP | {"pushEndpoint": "https://other"})
        return await fetch(url)

    ams.outside.endpoints[HASH_URL] = VerificationAnswer(200, shown["verificationHash"].encode())
    object.__setattr__(ams.app.api.outside, "fetch", slow)
    assert (await ams.error("POST", f"{NEW}:verifyPushEndpoint"))[0] == 401
    assert (await ams.ok("GET", NEW))["pushConfig"]["verified"] is False


# --- Pulling from, showing and deleting a push subscription ---------------------------------------


async def test_a_push_subscription_is_pulled_by_push_workers_and_service_admins_only():
    ams = await a_staged_api()
    await made(ams, HTTP)
    await ams.ok("POST", f"{NEW}:modifyAcl", {"authorized_users": ["con"]})
    await ams.user("worker", service_roles=["push_worker"])
    await ams.user("admin", service_roles=["service_admin"])
    forbidden = (403, "FORBIDDEN", "Access to this resource is forbidden")
    for token in ("padm", "con"):
        assert await ams.error("POST", f"{NEW}:pull", {}, token=token) == forbidden
    for token in ("worker", "admin", "service-token"):
        await ams.ok("POST", f"{NEW}:pull", {}, token=token)


async def test_with_push_switched_off_a_push_worker_may_not_pull_a_push_subscription():
    ams = await a_staged_api()
    await made(ams, MATTERMOST)
    await ams.user("worker", service_roles=["push_worker"])
    settings = ams.app.api.settings
    object.__setattr__(settings, "push_mode", "off")
    assert await ams.error("POST", f"{NEW}:pull", {}, token="worker") == DISABLED
    assert (await ams.error("POST", f"{NEW}:pull", {}, token="padm"))[0] == 403
    await ams.ok("POST", f"{NEW}:pull", {}, token="service-token")


async def test_the_push_status_is_shown_once_it_pushes_and_by_itself_only():
    ams = await a_staged_api()
    ams.outside.statuses["new"] = "Subscription /projects/P/subscriptions/new is currently active"
    await made(ams, HTTP)
    assert "pushStatus" not in await ams.ok("GET", NEW)
    await modified(ams, MATTERMOST)
    assert (await ams.ok("GET", NEW))["pushStatus"] == ams.outside.statuses["new"]
    listed = (await ams.ok("GET", "/projects/P/subscriptions"))["subscriptions"]
    assert all("pushStatus" not in one for one in listed)


async def test_deleting_a_subscription_that_pushes_says_that_it_stopped():
    ams = await a_staged_api()
    await made(ams, HTTP)
    assert await ams.ok("DELETE", NEW) == {}
    await verified(ams)
    message = "Subscription /projects/P/subscriptions/new deactivated"
    assert await ams.ok("DELETE", NEW) == {"message": message}


# --- The outside worker ---------------------------------------------------------------------------


async def with_worker(**changed):
    ams = await a_staged_api(push_mode="external", **changed)
    await ams.user("push_worker_0", service_roles=["push_worker"])
    return ams


async def acl(ams, path=NEW):
    return (await ams.ok("GET", f"{path}:acl"))["authorized_users"]


async def test_an_outside_worker_without_a_user_cannot_push():
    ams = await a_staged_api(push_mode="external")
    body = {"topic": "projects/P/topics/T", "pushConfig": HTTP}
    assert await ams.error("PUT", NEW, body) == UNAVAILABLE
    assert await ams.error("POST", f"{SUB}:modifyPushConfig", body) == UNAVAILABLE
    assert await ams.error("POST", f"{SUB}:verifyPushEndpoint") == UNAVAILABLE


async def test_the_settings_name_the_outside_worker_by_its_token():
    ams = await with_worker(push_worker_digest=digest_of_token(b"nobody's"))
    assert await ams.error("PUT", NEW, {"topic": "projects/P/topics/T", "pushConfig": HTTP}) == UNAVAILABLE


async def test_an_outside_worker_is_let_in_when_there_is_something_to_push_and_out_again():
    ams = await with_worker()
    await made(ams, HTTP)
    assert await acl(ams) == []
    ams.outside.endpoints[HASH_URL] = VerificationAnswer(
        200, (await ams.ok("GET", NEW))["pushConfig"]["verificationHash"].encode()
    )
    await ams.ok("POST", f"{NEW}:verifyPushEndpoint")
    assert await acl(ams) == ["push_worker_0"]
    worker = await ams.ok("GET", "/users/push_worker_0")
    assert worker["projects"] == [{"project": "P", "roles": [], "topics": [], "subscriptions": ["new"]}]
    await modified(ams, {})
    assert await acl(ams) == []


async def test_an_outside_worker_finds_its_work_by_its_token():
    ams = await with_worker()
    await made(ams, MATTERMOST)
    token = ams.tokens["push_worker_0"]
    found = await ams.ok("GET", f"/users:byToken/{token}")
    assert (found["name"], found["projects"][0]["subscriptions"]) == ("push_worker_0", ["new"])
    assert (await ams.ok("GET", NEW, token="push_worker_0"))["pushConfig"]["type"] == "mattermost"
    await ams.publish("x")
    received = (await ams.ok("POST", f"{NEW}:pull", {"maxMessages": "1"}, token="push_worker_0"))["receivedMessages"]
    await ams.ok("POST", f"{NEW}:acknowledge", {"ackIds": [received[0]["ackId"]]}, token="push_worker_0")


async def test_a_new_access_list_keeps_the_outside_worker():
    ams = await with_worker()
    await made(ams, MATTERMOST)
    await ams.ok("POST", f"{NEW}:modifyAcl", {"authorized_users": ["con"]})
    assert await acl(ams) == ["con", "push_worker_0"]


async def test_the_built_in_pusher_needs_no_worker_and_changes_no_list():
    ams = await a_staged_api()
    await ams.user("push_worker_0", service_roles=["push_worker"])
    await made(ams, MATTERMOST)
    assert await acl(ams) == []
