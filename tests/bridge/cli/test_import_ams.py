"""Another AMS is taken over, and what is held is written as settings: with the commands that people type."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker.records import User
from tests.fakes.ams_api import SERVICE, Ams
from tests.fakes.ams_server import AmsServer
from tests.fakes.command_line import Said, ask, command
from tests.fakes.control import a_daemon
from tests.line.stage import Stage

HASH = "the-hash"
SCHEMA = {"type": "object", "properties": {"site": {"type": "string"}}, "required": ["site"]}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def furnish(ams: Ams) -> None:
    """Project P as ``stage`` makes it, and a project Q with everything that can be."""
    await ams.stage()
    await ams.ok("POST", "/projects/Q", {"description": "the second"})
    await ams.ok("POST", "/projects/Q/schemas/site", {"type": "json", "schema": SCHEMA})
    await ams.ok("PUT", "/projects/Q/topics/metrics", {"schema": "projects/Q/schemas/site"})
    await ams.ok("PUT", "/projects/Q/topics/quiet")
    body: dict[str, Any] = {"topic": "projects/Q/topics/metrics", "ackDeadlineSeconds": 300}
    await ams.ok("PUT", "/projects/Q/subscriptions/reader", body | {"filter": "attributes:kind"})
    push = {
        "type": "http_endpoint",
        "pushEndpoint": "https://receiver.example.org/in",
        "maxMessages": 5,
        "authorizationHeader": {"type": "autogen"},
        "retryPolicy": {"type": "linear", "period": 5000},
    }
    await ams.ok("PUT", "/projects/Q/subscriptions/pushed", body | {"pushConfig": push})
    await ams.user("both", ["publisher", "consumer"], project="Q")
    await ams.user("boss", service_roles=["service_admin"])
    await ams.ok("POST", "/projects/Q/topics/metrics:modifyAcl", {"authorized_users": ["both"]})
    await ams.ok("POST", "/projects/Q/subscriptions/reader:modifyAcl", {"authorized_users": ["both"]})
    messages = [
        {"data": encoded(f'{{"site": "SITE-{nth}"}}'), "attributes": {"kind": "a", "n": str(nth)}} for nth in range(120)
    ]
    await ams.ok("POST", "/projects/Q/topics/metrics:publish", {"messages": messages})
    await ams.ok("POST", "/projects/Q/subscriptions/reader:modifyOffset", {"offset": 7})
    await ams.ok("POST", "/projects/Q/subscriptions/pushed:modifyOffset", {"offset": 3})


@pytest.fixture
def source(tmp_path: Path) -> Iterator[AmsServer]:
    folder = tmp_path / "tls"
    folder.mkdir()
    with AmsServer(folder) as running:
        running.call(furnish(running.ams))
        yield running


async def take_over(stage: Stage, source: AmsServer, *more: str, token: str = SERVICE) -> Said:
    ca = str(source.authority.certificate)
    words = ["import", "ams", f"https://{source.endpoint}", "--from-token", token, "--from-ca", ca, *more]
    return await ask(stage, *words)


async def asked(stage: Stage, path: str, body: Any = None) -> Any:
    answer = await (stage.http.get(path) if body is None else stage.http.post(path, json=body))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_everything_is_taken_over_with_messages_and_places(tmp_path: Path, source: AmsServer) -> None:
    async with a_daemon(tmp_path) as stage:
        said = await take_over(stage, source, "--project", "Q", "--json")
        assert said.code == 0, said.err
        topic = await asked(stage, "/v1/projects/Q/topics/metrics")
        assert topic["schema"] == "projects/Q/schemas/site"
        assert (await asked(stage, "/v1/projects/Q/topics/metrics:acl")) == {"authorized_users": ["both"]}
        reader = await asked(stage, "/v1/projects/Q/subscriptions/reader")
        assert (reader["ackDeadlineSeconds"], reader["filter"]) == (300, "attributes:kind")
        assert await asked(stage, "/v1/projects/Q/subscriptions/reader:offsets") == {"max": 120, "min": 3, "current": 7}
        there = source.call(source.ams.ok("GET", "/projects/Q/subscriptions/pushed"))["pushConfig"]
        here = (await asked(stage, "/v1/projects/Q/subscriptions/pushed"))["pushConfig"]
        assert here == there
        pulled = await asked(stage, "/v1/projects/Q/subscriptions/reader:pull", {"maxMessages": "200"})
        received = [one["message"] for one in pulled["receivedMessages"]]
        assert [one["messageId"] for one in received] == [str(nth) for nth in range(7, 120)]
        assert received[0]["attributes"] == {"kind": "a", "n": "7"}
        assert base64.b64decode(received[0]["data"]) == b'{"site": "SITE-7"}'
        token = source.ams.tokens["both"]
        answer = await stage.http.get("/v1/users/profile", headers={"x-api-key": token})
        assert answer.json()["name"] == "both"
        left = source.call(source.ams.ok("GET", "/projects/Q/subscriptions"))["subscriptions"]
        assert sorted(one["name"] for one in left) == [
            "/projects/Q/subscriptions/pushed",
            "/projects/Q/subscriptions/reader",
        ]


async def test_a_second_time_there_is_nothing_to_do(tmp_path: Path, source: AmsServer) -> None:
    async with a_daemon(tmp_path) as stage:
        assert (await take_over(stage, source)).code == 0
        await asked(stage, "/v1/projects/Q/subscriptions/reader:modifyOffset", {"offset": 100})
        again = await take_over(stage, source, "--json")
        assert again.value["done"] == []
        assert (await asked(stage, "/v1/projects/Q/subscriptions/reader:offsets"))["current"] == 100


async def test_messages_that_came_over_there_since_are_carried_the_next_time(tmp_path: Path, source: AmsServer) -> None:
    async with a_daemon(tmp_path) as stage:
        assert (await take_over(stage, source)).code == 0
        message = {"data": encoded('{"site": "late"}'), "attributes": {"kind": "a"}}
        source.call(source.ams.ok("POST", "/projects/Q/topics/metrics:publish", {"messages": [message]}))
        again = await take_over(stage, source, "--json")
        assert again.value["done"] == ["topic Q/metrics: 1 message up to number 120"]


async def test_a_dry_run_says_what_would_be_done_and_changes_nothing(tmp_path: Path, source: AmsServer) -> None:
    async with a_daemon(tmp_path) as stage:
        said = await take_over(stage, source, "--dry-run", "--json")
        assert said.code == 0, said.err
        done = said.value["done"]
        assert "project Q: create" in done
        assert "schema Q/site: create" in done
        assert "subscription Q/pushed: create on metrics and push" in done
        assert "topic Q/metrics: 117 messages to carry" in done
        assert said.value["dry_run"] is True
        assert stage.daemon.broker.cache.project("Q") is None
        names = {one["name"] for one in source.call(source.ams.ok("GET", "/projects/Q/subscriptions"))["subscriptions"]}
        assert not [name for name in names if "import" in name]


async def test_what_could_not_be_taken_is_named(tmp_path: Path, source: AmsServer) -> None:
    source.call(source.ams.ok("DELETE", "/projects/Q/topics/quiet"))
    source.call(source.ams.ok("PUT", "/projects/Q/topics/gone"))
    body = {"topic": "projects/Q/topics/gone"}
    source.call(source.ams.ok("PUT", "/projects/Q/subscriptions/orphan", body))
    source.call(source.ams.ok("DELETE", "/projects/Q/topics/gone"))
    source.call(source.ams.ok("POST", "/users/nobody", {}))
    async with a_daemon(tmp_path) as stage:
        said = await take_over(stage, source, "--json")
        assert said.code == 0, said.err
        named = said.value["not_taken"]
        assert "subscription Q/orphan: its topic is gone" in named
        assert "user nobody: has no role in these projects" in named


async def test_a_message_that_is_refused_here_is_named_and_the_others_keep_their_numbers(
    tmp_path: Path, source: AmsServer
) -> None:
    async with a_daemon(tmp_path) as stage:
        assert (await take_over(stage, source, "--messages", "none")).code == 0
        stricter = SCHEMA | {"not": {"properties": {"site": {"const": "SITE-50"}}}}
        answer = await stage.http.put("/v1/projects/Q/schemas/site", json={"type": "json", "schema": stricter})
        assert answer.status_code == 200, answer.text
        source.call(source.ams.ok("PUT", "/projects/Q/schemas/site", {"type": "json", "schema": stricter}))
        said = await take_over(stage, source, "--json")
        assert said.code == 0, said.err
        (refused,) = [one for one in said.value["not_taken"] if one.startswith("message ")]
        assert refused.startswith("message Q/metrics:50: ")
        await asked(stage, "/v1/projects/Q/subscriptions/reader:modifyOffset", {"offset": 49})
        pulled = await asked(stage, "/v1/projects/Q/subscriptions/reader:pull", {"maxMessages": "3"})
        assert [one["message"]["messageId"] for one in pulled["receivedMessages"]] == ["49", "51", "52"]


async def test_a_topic_with_messages_of_its_own_gets_none(tmp_path: Path, source: AmsServer) -> None:
    async with a_daemon(tmp_path) as stage:
        assert (await take_over(stage, source, "--messages", "none")).code == 0
        messages = [{"data": encoded('{"site": "here"}')}] * 130
        await asked(stage, "/v1/projects/Q/topics/metrics:publish", {"messages": messages})
        said = await take_over(stage, source, "--json")
        assert "messages of Q/metrics: it has messages of its own here" in said.value["not_taken"]
        assert (await asked(stage, "/v1/projects/Q/subscriptions/reader:offsets"))["max"] == 130


async def test_the_token_of_a_project_admin_takes_a_project_that_is_named(tmp_path: Path, source: AmsServer) -> None:
    token = source.ams.tokens["padm"]
    async with a_daemon(tmp_path) as stage:
        refused = await take_over(stage, source, token=token)
        assert refused.code == 1
        assert "name them with --project" in refused.err
        before = len(stage.daemon.broker.cache.list_all(User))
        said = await take_over(stage, source, "--project", "P", "--json", token=token)
        assert said.code == 0, said.err
        assert any("a new one is made" in one for one in said.value["not_taken"])
        assert len(stage.daemon.broker.cache.list_all(User)) == before + 3


@pytest.mark.parametrize(
    ("token", "project", "text"),
    [("wrong", "Q", "Unauthorized (HTTP 401)"), (SERVICE, "none", "project doesn't exist (HTTP 404)")],
)
async def test_what_the_other_side_refuses_is_told_and_nothing_is_made(
    tmp_path: Path, source: AmsServer, token: str, project: str, text: str
) -> None:
    async with a_daemon(tmp_path) as stage:
        said = await take_over(stage, source, "--project", project, token=token)
        assert (said.code, text in said.err) == (1, True), said.err
        assert stage.daemon.broker.cache.project("Q") is None


async def test_a_name_that_is_taken_for_something_else_refuses_all(tmp_path: Path, source: AmsServer) -> None:
    async with a_daemon(tmp_path) as stage:
        await stage.http.post("/v1/projects/Q", json={})
        await stage.http.put("/v1/projects/Q/topics/other")
        await stage.http.put("/v1/projects/Q/subscriptions/reader", json={"topic": "projects/Q/topics/other"})
        said = await take_over(stage, source)
        assert said.code == 1
        assert "subscription Q/reader reads other here, not metrics" in said.err
        assert stage.daemon.broker.cache.find(User, "both") is None


async def test_nobody_there_is_told(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        said = await ask(stage, "import", "ams", "https://127.0.0.1:9", "--from-token", "x")
        assert (said.code, "does not answer" in said.err) == (1, True)


async def test_what_was_taken_over_is_exported_as_settings_that_provision_the_same(
    tmp_path: Path, source: AmsServer
) -> None:
    out = tmp_path / "out"
    async with a_daemon(tmp_path) as stage:
        assert (await take_over(stage, source, "--start-pushes")).code == 0
        said = await ask(stage, "export", "--out", str(out), "--secrets", "--json")
        assert said.code == 0, said.err
        left_out = said.value["not_exported"]
        assert any(one.startswith("push of Q/pushed: its endpoint is not verified") for one in left_out)
        assert "service roles of user boss: service_admin" in left_out
    secrets = dict(line.split("=", 1) for line in (out / "secrets.env").read_text().splitlines())
    assert stat.S_IMODE((out / "secrets.env").stat().st_mode) == 0o600
    assert secrets["BOTH_TOKEN"] == source.ams.tokens["both"]
    text = (out / "bridge-projects.yaml").read_text()
    assert source.ams.tokens["both"] not in text
    config = out / "bridge.yaml"
    config.write_text(f"store: memory\nserver: {{listen: '127.0.0.1:0', tls: off}}\nrules: []\n{text}")
    checked = await asyncio.to_thread(command, "-c", str(config), "check", "--json", env=secrets)
    assert checked.code == 0, checked.out + checked.err
    made = yaml.safe_load(text)["projects"]["Q"]
    assert made["subscriptions"]["reader"] == {
        "topic": "metrics",
        "ack_deadline_s": 300,
        "filter": "attributes:kind",
    }
    assert json.loads((out / "schemas" / "Q-site.json").read_text()) == SCHEMA
    assert made["users"]["both"] == {
        "roles": ["publisher", "consumer"],
        "topics": ["metrics"],
        "subscriptions": ["reader"],
        "token": "${env:BOTH_TOKEN}",
        "email": "both@example.org",
    }


async def test_an_export_overwrites_nothing_and_prints_no_token(tmp_path: Path, source: AmsServer) -> None:
    async with a_daemon(tmp_path) as stage:
        assert (await take_over(stage, source)).code == 0
        printed = await ask(stage, "export", "--project", "Q")
        assert "1 schema would be files of their own" in printed.err
        assert source.ams.tokens["both"] not in printed.out
        assert list(yaml.safe_load(printed.out)["projects"]) == ["Q"]
        out = tmp_path / "out"
        assert (await ask(stage, "export", "--out", str(out))).code == 0
        again = await ask(stage, "export", "--out", str(out))
        assert (again.code, "exist already" in again.err) == (1, True)
        unknown = await ask(stage, "export", "--project", "none")
        assert (unknown.code, "there is no project none" in unknown.err) == (1, True)
        assert (await ask(stage, "export", "--secrets")).code == 2
