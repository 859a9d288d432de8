"""AMS administration on pages: what the AMS API lets whoever is logged in do, and not a thing more."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.admin.ams_routes import AMS_ACTS, AMS_LOOKS, OF_PROJECTS
from tests.fakes.pages import a_daemon, log_in, send_form
from tests.fakes.people import a_project_admin, add_person, log_in_by_name
from tests.line.stage import TOKEN, Stage

SERVICE = {"x-api-key": TOKEN}
PROJECT = "/ams/projects/P"
SUBSCRIPTION = f"{PROJECT}/subscriptions/S"
TOPIC = f"{PROJECT}/topics/T"


async def form(stage: Stage, path: str, action: str = "", page: str = "", **fields: str | list[str]) -> httpx.Response:
    return await send_form(stage, path, page or path, action=action, **fields)


async def ams(stage: Stage, path: str) -> Any:
    answer = await stage.http.get(f"/v1{path}", headers=SERVICE)
    return answer.json() if answer.status_code == 200 else answer.status_code


def secret_in(page: httpx.Response) -> str:
    found = re.search(r'id="secret" tabindex="0">([0-9a-f]{64})<', page.text)
    assert found is not None
    return found[1]


async def test_an_admin_makes_a_project_a_topic_a_subscription_and_a_user_and_publishes(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await add_person(stage, "ann", "admin")
        await log_in_by_name(stage, "ann")
        assert "The project NEW was made." in (await form(stage, "/ams", name="NEW", description="d")).text
        new = "/ams/projects/NEW"
        assert "The topic IN was made." in (await form(stage, new, "topic", name="IN")).text
        page = await form(stage, new, "subscription", name="OUT", topic="IN", seconds="30")
        assert "The subscription OUT was made." in page.text
        made = await form(stage, new, "member-new", name="robot", role=["publisher", "consumer"], email="r@example.org")
        token = secret_in(made)
        assert "robot" in (await stage.http.get(new)).text
        data = {"data": "hello <b>", "attributes": "vo=ops\nlevel = 3"}
        assert "it is message 0" in (await form(stage, f"{new}/topics/IN", "publish", **data)).text
        page = await stage.http.get(f"{new}/subscriptions/OUT?peek=1")
        assert ("hello &lt;b&gt;" in page.text, "vo = ops" in page.text, "level = 3" in page.text) == (True,) * 3
        for users, path in (("robot", f"{new}/topics/IN"), ("robot", f"{new}/subscriptions/OUT")):
            assert "was changed" in (await form(stage, path, "acl", users=users)).text
        pull = "/v1/projects/NEW/subscriptions/OUT:pull"
        pulled = await stage.http.post(pull, json={}, headers={"x-api-key": token})
        assert pulled.json()["receivedMessages"][0]["message"]["attributes"] == {"vo": "ops", "level": "3"}
        entries = (await stage.http.get("/api/audit", params={"who": "ann"}, headers=SERVICE)).json()["entries"]
        assert [one["what"] for one in entries][::-1] == [
            "login", "projects:create", "topics:create", "subscriptions:create", "projects:createUser",
            "topics:modifyAcl", "subscriptions:modifyAcl",
        ]  # fmt: skip


async def test_looking_at_the_next_messages_disturbs_no_consumer(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        pull = "/v1/projects/P/subscriptions/S:pull"
        pulled = (await stage.http.post(pull, json={}, headers=SERVICE)).json()["receivedMessages"][0]
        before = await ams(stage, "/projects/P/subscriptions/S:metrics")
        assert "Next messages" in (await stage.http.get(f"{SUBSCRIPTION}?peek=1")).text
        assert await ams(stage, "/projects/P/subscriptions/S:metrics") == before
        body = {"ackIds": [pulled["ackId"]]}
        done = await stage.http.post("/v1/projects/P/subscriptions/S:acknowledge", json=body, headers=SERVICE)
        assert done.status_code == 200


async def test_a_subscription_is_moved_by_offset_and_by_time_and_its_deadline_and_push_changed(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        assert "It goes on at 2." in (await form(stage, SUBSCRIPTION, "offset", offset="2")).text
        assert (await ams(stage, "/projects/P/subscriptions/S:offsets"))["current"] == 2
        assert (await form(stage, SUBSCRIPTION, "offset", offset="99")).status_code == 400
        assert "goes on with" in (await form(stage, SUBSCRIPTION, "seek", time="2020-01-01T00:00")).text
        assert (await ams(stage, "/projects/P/subscriptions/S:offsets"))["current"] == 0
        assert (await form(stage, SUBSCRIPTION, "seek", time="noon")).status_code == 400
        assert "deadline was changed" in (await form(stage, SUBSCRIPTION, "deadline", seconds="77")).text
        hook = "https://hooks.example.org/in"
        page = await form(stage, SUBSCRIPTION, "push", push="http_endpoint", endpoint=hook, most="5")
        assert ("not yet" in page.text, hook in page.text) == (True, True)
        shown = await ams(stage, "/projects/P/subscriptions/S")
        assert (shown["ackDeadlineSeconds"], shown["pushConfig"]["maxMessages"]) == (77, 5)
        assert shown["pushConfig"]["authorizationHeader"].get("value", "-") not in page.text
        assert "was changed" in (await form(stage, SUBSCRIPTION, "push", push="")).text
        assert (await ams(stage, "/projects/P/subscriptions/S"))["pushConfig"]["type"] == ""


async def test_members_schemas_and_the_project_itself_are_changed_and_removed(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        secret_in(await form(stage, "/ams/users", name="bob", service_role=["metrics_viewer"]))
        assert "bob is a member now" in (await form(stage, PROJECT, "member-add", name="bob", role="consumer")).text
        assert "other roles" in (await form(stage, PROJECT, "member-roles", name="bob", role="publisher")).text
        assert (await ams(stage, "/projects/P/members/bob"))["projects"][0]["roles"] == ["publisher"]
        assert "no member any more" in (await form(stage, PROJECT, "member-remove", name="bob")).text
        definition = json.dumps({"type": "object", "required": ["n"]})
        made = await form(stage, PROJECT, "schema", name="SHAPE", type="json", definition=definition)
        assert "The schema SHAPE was made." in made.text
        assert "against SHAPE now" in (await form(stage, TOPIC, "schema", schema="SHAPE")).text
        assert (await form(stage, TOPIC, "publish", data='{"m": 1}')).status_code == 400
        changed = await form(stage, f"{PROJECT}/schemas/SHAPE", "update", definition='{"type": "array"}')
        assert "was changed" in changed.text
        assert (await form(stage, f"{PROJECT}/schemas/SHAPE", "update", definition="{")).status_code == 400
        assert "was removed" in (await form(stage, f"{PROJECT}/schemas/SHAPE", "delete")).text
        assert "against nothing" in (await form(stage, TOPIC, "schema", schema="")).text
        assert "was changed" in (await form(stage, PROJECT, "describe", description="ours")).text
        assert "was removed" in (await form(stage, TOPIC, "delete")).text
        assert "was removed" in (await form(stage, SUBSCRIPTION, "delete")).text
        assert "was removed" in (await form(stage, PROJECT, "delete", page="/ams")).text
        assert await ams(stage, "/projects/P") == 404


async def test_a_user_gets_another_token_and_other_roles_and_goes(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        first = secret_in(await form(stage, "/ams/users", name="bob"))
        second = secret_in(await form(stage, "/ams/users/bob", "token"))
        assert first not in (await stage.http.get("/ams/users/bob")).text
        assert second not in (await stage.http.get("/ams/users/bob")).text + (await stage.http.get("/ams/users")).text
        assert "was changed" in (await form(stage, "/ams/users/bob", "roles", service_role=["service_admin"])).text
        assert (await stage.http.get("/api/status", headers={"x-api-key": second})).status_code == 200
        assert "was removed" in (await form(stage, "/ams/users/bob", "delete")).text
        assert (await stage.http.get("/api/status", headers={"x-api-key": second})).status_code == 401


async def test_registrations_are_accepted_and_declined(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        uuids = {}
        for name in ("eve", "mallory"):
            body = {"name": name, "first_name": "<i>", "last_name": "L", "email": f"{name}@example.org"}
            made = await stage.http.post("/v1/registrations", json=body, headers=SERVICE)
            uuids[name] = made.json()["uuid"]
        assert "&lt;i&gt; L" in (await stage.http.get("/ams/registrations")).text
        accept = f"/ams/registrations/{uuids['eve']}"
        token = secret_in(await form(stage, accept, "accept", page="/ams/registrations"))
        assert (await stage.http.get("/v1/users/profile", headers={"x-api-key": token})).json()["name"] == "eve"
        decline = f"/ams/registrations/{uuids['mallory']}"
        page = await form(stage, decline, "decline", page="/ams/registrations", comment="who are you")
        assert ("declined" in page.text, "who are you" in page.text) == (True, True)


def filled(path: str, project: str) -> str:
    return re.sub(r"\{\w+\}", "T", path.replace("{project}", project))


async def test_a_project_admin_sees_and_changes_its_own_project_only(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        for path in ("/v1/projects/Q", "/v1/projects/Q/topics/T", "/v1/users/other"):
            method = "PUT" if path.endswith("T") else "POST"
            (await stage.http.request(method, path, json={}, headers=SERVICE)).raise_for_status()
        body = {"topic": "projects/Q/topics/T"}
        made = await stage.http.put("/v1/projects/Q/subscriptions/T", json=body, headers=SERVICE)
        made.raise_for_status()
        await log_in(stage, await a_project_admin(stage, "pat"), "/ams")
        page = (await stage.http.get("/ams")).text
        assert ("/ams/projects/P" in page, "/ams/projects/Q" in page, "/ams/users" in page) == (True, False, False)
        assert (await stage.http.get(PROJECT)).status_code == 200
        catalog = stage.daemon.store.catalog
        before = [await catalog.list(kind) for kind in ("project", "user", "topic", "subscription", "schema")]
        for path, *_ in AMS_LOOKS:
            if path != "/ams":
                code = (await stage.http.get(filled(path, "Q"))).status_code
                assert (path, code in (401, 403)) == (path, True)
        for path, _ in AMS_ACTS:
            for action in ("describe", "delete", "topic", "publish", "acl", "offset", "token", "accept", "member-add"):
                fields = {"action": action, "name": "x", "offset": "0", "data": "x"}
                answer = await send_form(stage, filled(path, "Q"), PROJECT, **fields)
                assert (path, action, answer.status_code in (400, 401, 403)) == (path, action, True)
        assert [await catalog.list(kind) for kind in ("project", "user", "topic", "subscription", "schema")] == before
        assert "The topic MINE was made." in (await form(stage, PROJECT, "topic", name="MINE")).text
        taken = await form(stage, PROJECT, "member-new", name="helper", role="service_admin")
        assert taken.status_code == 400


async def test_who_administers_no_project_any_more_is_out_at_once(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage, await a_project_admin(stage, "pat"), "/ams")
        assert (await stage.http.get(PROJECT)).status_code == 200
        (await stage.http.post("/v1/projects/P/members/pat:remove", headers=SERVICE)).raise_for_status()
        assert (await stage.http.get(PROJECT)).status_code == 303


async def test_users_of_the_service_are_for_admins_alone(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage, await a_project_admin(stage, "pat"), "/ams")
        for path, *_ in AMS_LOOKS:
            if path not in OF_PROJECTS:
                assert (path, (await stage.http.get(filled(path, "P"))).status_code) == (path, 403)
        for path, _ in AMS_ACTS:
            if path not in OF_PROJECTS:
                answer = await send_form(stage, filled(path, "P"), PROJECT, action="token")
                assert (path, answer.status_code) == (path, 403)


@pytest.mark.parametrize("name", ["x/y", "x:publish", "..", "", "a b", "é"])
async def test_a_name_that_is_none_means_no_other_route(tmp_path: Path, name: str) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        answer = await form(stage, PROJECT, "topic", name=name)
        assert (answer.status_code, "Invalid topic name" in answer.text) == (400, True)
