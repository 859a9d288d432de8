"""A/R monitoring: results that Apache's Avro and AMS's client publish reach engine, sites and portal."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.examples.systems import System, a_system, client_program, run_client

pytestmark = pytest.mark.system("6 A/R monitoring", "avro, argo-ams-library")

BOX = """
import io, json, sys
import avro.io, avro.schema
from argo_ams_library import AmsMessage, ArgoMessagingService

asked = json.load(sys.stdin)
schema = avro.schema.parse(open("metric_data.avsc").read())
messages = []
for result in asked["results"]:
    content = io.BytesIO()
    avro.io.DatumWriter(schema).write(result, avro.io.BinaryEncoder(content))
    attributes = {"partition_date": "2026-01-01", "type": "metric_data"}
    messages.append(AmsMessage(data=content.getvalue(), attributes=attributes))
ams = ArgoMessagingService(endpoint=asked["endpoint"], project="ARGO", token=asked["token"])
ams.publish("metric_data", messages, verify=True)
print(json.dumps([message.dict()["data"] for message in messages]))
"""
READER = """
import base64, json, sys
from argo_ams_library import ArgoMessagingService

asked = json.load(sys.stdin)
ams = ArgoMessagingService(endpoint=asked["endpoint"], project=asked["project"], token=asked["token"])
if asked["topic"] and not ams.has_sub(asked["subscription"]):
    ams.create_sub(asked["subscription"], asked["topic"])
    ams.modifyoffset_sub(asked["subscription"], 0)
pulled = ams.pull_sub(asked["subscription"], num=100, return_immediately=True, verify=True)
if pulled:
    ams.ack_sub(asked["subscription"], [ack for ack, _ in pulled], verify=True)
print(json.dumps([[base64.b64encode(m.get_data()).decode(), m.get_attr()] for _, m in pulled]))
"""
DECODER = """
import base64, io, json, sys
import avro.io, avro.schema

schema = avro.schema.parse(open("metric_data.avsc").read())
read = avro.io.DatumReader(schema)
print(json.dumps([read.read(avro.io.BinaryDecoder(io.BytesIO(base64.b64decode(one)))) for one in json.load(sys.stdin)]))
"""


def a_result(site: str | None, status: str = "OK", **changed: Any) -> dict[str, Any]:
    """A result as argo-ams-publisher writes it."""
    tags = {"roc": "NGI_X", "voname": "ops", "vofqan": None} | ({"endpoint_group": site} if site is not None else {})
    return {
        "timestamp": "2026-01-01T00:00:00Z",
        "service": "eu.egi.CE",
        "hostname": "ce01.example.org",
        "metric": "org.nagios.Ping",
        "status": status,
        "monitoring_host": "mon.example.org",
        "actual_data": None,
        "summary": f"{status} - ping",
        "message": None,
        "tags": tags,
    } | changed


def republished(result: dict[str, Any]) -> dict[str, Any]:
    """What AMS's own republisher.py makes of a result, restated: its readers know this form."""
    fields = ("status", "service", "timestamp", "metric", "hostname", "monitoring_host")
    header = {name: "" if result[name] is None else result[name] for name in fields}
    return {"body": "" if result["summary"] is None else result["summary"], "header": header, "text": "true"}


def publish(system: System, *results: dict[str, Any]) -> list[str]:
    """Publish as a box; the data of each message as the client put it on the wire."""
    asked = {"endpoint": system.endpoint, "token": system.environ["BOX_TOKEN"], "results": results}
    said = run_client(system, client_program("python"), "-c", BOX, stdin=json.dumps(asked))
    wire: list[str] = json.loads(said.stdout)
    return wire


def pull(system: System, subscription: str, topic: str = "", token: str = "") -> list[tuple[str, dict[str, str]]]:
    """What a reader pulls and acknowledges; with a topic, from its beginning by a subscription made for it."""
    project = "SITES" if topic or subscription.startswith("SITE") else "ARGO"
    asked = {
        "endpoint": system.endpoint,
        "project": project,
        "token": token or system.environ["AMS_BRIDGE_TOKEN"],
        "subscription": subscription,
        "topic": topic,
    }
    said = run_client(system, client_program("python"), "-c", READER, stdin=json.dumps(asked))
    return [(data, attributes) for data, attributes in json.loads(said.stdout)]


