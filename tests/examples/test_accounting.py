"""Accounting: real collectors send signed records to the example's daemon over TLS, and each record counts once."""

from __future__ import annotations

import base64
import json
import socket
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.examples.systems import System, a_host, a_system, client_program, run_client

pytestmark = pytest.mark.system("4 Accounting", "auditor-apel-plugin, openssl")

TOPIC = "/v1/projects/ACCOUNTING/topics/gLite-APEL"
RECORDS = "ACCOUNTING/gLite-APEL"
SITE = "the-site-token"
AUDITOR = """
import json, sys
from types import SimpleNamespace
from auditor_apel_plugin.core import build_payload, create_message, send_payload, sign_msg
from auditor_apel_plugin.message import SummaryMessage

asked = json.loads(sys.stdin.read())
config = SimpleNamespace(messaging=SimpleNamespace(**asked["messaging"]))
text = create_message(SummaryMessage(), {"one": asked["summary"]})
print(json.dumps(send_payload(config, build_payload(sign_msg(config, text)))))
"""
SUMMARY = {
    "Site": "SITE-A",
    "Month": 1,
    "Year": 2026,
    "VO": "atlas",
    "SubmitHost": "ce.example.org",
    "Processors": 8,
    "NodeCount": 1,
    "EarliestEndTime": 1767225600,
    "LatestEndTime": 1767300000,
    "WallDuration": 7200,
    "CpuDuration": 6000,
    "NormalisedWallDuration": 72000,
    "NormalisedCpuDuration": 60000,
    "NumberOfJobs": 3,
}


def environment(state: Path) -> dict[str, str]:
    trusted = state / "tls"
    return {"USAGE_DATABASE": f"sqlite:///{state / 'usage.db'}", "TRUSTED_CERTIFICATES": str(trusted)}


def rows(state: Path, what: str = "select record, jobs from usage order by record") -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(state / "usage.db")) as database:
        made = database.execute("select count(*) from sqlite_master").fetchone()[0]
        return database.execute(what).fetchall() if made else [(0,)]


def signed(system: System, text: str) -> bytes:
    """A text as SSM signs it, with openssl."""
    pair, _ = a_host(system)
    words = ["openssl", "smime", "-sign", "-text", "-inkey", str(pair.key), "-signer", str(pair.certificate)]
    return subprocess.run(words, input=text.encode(), capture_output=True, check=True).stdout


def send(system: System, *payloads: bytes, token: str = SITE) -> None:
    messages = [{"data": base64.b64encode(one).decode(), "attributes": {"empaid": "20260101/1"}} for one in payloads]
    system.ask("POST", f"{TOPIC}:publish", {"messages": messages}, token=token)


def inbox(system: System) -> list[str]:
    return [
        system.ask("GET", f"/api/deliveries/{one['id']}")["post"]["text"]
        for one in system.deliveries(destination="desk")
    ]


def a_job(number: int, end: int = 1767225600, wall_s: int = 60) -> str:
    return f"Site: SITE-A\nLocalJobId: {number}\nVO: ops\nEndTime: {end}\nWallDuration: {wall_s}\nCpuDuration: 1\n%%\n"


HEAD = "APEL-individual-job-message: v0.3\n"


def test_records_of_ssm_pass_byte_for_byte_and_count_once(tmp_path: Path) -> None:
    with a_system("accounting", tmp_path, environment(tmp_path)) as system:
        mail = signed(system, (system.folder / "records.txt").read_text())
        send(system, mail)
        send(system, mail)
        system.settled(4)
        pulled = system.ask(
            "POST",
            "/v1/projects/ACCOUNTING/subscriptions/repository:pull",
            {"maxMessages": "10"},
            token="the-repository-token",
        )
        assert [base64.b64decode(one["message"]["data"]) for one in pulled["receivedMessages"]] == [mail, mail]
        late = signed(system, HEAD + a_job(3) + a_job(3, wall_s=90).replace("Site: SITE-A", "Site: SITE-B"))
        send(system, late)
        system.settled(6)
        system.balanced()
    with closing(sqlite3.connect(tmp_path / "usage.db")) as database:
        database.executescript((Path(__file__).parents[2] / "examples" / "accounting" / "sums.sql").read_text())
    summed = rows(tmp_path, "select site, year, month, jobs, wall_s, cpu_s from usage_sums order by 1, 2, 3")
    assert summed == rows(tmp_path, "select * from usage_by_month order by 1, 2, 3")
    assert summed == [
        ("SITE-A", 2026, 1, 2, 3660, 3001),
        ("SITE-A", 2026, 2, 1, 1800, 1700),
        ("SITE-B", 2026, 1, 1, 90, 1),
    ]


