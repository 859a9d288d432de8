"""FedCloud: GOCDB makes users and topics, the real cloud-info-provider's word goes through with X.509, over TLS."""

from __future__ import annotations

import base64
import gzip
import json
import os
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.oid import NameOID

from bridge.fakes.listening import running
from tests.examples.systems import System, a_host, a_system, client_program, run_client
from tests.fakes.command_line import Said, command
from tests.fakes.gocdb import a_gocdb
from tests.fakes.openstack import FakeOpenStack

pytestmark = pytest.mark.system("5 FedCloud and GOCDB", "cloud-info-provider, argo-ams-library")

HOST = "127.0.0.2"
TOPIC = "SITE_SITE-A_ENDPOINT_7513G0"
PUBLISHER = """
import base64, gzip, json, sys
import requests
from argo_ams_library import ArgoMessagingService
asked = json.load(sys.stdin)
ams = ArgoMessagingService(endpoint=asked["host"], project="FEDCLOUD", cert=asked["cert"], key=asked["key"])
base = f"https://{asked['host']}/v1/projects/FEDCLOUD/topics/{asked['topic']}"
requests.get(base, params={"key": ams.token}).raise_for_status()
data = base64.b64encode(gzip.compress(asked["text"].encode())).decode()
body = json.dumps({"messages": [{"attributes": {}, "data": data}]})
headers = {"content-type": "application/json"}
answer = requests.post(base + ":publish", params={"key": ams.token}, data=body, headers=headers)
print(answer.status_code, answer.text)
"""
"""What a site's wrapper does with what the provider printed: a token for its certificate, a look, a publish."""
CONSUMER = """
import base64, json, sys
from argo_ams_library import ArgoMessagingService
asked = json.load(sys.stdin)
ams = ArgoMessagingService(endpoint=asked["host"], project="FEDCLOUD", token=asked["token"])
taken = ams.pull_sub(asked["topic"], num=10)
ams.ack_sub(asked["topic"], [ack for ack, _ in taken])
print(json.dumps([base64.b64encode(one.get_data()).decode() for _, one in taken]))
"""
"""Whoever keeps cloud information: takes what a site published."""
SCRIPT = """
import json, sys
import requests
from argo_ams_library import AmsServiceException, AmsUser, AmsUserProject, ArgoMessagingService
asked = json.load(sys.stdin)
host, key = asked["host"], {"key": asked["token"]}
ams = ArgoMessagingService(endpoint=host, token=asked["token"], project="FEDCLOUD")
told = []

def tell(what, answer):
    told.append([what, answer.status_code])
    return answer

def conflict_is_fine(make):
    try:
        return make()
    except AmsServiceException as error:
        assert error.code == 409, error

for one in asked["endpoints"]:
    dn, name, topic = one["dn"], one["name"], one["topic"]
    url = f"https://{host}/v1/service-types/ams/hosts/{host}/bindings"
    found = tell("find", requests.get(url, params=key | {"authID": dn}))
    if found.status_code == 200:
        name = found.json()["bindings"][0]["name"]
    else:
        member = AmsUserProject(project="FEDCLOUD", roles=["publisher"])
        user = AmsUser(projects=[member], email="a@b.example", name=name)
        made = conflict_is_fine(lambda: ams.create_user(user))
        uuid = made.uuid if made else ams.get_project_member(username=name).uuid
        body = {"service_uuid": "s", "host": host, "auth_identifier": dn, "unique_key": uuid, "auth_type": "x509"}
        url = f"https://{host}/v1/bindings/{name}"
        if tell("make", requests.post(url, params=key, data=json.dumps(body))).status_code == 409:
            if requests.get(url, params=key).json()["auth_identifier"] != dn:
                tell("change", requests.put(url, params=key, data=json.dumps({"auth_identifier": dn})))
    conflict_is_fine(lambda: ams.create_topic(topic))
    ams.modifyacl_topic(topic, users=sorted({name, *ams.getacl_topic(topic)["authorized_users"]}))
    conflict_is_fine(lambda: ams.create_sub(topic, topic, ackdeadline=100))
    ams.modifyacl_sub(topic, users=sorted({"appdb", *ams.getacl_sub(topic)["authorized_users"]}))
print(json.dumps(told))
"""
"""The calls that argo-api-authn's script for cloud information makes, in its order."""


@contextmanager
def the_clouds(tmp_path: Path) -> Iterator[System]:
    """The example where the real client library looks for it: AMS at port 443, the login at 8443 of the same host."""
    for port in (443, 8443):
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((HOST, port))
        except OSError as error:
            pytest.skip(f"the client library asks for port {port}, which is not to be had here: {error.strerror}")
    login = f"server: {{x509_listen: '{HOST}:8443', "
    with a_system("fedcloud", tmp_path, listen=HOST, change=lambda text: text.replace("server: {", login)) as system:
        yield system


