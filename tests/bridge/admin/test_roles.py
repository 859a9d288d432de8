"""Who may change what: every route that changes something is asked as every role, and says who may not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bridge.admin.page_routes import ACTS, LOOKS, right_to_act, right_to_look
from bridge.api.more_routes import ALL_ROUTES
from bridge.control.control_routes import operations
from bridge.operate.rights import RIGHTS, Right, Role, has_right
from tests.fakes.pages import a_daemon, log_in
from tests.fakes.people import a_project_admin, add_person, log_in_by_name
from tests.line.stage import TOKEN, Stage

_VARIABLE = re.compile(r"\{\w+(:path)?\}")
PEOPLE: tuple[Role, ...] = ("viewer", "responder", "admin")


def filled(path: str) -> str:
    return _VARIABLE.sub("some", path)


async def form_token(stage: Stage) -> str:
    page = (await stage.http.get("/account")).text
    return page.partition('name="form_token" value="')[2].partition('"')[0]


async def as_role(stage: Stage, role: Role) -> str:
    """Somebody of this role, logged in to the pages; gives a token of theirs."""
    if role == "project_admin":
        token = await a_project_admin(stage, "pat")
        await log_in(stage, token)
        return token
    token = await add_person(stage, f"a-{role}", role)
    assert (await log_in_by_name(stage, f"a-{role}")).status_code == 303
    return token


async def stand(stage: Stage) -> Any:
    """What of a daemon changes when somebody changes something; sessions and their notes aside."""
    catalog = {}
    for kind in ("project", "user", "topic", "subscription", "schema", "silence", "person", "certificate", "ruleset"):
        catalog[kind] = await stage.daemon.store.catalog.list(kind)
    return catalog, [(one.id, one.state) for one in await stage.deliveries()]


@pytest.mark.parametrize("role", ["viewer", "responder", "project_admin"])
async def test_no_form_changes_what_the_role_does_not_include(tmp_path: Path, role: Role) -> None:
    async with a_daemon(tmp_path) as stage:
        await as_role(stage, role)
        token, before = await form_token(stage), await stand(stage)
        for path, _ in ACTS:
            if has_right(role, right_to_act(path)):
                continue
            answer = await stage.http.post(filled(path), data={"form_token": token})
            assert (path, answer.status_code) == (path, 403)
            assert "yours is" in answer.text
        assert await stand(stage) == before


@pytest.mark.parametrize("role", ["viewer", "responder", "project_admin"])
async def test_no_call_of_the_api_changes_what_the_role_does_not_include(tmp_path: Path, role: Role) -> None:
    async with a_daemon(tmp_path) as stage:
        token, before = await as_role(stage, role), await stand(stage)
        refused = 401 if role == "project_admin" else 403
        for operation in operations():
            if operation.method == "GET" or (role != "project_admin" and has_right(role, operation.needs)):
                continue
            for headers, code in (({"x-api-key": token}, refused), ({}, 401)):  # a session changes nothing there
                answer = await stage.http.request(operation.method, filled(operation.path), json={}, headers=headers)
                assert (operation.path, answer.status_code) == (operation.path, code)
        assert await stand(stage) == before


@pytest.mark.parametrize("role", PEOPLE)
async def test_no_person_is_anybody_to_the_ams_api(tmp_path: Path, role: Role) -> None:
    async with a_daemon(tmp_path) as stage:
        token, before = await as_role(stage, role), await stand(stage)
        for route in ALL_ROUTES:
            if route.method != "GET" and not route.is_open:
                path = f"/v1{filled(route.path)}"
                answer = await stage.http.request(route.method, path, json={}, headers={"x-api-key": token})
                assert (path, answer.status_code) in ((path, 401), (path, 404))
        assert await stand(stage) == before


@pytest.mark.parametrize("role", RIGHTS)
async def test_a_page_is_shown_to_those_whose_role_includes_it(tmp_path: Path, role: Role) -> None:
    async with a_daemon(tmp_path) as stage:
        await as_role(stage, role)
        for path, _, _ in LOOKS:
            if "{" in path or path in ("/", "/alarms/row", "/messages/why"):
                continue
            code = 200 if has_right(role, right_to_look(path)) else 403
            assert (path, (await stage.http.get(path)).status_code) == (path, code)


async def test_who_administers_projects_alone_begins_at_these(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await as_role(stage, "project_admin")
        answer = await stage.http.get("/")
        assert answer.status_code == 303
        page = (await stage.http.get(answer.headers["location"])).text
        assert 'href="/deliveries"' not in page
        for path in ("/api/status", "/api/manifest", "/alarms/export.csv"):
            assert (await stage.http.get(path)).status_code in (401, 403)


async def test_secrets_of_the_service_are_for_admins(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        for role, code in (("viewer", 403), ("responder", 403), ("admin", 200)):
            token = await add_person(stage, role, role)
            for path in ("/api/manifest?secrets=true", "/api/people", "/api/certificates"):
                answer = await stage.http.get(path, headers={"x-api-key": token})
                assert (role, path, answer.status_code) == (role, path, code)


@pytest.mark.parametrize(
    ("role", "right"), [(role, right) for role in PEOPLE for right in ("look", "respond", "administer")]
)
def test_each_role_includes_what_the_one_below_it_does(role: Role, right: Right) -> None:
    rank = PEOPLE.index(role)
    assert has_right(role, right) == (rank >= ("look", "respond", "administer").index(right))


async def test_a_responder_silences_and_the_service_token_still_does_all(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        token = await add_person(stage, "resi", "responder")
        body = {"matchers": {"rule": "all"}, "for_s": 60, "why": "works"}
        made = await stage.http.post("/api/silences", json=body, headers={"x-api-key": token})
        assert made.json()["silence"]["who"] == "resi"
        assert (await stage.http.post("/api/reload", headers={"x-api-key": token})).status_code == 403
        assert (await stage.http.post("/api/reload", headers={"x-api-key": TOKEN})).status_code == 200
