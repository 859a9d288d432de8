"""Hosts of GOCDB become users that log in with their certificates: with the command that people type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from bridge.app.server import HttpServer
from broker.records import CertificateBinding, User
from tests.bridge.operate.test_gocdb_feed import DN, endpoint, feed
from tests.fakes.command_line import Said, ask
from tests.fakes.control import a_daemon
from tests.line.stage import Stage

NAME = "gLite-APEL---ce-example-org---SITE-A"


async def take_over(stage: Stage, tmp_path: Path, said: bytes, *more: str) -> Said:
    file = tmp_path / "feed.xml"
    file.write_bytes(said)
    return await ask(stage, "import", "gocdb", str(file), "--project", "ACC", *more)


def bindings(stage: Stage) -> dict[str, str]:
    cache = stage.daemon.broker.cache
    users = {user.uid: user.name for user in cache.list_all(User)}
    return {one.subject: users[one.user_uid] for one in cache.list_all(CertificateBinding)}


async def test_a_feed_is_taken_over_once_and_then_there_is_nothing_to_do(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        said = await take_over(stage, tmp_path, feed(endpoint()), "--json")
        assert said.code == 0, said.err
        subject = "CN=ce.example.org,OU=hosts,O=Test,C=GR"
        assert said.value["done"] == [
            "project ACC: create",
            "topic ACC/gLite-APEL: create",
            f"user {NAME}: create",
            "topic ACC/gLite-APEL: access list",
            f"certificate {subject}: user {NAME}",
        ]
        assert bindings(stage) == {subject: NAME}
        again = await take_over(stage, tmp_path, feed(endpoint()), "--json")
        assert again.value["done"] == []
        assert "nothing to do" in (await take_over(stage, tmp_path, feed(endpoint()))).out


async def test_a_dn_that_changed_replaces_the_old_one(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await take_over(stage, tmp_path, feed(endpoint()))
        said = await take_over(stage, tmp_path, feed(endpoint(HOSTDN=DN.format("new"))), "--json")
        assert said.value["done"] == [
            "certificate CN=ce.example.org,OU=hosts,O=Test,C=GR: forget",
            f"certificate CN=new,OU=hosts,O=Test,C=GR: user {NAME}",
        ]
        assert bindings(stage) == {"CN=new,OU=hosts,O=Test,C=GR": NAME}


async def test_a_dry_run_shows_the_difference_and_changes_nothing(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await take_over(stage, tmp_path, feed(endpoint()))
        more = feed(endpoint(), endpoint("b.example.org"), endpoint("c.example.org", HOSTDN=""))
        said = await take_over(stage, tmp_path, more, "--dry-run", "--json")
        assert said.value["done"] == [
            "user gLite-APEL---b-example-org---SITE-A: create",
            "topic ACC/gLite-APEL: access list",
            "certificate CN=b.example.org,OU=hosts,O=Test,C=GR: user gLite-APEL---b-example-org---SITE-A",
        ]
        assert said.value["not_taken"] == ["c.example.org (gLite-APEL): has no DN"]
        assert len(bindings(stage)) == 1


async def test_a_feed_that_is_cut_short_changes_nothing(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        said = await take_over(stage, tmp_path, feed(endpoint())[:-5])
        assert said.code == 78
        assert "Nothing was changed" in said.err
        assert stage.daemon.broker.cache.project("ACC") is None


async def test_a_subject_bound_by_hand_keeps_its_user(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await stage.http.post("/v1/users/mine", json={})
        body = {"subject": "CN=ce.example.org,OU=hosts,O=Test,C=GR", "user": "mine"}
        assert (await stage.http.post("/api/certificates", json=body)).status_code == 200
        said = await take_over(stage, tmp_path, feed(endpoint()), "--json")
        assert "user mine: publisher in ACC" in said.value["done"]
        assert bindings(stage) == {"CN=ce.example.org,OU=hosts,O=Test,C=GR": "mine"}


async def test_a_feed_is_fetched_from_an_address(tmp_path: Path) -> None:
    async def gocdb(scope: Any, receive: Any, send: Any) -> None:
        await Response(feed(endpoint()), media_type="application/xml")(scope, receive, send)

    server = HttpServer(gocdb, "127.0.0.1:0", None)
    await server.start()
    try:
        async with a_daemon(tmp_path) as stage:
            url = f"http://127.0.0.1:{server.port}/gocdbpi/private/?method=get_service_endpoint"
            said = await ask(stage, "import", "gocdb", url, "--project", "ACC", "--json")
            assert said.code == 0, said.err
            assert list(bindings(stage).values()) == [NAME]
    finally:
        await server.stop()


@pytest.mark.parametrize(
    ("place", "text"), [("http://127.0.0.1:9/gocdbpi", "does not answer"), ("none.xml", "cannot read")]
)
async def test_what_is_not_there_is_told(tmp_path: Path, place: str, text: str) -> None:
    async with a_daemon(tmp_path) as stage:
        said = await ask(stage, "import", "gocdb", place, "--project", "ACC")
        assert (said.code, text in said.err) == (1, True), said.err