def test_what_cannot_be_counted_is_told_and_kept(tmp_path: Path) -> None:
    with a_system("accounting", tmp_path, environment(tmp_path)) as system:
        good = signed(system, HEAD + a_job(1))
        bad = (good.replace(b"LocalJobId: 1", b"LocalJobId: 2"), b"no mail at all", good[: len(good) // 2])
        send(
            system,
            *bad,
            signed(system, HEAD + "Site: SITE-A\nnonsense\n%%\n" + a_job(4) + "LocalJobId: 5\nEndTime: 0\n%%\n"),
        )
        system.settled(9)
        told = inbox(system)
        assert any("the text is not the one that was signed" in text for text in told)
        assert sum("is no signed text" in text for text in told) == 2
        assert any("line 2 of the record" in text for text in told)
        assert any("names no site" in text for text in told)
        kept = system.ask(
            "POST",
            "/v1/projects/ACCOUNTING/subscriptions/refused:pull",
            {"maxMessages": "10"},
            token="the-repository-token",
        )
        as_it_came = [base64.b64decode(one["message"]["data"]) for one in kept["receivedMessages"]]
        assert sorted(as_it_came) == sorted(bad), system.deliveries(destination="refused")
        system.balanced()
    assert [row[0] for row in rows(tmp_path)] == ["job SITE-A  4 1767225600"]


def test_a_megabyte_of_records_and_hundreds_of_publishers(tmp_path: Path) -> None:
    with a_system("accounting", tmp_path, environment(tmp_path)) as system:
        padded = f"GlobalUserName: /DC=org/DC=example/CN={'x' * 800}\n"
        large = signed(system, HEAD + "".join(padded + a_job(number) for number in range(1_000)))
        assert len(large) > 900_000
        send(system, large)
        users = {
            f"host-{number}": {"token": f"token-{number:04}", "projects": {"ACCOUNTING": ["publisher"]}}
            for number in range(300)
        }
        topics = {"gLite-APEL": {"acl": list(users)}}
        manifest = {"projects": {"ACCOUNTING": {"topics": topics}}, "users": users}
        system.ask("POST", "/api/manifest", {"manifest": manifest})
        mail = signed(system, HEAD + a_job(10_000))
        with ThreadPoolExecutor(20) as many:
            list(many.map(lambda user: send(system, mail, token=user["token"]), users.values()))
        pulled = system.ask(
            "POST",
            "/v1/projects/ACCOUNTING/subscriptions/repository:pull",
            {"maxMessages": "1000"},
            token="the-repository-token",
        )["receivedMessages"]
        assert len(pulled) == 301
        assert base64.b64decode(pulled[0]["message"]["data"]) == large
        system.until(lambda: rows(tmp_path, "select count(*) from usage")[0][0], lambda count: count == 1_001)


def test_the_auditor_plugin_logs_in_with_its_certificate_and_its_summaries_are_counted(tmp_path: Path) -> None:
    """The real plugin signs and sends with the real client library, which wants AMS and the login on one host."""
    python = client_program("python")
    host = "127.0.0.2"
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, 443))
    except OSError as error:
        pytest.skip(f"the client library asks for port 443, which is not to be had here: {error.strerror}")
    with a_system("accounting", tmp_path, environment(tmp_path), listen=host) as system:
        pair, subject = a_host(system)
        system.ask("POST", "/api/certificates", {"subject": subject, "user": "site-a"})
        messaging = {
            "host": host,
            "port": 443,
            "client_cert": str(pair.certificate),
            "client_key": str(pair.key),
            "project": "ACCOUNTING",
            "topic": "gLite-APEL",
            "retry": 0,
            "timeout": 20,
        }
        for jobs in (3, 5):  # the same month summarised anew replaces the first word
            asked = json.dumps({"messaging": messaging, "summary": SUMMARY | {"NumberOfJobs": jobs}})
            said = run_client(system, python, "-c", AUDITOR, stdin=asked)
            assert "messageIds" in said.stdout
        system.settled(2)
        system.balanced()
    assert rows(tmp_path, "select site, year, month, vo, jobs, wall_s, signer from usage") == [
        ("SITE-A", 2026, 1, "atlas", 5, 7200, subject)
    ]
