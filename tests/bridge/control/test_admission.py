"""Who may ask, and how errors look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from bridge.control.control_routes import control_routes
from bridge.control.control_source import ControlSource
from bridge.operate.operator_context import OperatorContext, Requester
from broker.engines.memory.trouble import Trouble
from tests.fakes.control import a_daemon, trouble_in
from tests.line.stage import TOKEN, Stage

PATHS = ["/api/status", "/api/ledger", "/api/rules", "/api/deliveries", "/api/silences", "/api/tail"]


async def test_the_service_token_is_taken_from_header_bearer_and_query(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        given = [
            ({"x-api-key": TOKEN}, {}),
            ({"x-api-key": "", "Authorization": f"Bearer {TOKEN}"}, {}),
            ({"x-api-key": ""}, {"key": TOKEN}),
        ]
        for headers, query in given:
            answer = await stage.http.get("/api/status", headers=headers, params=query)
            assert answer.status_code == 200


async def test_a_user_who_administers_the_service_is_admitted_and_others_are_not(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        tokens = {}
        for name, role in (("boss", "service_admin"), ("guest", "metrics_viewer")):
            made = await stage.http.post(f"/v1/users/{name}", json={"service_roles": [role], "projects": []})
            tokens[name] = made.json()["token"]
        statuses = {
            name: (await stage.http.get("/api/status", headers={"x-api-key": token})).status_code
            for name, token in tokens.items()
        }
        assert statuses == {"boss": 200, "guest": 401}


async def test_without_a_token_nothing_is_told(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        for path in PATHS:
            answer = await stage.http.get(path, headers={"x-api-key": "wrong"})
            assert (path, answer.status_code) == (path, 401)
            assert answer.json()["error"] == {
                "code": 401,
                "message": "a token of the service or of a service_admin is needed: header x-api-key, or "
                "Authorization: Bearer",
                "status": "UNAUTHORIZED",
            }


REFUSED = [
    ("GET", "/api/nothing", None, 404, "there is no GET /api/nothing"),
    ("DELETE", "/api/status", None, 404, "there is no DELETE /api/status"),
    ("GET", "/api/deliveries?limit=many", None, 400, "limit must be a whole number"),
    ("GET", "/api/deliveries?state=deed", None, 400, 'there is no state "deed"; did you mean "dead"?'),
    ("GET", "/api/deliveries?topic=P/U", None, 404, 'there is no topic "P/U"'),
    ("GET", "/api/deliveries/none", None, 404, "there is no such delivery"),
    ("POST", "/api/deliveries:replay", "{", 400, "the body cannot be read"),
    ("POST", "/api/deliveries:replay", "{}", 400, "name deliveries by ids, or by a filter"),
    ("POST", "/api/deliveries:drop", '{"id": 3}', 400, "unknown field"),
    ("POST", "/api/silences", '{"matchers": {}, "for_s": 60}', 400, "at least one matcher"),
    ("POST", "/api/silences", '{"matchers": {"rule": "r"}}', 400, "either until (a time) or for_s"),
    ("POST", "/api/silences", '{"matchers": {"rule": "r"}, "until": "noon"}', 400, '"noon" is no time'),
    ("POST", "/api/silences", '{"matchers": {"rule": "r"}, "for_s": -1}', 400, "must end later than it starts"),
    ("POST", "/api/silences", '{"matchers": {"rule": {"lik": "x"}}, "for_s": 1}', 400, 'did you mean "like"?'),
    ("POST", "/api/silences/none:expire", None, 404, "there is no such silence"),
    ("POST", "/api/send", '{"destination": "chatt", "text": "x"}', 404, 'did you mean "chat"?'),
    ("POST", "/api/send", '{"destination": "chat"}', 400, "text is empty"),
    ("POST", "/api/send", '{"destination": "chat", "text": "x", "body": {}}', 400, "mattermost takes no body"),
    ("POST", "/api/preview", '{"destination": "board", "text": "x", "overrides": {"to": 1}}', 400, 'no "to"'),
    ("GET", "/api/explain?message=P/T", None, 400, "TOPIC:OFFSET"),
    ("GET", "/api/explain?message=P/T:7", None, 404, "there is no message 7 in projects/P/topics/T"),
]


async def test_what_cannot_be_is_refused_in_one_shape_with_what_would_help(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        for method, path, body, code, text in REFUSED:
            answer = await stage.http.request(method, path, content=body)
            error = answer.json()["error"]
            assert (path, answer.status_code, error["code"]) == (path, code, code)
            assert text in error["message"]


async def test_a_body_beyond_all_measure_is_not_read(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        answer = await stage.http.post("/api/send", content=b"x" * 1_100_000)
        assert answer.status_code == 413


async def test_a_store_that_does_not_answer_is_a_503_that_says_when_to_come_back(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        trouble_in(stage).add(Trouble("outbox.find", "unavailable"))
        answer = await stage.http.get("/api/deliveries")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["error"]["status"] == "UNAVAILABLE"


async def test_a_session_of_the_pages_may_look_and_not_change(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        source = a_source(stage, admit_session=lambda request: Requester(request.cookies["session"]))
        transport = httpx.ASGITransport(Starlette(routes=control_routes(source)))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
            cookie = {"Cookie": "session=ann"}
            assert (await http.get("/api/rules", headers=cookie)).status_code == 200
            assert (await http.post("/api/reload", headers=cookie)).status_code == 401
            assert (await http.get("/api/rules", headers=cookie | {"x-api-key": "wrong"})).status_code == 401


def a_source(stage: Stage, **changed: Any) -> ControlSource:
    """What the API speaks for, from the parts of a running daemon."""
    daemon = stage.daemon
    parts: dict[str, Any] = {
        "store": daemon.store,
        "broker": daemon.broker,
        "clock": daemon.clock,
        "in_force": daemon.in_force,
        "couriers": dict,
        "destinations": dict,
        "health": daemon.readiness.report,
        "supervisor": daemon.supervisor,
        "lately": daemon.lately,
        "reload": daemon.reloader.reload,
    }
    admits: dict[str, Any] = {"admit": lambda token: None}
    return ControlSource(context=OperatorContext(**parts), **(admits | changed))


async def test_who_may_only_publish_or_consume_is_told_nothing_here_and_sees_no_page(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        for role in ("publisher", "consumer"):
            body = {"service_roles": [], "projects": [{"project": "P", "roles": [role]}]}
            token = (await stage.http.post(f"/v1/users/{role}", json=body)).json()["token"]
            for method, path in [
                *(("GET", path) for path in PATHS),
                ("POST", "/api/silences"),
                ("POST", "/api/reload"),
            ]:
                answer = await stage.http.request(method, path, headers={"x-api-key": token})
                assert (role, path, answer.status_code) == (role, path, 401)
            assert (await stage.http.post("/login", data={"token": token})).status_code == 401
