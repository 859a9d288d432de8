"""A real daemon answers whatever its own API's document allows as the document says, and never with a failure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bridge.control.control_routes import ROUTES
from tests.fakes.control import BOARD, RULES, chat
from tests.line.process import DaemonProcess, a_free_port
from tests.line.stage import CONFIG, TOKEN, wire

pytestmark = pytest.mark.timeout(300)

SHORT, LONG = 10, 150
HEADERS = {"x-api-key": TOKEN}
SUBJECT = "CN=ce.example.org,O=Example,C=GR"
STREAM = "GET /api/tail"
NAMES = [f"{method} {path}" for method, path, _ in ROUTES]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a daemon in a process of its own that has seen something of everything."""
    folder, port = tmp_path_factory.mktemp("daemon"), a_free_port()
    (folder / "rules.d").mkdir()
    (folder / "rules.d" / "rules.yaml").write_text(RULES)
    config = folder / "bridge.yaml"
    config.write_text(
        CONFIG.format(
            port=port,
            store="sqlite:state/bridge.db",
            token=TOKEN,
            destinations=chat() + BOARD,
            more="",
            sources="",
            tls="'off'",
            public_url="",
            auth_more="",
        )
    )
    running = DaemonProcess(config, cwd=folder)
    try:
        running.start()
        base = f"http://127.0.0.1:{port}"
        see_something(base)
        yield base
    finally:
        running.close()


def see_something(base: str) -> None:
    """Messages, an incident, deliveries, a silence, a user and his certificate."""
    with httpx.Client(base_url=base, headers=HEADERS, trust_env=False, timeout=30) as http:
        payloads = ({"note": "hi"}, {"host": "web1", "status": "CRITICAL"}, {"else": 1})
        messages = [{"data": wire(payload), "attributes": {}} for payload in payloads]
        http.post("/v1/projects/P/topics/T:publish", json={"messages": messages}).raise_for_status()
        http.post("/v1/users/ann", json={"service_roles": [], "projects": []}).raise_for_status()
        http.post("/api/certificates", json={"subject": SUBJECT, "user": "ann"}).raise_for_status()
        http.post("/api/silences", json={"matchers": {"rule": "none"}, "for_s": 600}).raise_for_status()
        while len(http.get("/api/deliveries").json()["deliveries"]) < 2:
            pass


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.trust_env = False
        yield made


@pytest.fixture(scope="module")
def tool(daemon: str) -> SimpleNamespace:
    """The operations of the document that the daemon serves, and what is checked; loaded here, for it takes seconds."""
    import schemathesis
    from schemathesis import checks
    from schemathesis.specs.openapi import checks as of_openapi

    answer = httpx.get(f"{daemon}/api/openapi.json", headers=HEADERS, trust_env=False)
    schema = schemathesis.openapi.from_dict(answer.json())
    operations = {found.ok().definition.raw["operationId"]: found.ok() for found in schema.get_all_operations()}
    return SimpleNamespace(
        operations=operations,
        checks=[
            checks.not_a_server_error,
            of_openapi.status_code_conformance,
            of_openapi.content_type_conformance,
            of_openapi.response_schema_conformance,
        ],
    )


@pytest.fixture(scope="module")
def real(daemon: str) -> dict[str, list[Any]]:
    """Values that name things which are there."""
    with httpx.Client(base_url=daemon, headers=HEADERS, trust_env=False) as http:
        deliveries = [one["id"] for one in http.get("/api/deliveries").json()["deliveries"]]
        silences = [one["id"] for one in http.get("/api/silences").json()["silences"]]
    return {
        "/api/deliveries/{id}": deliveries,
        "/api/silences/{id}:expire": silences,
        "topic": ["P/T", "projects/P/topics/T"],
        "message": ["P/T:0", "P/T:1"],
        "messages": [["P/T:0-2"]],
        "project": ["P"],
        "destination": ["chat", "board"],
        "rule": ["hosts", "notes"],
        "key": ["web1"],
        "ids": [deliveries],
        "matchers": [{"rule": "none"}],
        "subject": [SUBJECT],
        "user": ["ann"],
    }


def with_real_values(case: Any, real: dict[str, list[Any]], draw: st.DrawFn) -> None:
    """Let a case name what is there."""
    for place in (case.query, case.body):
        if isinstance(place, dict):
            place.update({name: draw(st.sampled_from(real[name])) for name in place if name in real})
    if case.path_parameters and case.operation.path in real:
        case.path_parameters["id"] = draw(st.sampled_from(real[case.operation.path]))


def test_every_route_is_described(tool: SimpleNamespace) -> None:
    assert sorted(tool.operations) == sorted(NAMES)


@pytest.mark.parametrize("examples", [SHORT, pytest.param(LONG, marks=pytest.mark.proof)])
@pytest.mark.parametrize("name", NAMES)
def test_an_operation_answers_as_it_is_described(
    daemon: str, session: requests.Session, tool: SimpleNamespace, real: dict[str, list[Any]], name: str, examples: int
) -> None:
    operation = tool.operations[name]
    described = operation.definition.raw
    takes_nothing = not described["parameters"] and "requestBody" not in described

    @given(case=operation.as_strategy(), is_real=st.booleans(), data=st.data())
    @settings(
        max_examples=min(examples, SHORT) if takes_nothing else examples,
        deadline=None,
        database=None,
        derandomize=examples == SHORT,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any, is_real: bool, data: st.DataObject) -> None:
        if is_real:
            with_real_values(case, real, data.draw)
        if name == STREAM:
            listen(daemon, session, operation, case)
            return
        answer = case.call(base_url=daemon, session=session, headers=HEADERS)
        case.validate_response(answer, checks=tool.checks)

    ask()


def listen(daemon: str, session: requests.Session, operation: Any, case: Any) -> None:
    """A stream has no end to wait for: its status and type are looked at, and it is let go."""
    query = case.query or {}
    with contextlib.closing(session.get(f"{daemon}/api/tail", params=query, headers=HEADERS, stream=True)) as answer:
        described = operation.definition.raw["responses"][str(answer.status_code)]["content"]
        assert answer.headers["content-type"].partition(";")[0] in described


def test_without_a_token_every_route_is_refused_in_the_one_shape(daemon: str, session: requests.Session) -> None:
    for method, path, _ in ROUTES:
        answer = session.request(method, daemon + path.replace("{id}", "x"))
        assert (path, answer.status_code, answer.json()["error"]["status"]) == (path, 401, "UNAUTHORIZED")