def bridge(system: System, *words: str) -> Said:
    """A command of ours, as the page of the example types it."""
    url = f"https://{HOST}"
    token = system.environ["AMS_BRIDGE_TOKEN"]
    ca = str(system.authority.certificate)
    return command("--url", url, "--token", token, "--ca", ca, *words, env=dict(system.environ))


def take_over(system: System, file: Path, *more: str) -> Said:
    topics = ("--topic", "SITE_{site}_ENDPOINT_{key}", "--consumer", "appdb")
    return bridge(system, "import", "gocdb", str(file), "--project", "FEDCLOUD", *topics, "--json", *more)


def publish(system: System, pair: Any, text: str, topic: str = TOPIC) -> str:
    asked = {"host": HOST, "cert": str(pair.certificate), "key": str(pair.key), "topic": topic, "text": text}
    return run_client(system, client_program("python"), "-c", PUBLISHER, stdin=json.dumps(asked)).stdout


def take(system: System, topic: str = TOPIC) -> list[bytes]:
    """What the consumer gets of a site."""
    asked = {"host": HOST, "token": system.environ["APPDB_TOKEN"], "topic": topic}
    said = run_client(system, client_program("python"), "-c", CONSUMER, stdin=json.dumps(asked))
    return [base64.b64decode(text) for text in json.loads(said.stdout)]


def shares(tmp_path: Path, columns: str = "site, gocdb_key, vo, health, max_vms, running_vms") -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(tmp_path / "clouds.db")) as database:
        return database.execute(f"select {columns} from shares order by vo").fetchall()  # noqa: S608 - of this file


