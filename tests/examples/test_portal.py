"""Operations portal: boxes publish alarms with the real client library over TLS; a page shows and exports them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.examples.systems import System, a_system, client_program, run_client

pytestmark = pytest.mark.system("3 Operations Portal", "argo-ams-library")

BOX = """
import json, sys
from argo_ams_library import AmsMessage, ArgoMessagingService
asked = json.load(sys.stdin)
ams = ArgoMessagingService(endpoint=asked["endpoint"], token=asked["token"], project="ARGO")
attributes = {"partition_date": "2026-11-23", "type": "alarm"}
ams.publish("alarms", [AmsMessage(data=line, attributes=attributes) for line in asked["lines"]])
"""
"""A monitoring box: publishes alarms as it does."""


def publish(system: System, *lines: str) -> None:
    asked = {"endpoint": system.endpoint, "token": system.environ["BOX_TOKEN"], "lines": lines}
    run_client(system, client_program("python"), "-c", BOX, stdin=json.dumps(asked))


def a_viewer(system: System) -> dict[str, str]:
    """Headers of somebody who is logged in."""
    answer = system.http.post("/login", data={"token": system.environ["AMS_BRIDGE_TOKEN"], "next": "/alarms"})
    assert answer.status_code == 303
    return {"cookie": answer.headers["set-cookie"].partition(";")[0]}


def get(system: System, viewer: dict[str, str], path: str, **params: str) -> httpx.Response:
    answer = system.http.get(path, params=params, headers=viewer)
    assert answer.status_code == 200, answer.text
    return answer


def exported(system: System, viewer: dict[str, str], **params: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = get(system, viewer, "/alarms/export.json", **params).json()["rows"]
    return rows


def test_alarms_stand_on_the_page_with_their_last_word_and_their_past(tmp_path: Path) -> None:
    with a_system("operations-portal", tmp_path) as system:
        lines = (system.folder / "alarms.jsonl").read_text().splitlines()
        publish(system, *lines)
        system.settled(2 * len(lines))
        publish(system, lines[-1])  # the same once more changes nothing on the page
        system.settled(2 * len(lines) + 2)
        alarms = [json.loads(line) for line in lines]
        last = {(one["node_name"], one["service_flavour"], one["test_name"]): one["status"] for one in alarms}
        viewer = a_viewer(system)
        rows = exported(system, viewer)
        assert {(one["node_name"], one["service_flavour"], one["test_name"]): one["status"] for one in rows} == last
        assert [one["changed"] for one in rows] == sorted((one["changed"] for one in rows), reverse=True)
        page = get(system, viewer, "/alarms").text
        assert f"{len(last)} fit" in page
        critical = exported(system, viewer, **{"c.status": "CRITICAL"})
        assert {one["node_name"] for one in critical} == {
            name for (name, *_), said in last.items() if said == "CRITICAL"
        }
        one = {"k.node_name": "ce0.example.org", "k.service_flavour": "eu.egi.CE", "k.test_name": "org.nagios.Ping"}
        past = get(system, viewer, "/alarms/row", **one).text.partition("<h2>History</h2>")[2]
        said = [text.partition("<")[0] for text in past.split('<span class="state ')[1:]]
        assert [text.partition(">")[2] for text in said] == ["OK", "WARNING", "CRITICAL"]
        assert get(system, viewer, "/alarms/export.csv").text.count("\r\n") == len(last) + 1
        system.balanced()


def test_rows_that_others_write_stand_on_the_page_and_bad_alarms_do_not(tmp_path: Path) -> None:
    with a_system("operations-portal", tmp_path) as system:
        first, *_ = (system.folder / "alarms.jsonl").read_text().splitlines()
        nowhere = json.dumps({"status": "CRITICAL", "node_name": "ce.example.org"})
        never = json.dumps(json.loads(first) | {"execution_time": "yesterday", "node_name": "odd.example.org"})
        publish(system, first, "CRITICAL", nowhere, never)
        system.settled(6)
        assert len(system.deliveries(destination="desk")) == 2
        dead = system.deliveries(state="dead")
        assert [one["destination"] for one in dead] == ["history", "portal"]
        assert "is not a time" in json.dumps(system.ask("GET", f"/api/deliveries/{dead[0]['id']}"))
        with closing(sqlite3.connect(tmp_path / "alarms.db")) as database, database:
            database.execute(
                "insert into alarms (node_name, service_flavour, test_name, status, changed, delivery_id)"
                " values ('theirs.example.org', 'web', 'http', 'DOWN', '2026-11-24T00:00:00Z', 'none')"
            )
        rows = exported(system, a_viewer(system))
        assert [(one["node_name"], one["changed"]) for one in rows] == [
            ("theirs.example.org", "2026-11-24T00:00:00Z"),
            ("ce0.example.org", "2026-11-23T17:00:07Z"),
        ]
        system.balanced()