def documents(pulled: list[tuple[str, dict[str, str]]]) -> list[Any]:
    return [json.loads(base64.b64decode(data)) for data, _ in pulled]


def test_results_reach_the_engine_byte_for_byte_and_each_site_its_own_topics(tmp_path: Path) -> None:
    results = [
        a_result("SITE-A"),
        a_result("T2.Estonia", summary=None, monitoring_host=None),
        a_result("SITE-A", message="Ελλάδα " * 100),
    ]
    with a_system("availability-reliability", tmp_path) as system:
        wire = publish(system, *results)
        system.settled(6)
        engine = pull(system, "engine", token=system.environ["ENGINE_TOKEN"])
        assert [data for data, _ in engine] == wire
        assert engine[0][1] == {"partition_date": "2026-01-01", "type": "metric_data"}
        assert documents(pull(system, "SITE-A")) == [republished(results[0]), republished(results[2])]
        assert documents(pull(system, "estonia", topic="T2-Estonia")) == [republished(results[1])]
        exact = [data for data, _ in pull(system, "a-avro", topic="SITE-A-avro")]
        assert exact == [wire[0], wire[2]]
        decoded = run_client(system, client_program("python"), "-c", DECODER, stdin=json.dumps(exact))
        assert json.loads(decoded.stdout) == [results[0], results[2]]
        assert {one["state"] for one in system.deliveries()} == {"delivered"}
        system.balanced()


def test_a_change_to_critical_and_back_is_an_alarm_each_and_a_repetition_is_none(tmp_path: Path) -> None:
    with a_system("availability-reliability", tmp_path) as system:
        for status in ("OK", "CRITICAL", "CRITICAL", "OK", "OK"):
            publish(system, a_result("SITE-A", status))
        system.settled(12)
        alarms = pull(system, "portal", token=system.environ["ENGINE_TOKEN"])
        assert [one["status"] for one in documents(alarms)] == ["CRITICAL", "OK"]
        assert documents(alarms)[0] == {
            "execution_time": "2026-01-01T00:00:00Z",
            "service_flavour": "eu.egi.CE",
            "node_name": "ce01.example.org",
            "test_name": "org.nagios.Ping",
            "status": "CRITICAL",
            "details": "CRITICAL - ping",
            "vo": "ops",
            "site": "SITE-A",
            "roc": "NGI_X",
        }
        assert {key: alarms[0][1][key] for key in ("type", "partition_date")} == {
            "type": "alarm",
            "partition_date": "2026-01-01",
        }
        system.balanced()


def test_what_belongs_to_no_site_is_kept_as_it_came_and_told_and_a_name_no_topic_can_have_is_a_dead_letter(
    tmp_path: Path,
) -> None:
    with a_system("availability-reliability", tmp_path) as system:
        (nameless,) = publish(system, a_result(None))
        bad = base64.b64encode(b"\xff\xfe no record").decode()
        cut = base64.b64encode(base64.b64decode(nameless)[:20]).decode()
        path = "/v1/projects/ARGO/topics/metric_data:publish"
        system.ask("POST", path, {"messages": [{"data": bad}, {"data": cut}]}, token=system.environ["BOX_TOKEN"])
        publish(system, a_result("ΑΘΗΝΑ-1"))
        found = system.settled(8)
        kept = pull(system, "set-aside", token=system.environ["ENGINE_TOKEN"])
        assert [data for data, _ in kept] == [nameless, bad, cut]
        assert [attributes["why"] for _, attributes in kept] == [
            "it names no site",
            "no Avro record of metric_data",
            "no Avro record of metric_data",
        ]
        dead = [one for one in found if one["state"] == "dead"]
        assert {one["destination"] for one in dead} == {"sites", "sites-avro"}
        assert all(
            "is not a name for a topic" in json.dumps(system.ask("GET", f"/api/deliveries/{one['id']}")) for one in dead
        )
        assert len(system.deliveries(destination="desk")) == 3
        system.balanced()