def describe(system: System, tmp_path: Path, cloud: FakeOpenStack, *, more: str = "") -> str:
    """What the real provider says of a cloud."""
    vos = [{"name": name, "auth": {"project_id": project}} for name, project in cloud.vos.items()]
    vos += [{"name": more, "auth": {"project_id": "none"}}] if more else []
    (tmp_path / "site.yaml").write_text(json.dumps({"gocdb": "SITE-A", "endpoint": cloud.auth_url, "vos": vos}))
    where = {"PRIMARY_KEY": "7513G0", "SERVICE_TYPE": "org.openstack.nova", "SITENAME": "SITE-A", "URL": cloud.auth_url}
    lines = "".join(f"<{name}>{text}</{name}>" for name, text in where.items())
    feed = f'<results><SERVICE_ENDPOINT PRIMARY_KEY="7513G0">{lines}<ENDPOINTS/></SERVICE_ENDPOINT></results>'
    login = ("--os-auth-type", "v3password", "--os-auth-url", cloud.auth_url, "--os-username", "info")
    password = ("--os-password", "p", "--os-user-domain-name", "Default")
    with a_gocdb(feed.encode(), system.authority) as gocdb:
        around = {
            **os.environ,
            "HOME": str(tmp_path),
            "HTTPS_PROXY": gocdb.proxy_url,
            "NO_PROXY": "127.0.0.1",
            "REQUESTS_CA_BUNDLE": str(system.authority.certificate),
        }
        program = client_program("cloud-info-provider-service", within="cloud-info")
        words = [program, "--middleware", "openstack", *login, *password, str(tmp_path / "site.yaml")]
        said = subprocess.run(words, env=around, capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    assert gocdb.asked == ["/gocdbpi/public/?method=get_service&service_type=org.openstack.nova"]
    return said.stdout.strip()


def a_site(system: System) -> Any:
    """The certificate of the first endpoint of the feed."""
    pair, _ = a_host(system, "localhost")
    return pair


def test_what_the_real_provider_says_goes_from_a_host_that_gocdb_lists_to_whoever_pulls(tmp_path: Path) -> None:
    with the_clouds(tmp_path) as system, running(FakeOpenStack("p", {"vo.example.org": "p1", "other": "p2"})) as cloud:
        said = take_over(system, system.folder / "clouds.xml")
        assert said.code == 0, said.err
        assert said.value["not_taken"] == ["cloud.nowhere.example.org (org.openstack.nova): has no site"]
        text = describe(system, tmp_path, cloud)
        assert publish(system, a_site(system), text).startswith("200")
        system.settled(2)
        assert shares(tmp_path) == [
            ("SITE-A", "7513G0", "other", "ok", 10, 2),
            ("SITE-A", "7513G0", "vo.example.org", "ok", 10, 2),
        ]
        ill = describe(system, tmp_path, cloud, more="gone")
        assert publish(system, a_site(system), ill).startswith("200")
        system.settled(5)
        assert {row[0] for row in shares(tmp_path, "health")} == {"warning"}
        (told,) = system.deliveries(destination="operators")
        assert "is warning" in told["summary"]
        taken = take(system)
        assert [gzip.decompress(one).decode() for one in taken] == [text, ill]
        assert take_over(system, system.folder / "clouds.xml").value["done"] == []
        system.balanced()


def test_three_hundred_kilobytes_go_through_as_they_are(tmp_path: Path) -> None:
    cloud = FakeOpenStack("p", {"vo.example.org": "p1"}, images=9_000)
    with the_clouds(tmp_path) as system, running(cloud):
        take_over(system, system.folder / "clouds.xml")
        text = describe(system, tmp_path, cloud)
        assert publish(system, a_site(system), text).startswith("200")
        (taken,) = take(system)
        assert len(taken) > 300_000
        assert gzip.decompress(taken).decode() == text
        system.settled(1)
        assert shares(tmp_path, "vo, running_vms") == [("vo.example.org", 2)]


def test_hosts_that_nobody_lists_and_topics_of_others_are_refused(tmp_path: Path) -> None:
    with the_clouds(tmp_path) as system:
        take_over(system, system.folder / "clouds.xml")
        stranger, _ = a_host(system, "stranger.example.org")
        asked = {"host": HOST, "cert": str(stranger.certificate), "key": str(stranger.key), "topic": TOPIC, "text": "x"}
        python = client_program("python")
        around = {**os.environ, "REQUESTS_CA_BUNDLE": str(system.authority.certificate), "NO_PROXY": "*"}
        said = subprocess.run(
            [python, "-c", PUBLISHER], input=json.dumps(asked), env=around, capture_output=True, text=True, timeout=60
        )
        assert said.returncode != 0
        assert "not found" in said.stderr
        assert publish(system, a_site(system), "x", "SITE_SITE-B_ENDPOINT_8001G0").startswith("403")


def test_a_feed_cut_short_changes_nothing_and_says_where(tmp_path: Path) -> None:
    with the_clouds(tmp_path) as system:
        feed = (system.folder / "clouds.xml").read_bytes()
        take_over(system, system.folder / "clouds.xml")
        before = system.ask("GET", "/api/manifest")
        for at in range(1, len(feed) - len(b"</results>\n"), 97):
            (tmp_path / "cut.xml").write_bytes(feed[:at])
            said = take_over(system, tmp_path / "cut.xml")
            assert (said.code, "Nothing was changed" in said.err) == (78, True), (at, said.err)
        assert system.ask("GET", "/api/manifest") == before


def test_what_is_no_packed_json_is_told_and_pulled_as_it_came(tmp_path: Path) -> None:
    with the_clouds(tmp_path) as system:
        take_over(system, system.folder / "clouds.xml")
        assert publish(system, a_site(system), "dn: GLUE2ShareID=x").startswith("200")
        assert publish(system, a_site(system), "{}").startswith("200")
        system.settled(2)
        told = sorted(one["summary"] for one in system.deliveries(destination="operators"))
        assert ("no packed JSON" in told[1], "offers no share" in told[0]) == (True, True), told
        assert [gzip.decompress(one) for one in take(system)] == [b"dn: GLUE2ShareID=x", b"{}"]
        system.balanced()


def test_the_calls_of_authns_script_make_bindings_that_log_in_and_import_takes_them_as_they_are(tmp_path: Path) -> None:
    dn = "CN=host/cloud.site-b.example.org,OU=SITE-B,O=hosts+O=GermanGrid,C=DE,DC=org+DC=terena+DC=tcs"
    name, topic = "org-openstack-nova---cloud-site-b-example-org---SITE-B", "SITE_SITE-B_ENDPOINT_8001G0"
    with the_clouds(tmp_path) as system:
        token = system.environ["AMS_BRIDGE_TOKEN"]

        def run_script(dn: str) -> list[list[Any]]:
            asked = {"host": HOST, "token": token, "endpoints": [{"dn": dn, "name": name, "topic": topic}]}
            said = run_client(system, client_program("python"), "-c", SCRIPT, stdin=json.dumps(asked))
            return list(json.loads(said.stdout))

        assert run_script("CN=old,C=DE") == [["find", 404], ["make", 201]]
        assert run_script(dn) == [["find", 404], ["make", 409], ["change", 200]]
        assert run_script(dn) == [["find", 200]]
        pair = system.authority.client(
            (NameOID.DOMAIN_COMPONENT, "org"),
            (NameOID.DOMAIN_COMPONENT, "terena"),
            (NameOID.DOMAIN_COMPONENT, "tcs"),
            (NameOID.COUNTRY_NAME, "DE"),
            (NameOID.ORGANIZATION_NAME, "hosts"),
            (NameOID.ORGANIZATION_NAME, "GermanGrid"),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, "SITE-B"),
            (NameOID.COMMON_NAME, "host/cloud.site-b.example.org"),
        )
        assert publish(system, pair, "{}", topic).startswith("200")
        done = take_over(system, system.folder / "clouds.xml").value["done"]
        assert [what for what in done if "SITE-B" in what or "site-b" in what] == []
        assert publish(system, pair, "{}", topic).startswith("200")
        assert len(take(system, topic)) == 2
