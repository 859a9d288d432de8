"""AMS's Admin UI: every call it makes, as a browser of another origin makes it, and what it reads of the answers."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.examples.systems import System, a_system

pytestmark = pytest.mark.system("8 Admin UI and API", "the calls of ams-admin-ui")

ORIGIN = "http://localhost:3000"
P = "/v1/projects/NEW"
T, S = f"{P}/topics/t", f"{P}/subscriptions/s"
TEXT = base64.b64encode(b"hello").decode()
NEWS = "/v1/projects/PLAY/topics/news"
PUB, CON = "publisher", "consumer"
READERS = "/v1/projects/PLAY/subscriptions/readers"
CALLS: tuple[tuple[str, str, Any, bool], ...] = (
    # method, path, body, and whether the UI reads JSON of the answer
    ("GET", "/v1/users/profile", None, True),
    ("POST", P, {"description": "made in the UI"}, True),
    ("GET", "/v1/projects", None, True),
    ("GET", P, None, True),
    ("PUT", P, {"description": "changed"}, True),
    ("GET", f"{P}:metrics", None, True),
    ("GET", f"{P}/schemas", None, True),
    ("POST", f"{P}/schemas/x", {"type": "json", "schema": {"type": "object"}}, True),
    ("PUT", f"{P}/schemas/x", {"type": "json", "schema": {"type": "object", "required": ["a"]}}, True),
    ("POST", f"{P}/schemas/x:validate", {"a": 1}, True),
    (
        "POST",
        "/v1/users/maria",
        {"email": "m@example.org", "projects": [{"project": "NEW", "roles": [CON]}]},
        True,
    ),
    ("GET", "/v1/users", None, True),
    ("GET", "/v1/users/maria", None, True),
    ("PUT", "/v1/users/maria", {"email": "m@example.org"}, True),
    ("POST", "/v1/users/maria:refreshToken", {}, True),
    ("GET", f"{P}/members?details=true", None, True),
    (
        "POST",
        f"{P}/members/jan",
        {"email": "j@example.org", "projects": [{"project": "NEW", "roles": [PUB]}]},
        True,
    ),
    ("GET", f"{P}/members/jan", None, True),
    ("PUT", f"{P}/members/jan", {"projects": [{"project": "NEW", "roles": ["publisher", "consumer"]}]}, True),
    ("POST", f"{P}/members/jan:remove", {}, True),
    ("POST", f"{P}/members/jan:add", {"roles": ["publisher"]}, True),
    ("PUT", T, {"schema": "projects/NEW/schemas/x"}, True),
    ("GET", f"{P}/topics", None, True),
    ("GET", T, None, True),
    ("POST", f"{T}:detachSchema", {}, True),
    ("POST", f"{T}:attachSchema", {"schema": "projects/NEW/schemas/x"}, True),
    ("GET", f"{T}:metrics", None, True),
    ("POST", f"{T}:modifyAcl", {"authorized_users": ["jan"]}, False),
    ("GET", f"{T}:acl", None, True),
    ("PUT", S, {"topic": "projects/NEW/topics/t", "ackDeadlineSeconds": 10}, True),
    ("GET", f"{P}/subscriptions", None, True),
    ("GET", S, None, True),
    ("GET", f"{S}:metrics", None, True),
    ("GET", f"{S}:offsets", None, True),
    ("POST", f"{S}:modifyOffset", {"offset": 0}, False),
    ("POST", f"{S}:modifyAckDeadline", {"ackDeadlineSeconds": 20}, False),
    ("POST", f"{S}:modifyPushConfig", {"pushConfig": {"pushEndpoint": "https://push.example/x"}}, False),
    ("POST", f"{S}:modifyAcl", {"authorized_users": ["maria"]}, False),
    ("GET", f"{S}:acl", None, True),
    ("POST", f"{NEWS}:publish", {"messages": [{"attributes": {"a": "b"}, "data": TEXT}]}, True),
    ("POST", f"{READERS}:pull", {"maxMessages": "1", "returnImmediately": "true"}, True),
    ("POST", f"{READERS}:acknowledge", {"ackIds": ["projects/PLAY/subscriptions/readers:0"]}, True),
    ("GET", "/v1/metrics", None, True),
    ("GET", "/v1/metrics/va_metrics?&start_date=2026-01-01&end_date=2026-12-31&projects=NEW", None, True),
    ("GET", "/v1/users/usageReport?&start_date=2026-01-01&end_date=2026-12-31&projects=NEW", None, True),
    ("GET", "/v1/registrations", None, True),
    ("DELETE", S, None, False),
    ("DELETE", T, None, False),
    ("DELETE", f"{P}/schemas/x", None, False),
    ("DELETE", "/v1/users/maria", None, False),
    ("DELETE", P, None, False),
)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with a_system("admin-ui", tmp_path) as running:
        yield running


def preflight(system: System, method: str, path: str, headers: str = "content-type,x-api-key") -> tuple[int, bool]:
    """Whether a browser would go on after the answer to its preflight, with the status."""
    asked = {"origin": ORIGIN, "access-control-request-method": method, "access-control-request-headers": headers}
    answer = system.http.request("OPTIONS", path, headers=asked | {"x-api-key": ""})
    allowed = {one.strip().lower() for one in answer.headers.get("access-control-allow-headers", "").split(",")}
    methods = {one.strip() for one in answer.headers.get("access-control-allow-methods", "").split(",")}
    goes_on = (
        answer.is_success
        and answer.headers.get("access-control-allow-origin") in ("*", ORIGIN)
        and set(headers.split(",")) <= allowed
        and (method in methods or method in ("GET", "HEAD", "POST"))
    )
    return answer.status_code, goes_on


def an_admin(system: System) -> str:
    """The token of a user who may do everything, as the page says one is made."""
    made = system.ask("POST", "/v1/users/admin", {"service_roles": ["service_admin"]})
    return str(made["token"])


def test_every_call_of_the_ui_is_let_through_by_the_browser_and_answered_as_it_reads_it(system: System) -> None:
    headers = {"origin": ORIGIN, "accept": "application/json", "x-api-key": an_admin(system)}
    for method, path, body, reads_json in CALLS:
        assert preflight(system, method, path) == (200, True), (method, path)
        answer = system.http.request(method, path, json=body, headers=headers)
        assert answer.status_code == 200, (method, path, answer.text)
        assert answer.headers["access-control-allow-origin"] == "*", (method, path)
        if reads_json:
            assert isinstance(answer.json(), dict), (method, path, answer.text)
    system.settled(1)
    system.balanced()


def test_the_ui_can_read_why_it_was_refused(system: System) -> None:
    for token in ("not-a-token", system.environ["AMS_BRIDGE_TOKEN"]):  # the service token is no user
        answer = system.http.get("/v1/users/profile", headers={"origin": ORIGIN, "x-api-key": token})
        assert answer.status_code == 401
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.json()["error"]["code"] == 401
    admin = {"origin": ORIGIN, "x-api-key": an_admin(system)}
    for method, path, body, status in (
        ("GET", "/v1/projects/NONE", None, 404),
        ("POST", "/v1/projects/PLAY", {}, 409),
        ("PUT", "/v1/projects/PLAY/topics/a b", {}, 400),
        ("POST", "/v1/projects/PLAY/schemas/x", {"type": "json", "schema": {"type": "nothing"}}, 400),
        ("GET", "/v1/nothing/at/all", None, 404),
    ):
        answer = system.http.request(method, path, json=body, headers=admin)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, status), path
        assert answer.headers["access-control-allow-origin"] == "*", path
    assert system.ask("GET", "/v1/projects/PLAY/topics")["topics"][0]["name"] == "/projects/PLAY/topics/news"


def test_what_the_ui_does_not_ask_for_stops_at_the_preflight(system: System) -> None:
    assert preflight(system, "PATCH", "/v1/projects/PLAY/topics/news") == (405, False)
    assert preflight(system, "GET", "/v1/projects", "x-api-key,x-strange") == (403, False)


def test_the_pages_with_their_cookies_tell_other_origins_nothing(system: System) -> None:
    for path in ("/", "/login", "/api/ledger"):
        answer = system.http.get(path, headers={"origin": ORIGIN})
        assert "access-control-allow-origin" not in answer.headers, path
