"""Secrets and names of machines and people leave recorded messages, wherever they stand."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.workbench.scrub import Scrubber

KEPT = """
match: {$.site: {ends_with: .cern.ch}, $.ip: {cidr: 10.1.0.0/16}, $.status: CRITICAL, $.host: web0}
url: https://ui.argo.grnet.gr/x
"""
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


def scrubbed(value: Any, kept: str = KEPT) -> Any:
    return Scrubber(kept).value(value)


def packed(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("ce01.x.org, ce02.x.org, CE01.x.org", "host1.example.org, host2.example.org, host1.example.org"),
        ("web.de and db.local", "host1.example.org and host2.example.org"),
        ("from 8.1.2.3 and 8.1.2.3", "from 192.0.2.1 and 192.0.2.1"),
        ("fe80::1%eth0 [2001:4860::1]:80 ::ffff:8.8.8.8", "2001:db8::1%eth0 [2001:db8::2]:80 2001:db8::3"),
        ("ann.smith@uni.example.edu, bob+x@cs.uni.edu", "person1@example.org, person2@example.org"),
        (f"token: {JWT}", "token: scrubbed"),
        (f"got {JWT}", "got jwt-1"),
        ("Authorization: Bearer abc.def-123456789", "Authorization: Bearer scrubbed"),
        ("password=hunter2; api_key: 'k-12345'", "password=scrubbed; api_key: 'scrubbed'"),
        ("https://u:pw@mm.corp.io:8443/hooks/abcdefgh1234567890ijkl?token=x1&a=1", "https://scrubbed@host1.example.org:8443/hooks/random-1?token=scrubbed&a=1"),
        ("http://db1:8080/a", "http://machine1:8080/a"),
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a AKIAIOSFODNN7EXAMPLE", "random-1 random-2"),
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1", "sealed-1"),
        ("123e4567-e89b-12d3-a456-426614174000", "random-1"),
    ],
)  # fmt: skip
def test_telling_words_are_made_up(said: str, told: str) -> None:
    assert Scrubber(KEPT).text(said) == told


def test_a_private_key_is_gone() -> None:
    begin, end = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
    assert Scrubber("").text(f"{begin}\nMII\nabc\n{end}") == f"{begin}scrubbed{end}"


@pytest.mark.parametrize(
    "said",
    [
        "CRITICAL - Socket timeout after 30 seconds",
        "version 2.4.1 of bridge.yaml, README.md and script.py at 10:30:00 on 2026-01-03T08:00:00Z",
        "org.nagios.Ping of eu.egi.CE took 0.02s",
        "status-report-critical-2026-01-03",
        "disk /dev/sda1 is 95% full: /usr/lib/python3/dist-packages",
        "localhost, 127.0.0.1 and ::1",
        "https://ui.argo.grnet.gr/x",
        "aa:bb:cc:dd:ee:ff",
    ],
)
def test_ordinary_words_and_what_rules_name_stay(said: str) -> None:
    assert Scrubber(KEPT).text(said) == said


def test_keys_say_what_names_of_machines_and_people_are() -> None:
    said = {
        "host": "web1",
        "instance": "db-7:9100",
        "labels": {"node": "10.9.2.3"},
        "user": {"login": "ann", "name": "Ann B"},
    }
    assert scrubbed(said) == {
        "host": "machine1",
        "instance": "machine2:9100",
        "labels": {"node": "192.0.2.1"},
        "user": {"login": "person-1", "name": "person-2"},
    }  # fmt: skip


def test_the_short_name_of_a_machine_is_made_up_in_texts_too() -> None:
    said = {
        "summary": "ce01 and web-1 are down, mail too",
        "hostname": "ce01.grid.example.com",
        "host": "web-1",
        "server": "mail",
    }
    assert scrubbed(said)["summary"] == "host1 and machine1 are down, mail too"  # fmt: skip


def test_hosts_within_keys_are_made_up() -> None:
    assert scrubbed({"ce01.x.org": {"8.9.8.7": "up"}}) == {"host1.example.org": {"192.0.2.1": "up"}}


def test_what_a_secret_key_holds_is_gone_however_deep() -> None:
    said = {
        "credentials": {"user": "root", "pins": [1, 2]},
        "token_status": "CRITICAL",
        "api-key": 7,
        "is_private": True,
    }
    assert scrubbed(said) == {
        "credentials": {"user": "scrubbed", "pins": ["scrubbed", "scrubbed"]},
        "token_status": "CRITICAL",
        "api-key": "scrubbed",
        "is_private": True,
    }  # fmt: skip


def test_names_are_made_up_in_the_domains_and_networks_that_rules_look_for() -> None:
    assert scrubbed({"site": "ce7.cern.ch", "ip": "10.1.9.9", "host": "web0"}) == {
        "site": "host1.cern.ch",
        "ip": "10.1.0.1",
        "host": "web0",
    }


def test_json_within_a_text_is_scrubbed_inside() -> None:
    (text,) = scrubbed([json.dumps({"host": "web1", "password": "x"})])
    assert json.loads(text) == {"host": "machine1", "password": "scrubbed"}


@pytest.mark.parametrize("wrap", [lambda body: body, lambda body: gzip.compress(body, mtime=0)])
def test_base64_is_scrubbed_inside(wrap: Any) -> None:
    body = json.dumps({"host": "ce01.x.org", "deep": packed({"password": "hunter2"})}).encode()
    told = base64.b64decode(scrubbed({"payload": base64.b64encode(wrap(body)).decode()})["payload"])
    inside = json.loads(gzip.decompress(told) if told[:2] == b"\x1f\x8b" else told)
    assert inside == {"host": "host1.example.org", "deep": packed({"password": "scrubbed"})}


def test_the_same_word_is_made_up_the_same_in_every_message() -> None:
    scrubber = Scrubber(KEPT)
    first, second = scrubber.value({"host": "ce01.x.org"}), scrubber.value(["see https://ce01.x.org/", "ce01.x.org"])
    assert second == [f"see https://{first['host']}/", first["host"]]


def test_a_url_within_a_url_within_a_url_ends() -> None:
    assert "secret.host.org" not in Scrubber("").text("https://secret.host.org/" * 2000)


@settings(max_examples=80, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=30),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=12,
    ),
    st.sampled_from(["plain", "json", "base64", "url", "text", "key"]),
)
def test_a_secret_host_never_stays_wherever_it_is_put(around: Any, how: str) -> None:
    host = "secret07.inner.example.com"
    value = {
        "plain": host,
        "json": json.dumps({"a": host}),
        "base64": packed({"a": host}),
        "url": f"https://u:p@{host}:1/x",
        "text": f"({host}):",
    }.get(how, how)
    said = {"around": around, "it": value} if how != "key" else {host: around}
    told = json.dumps(scrubbed(said, ""))
    assert "secret07" not in told
    assert packed({"a": host}) not in told  # fmt: skip


def test_a_value_replaced_once_is_replaced_wherever_it_stands() -> None:
    said = {
        "host": "saturn",
        "user": "Anna Schmidt",
        "password": "hunter2",
        "summary": "saturn: login of Anna Schmidt with hunter2 failed",
        "link": "https://ui.argo.grnet.gr/hosts/saturn/users?name=saturn&by=anna%20x",
        "list": ["saturn_cpu", {"saturn": 1, "note": "SATURN is down"}],
        "inner": json.dumps({"text": "on saturn by Anna Schmidt", "more": ["hunter2"]}),
        "packed": packed({"where": "saturn", "who": "Anna Schmidt"}),
        "mail": "saturn.example.net and Anna Schmidt <anna@uni.example.edu>",
    }
    told = json.dumps(scrubbed(said)).lower()
    for word in ("saturn", "anna schmidt", "hunter2", "anna@uni"):
        assert word not in told
    inside = base64.b64decode(scrubbed(said)["packed"]).decode()
    assert "saturn" not in inside
    assert scrubbed(said)["summary"] == "machine1: login of person-1 with scrubbed failed"


def test_what_stands_in_json_within_a_text_is_learnt_from_there() -> None:
    said = {
        "summary": "saturn is down",
        "raw": json.dumps({"host": "saturn", "token": "abcd12ef"}),
        "t": "abcd12ef",
    }
    assert "saturn" not in json.dumps(scrubbed(said))
    assert scrubbed(said)["t"] == "scrubbed"
