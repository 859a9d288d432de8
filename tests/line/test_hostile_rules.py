"""Rules and messages that take as much as they can get: the daemon goes on answering everybody else."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from broker.clock import SystemClock
from tests.line.process import DaemonProcess, a_free_port

TOKEN = "hostile-test-token"
LONGEST_WAIT_S = 4.0
"""Whoever is blocked by a hostile message waits ten seconds and more; the rest is for a busy machine."""
CONFIG = """
server: {{listen: "127.0.0.1:{port}", tls: off, max_body: 4MiB}}
store: sqlite:state/bridge.db
auth: {{service_token: {token}}}
log: {{level: warning, format: json}}
projects: {{P: {{topics: {{ITEMS: {{}}, LOOPS: {{}}, PATHS: {{}}, QUIET: {{}}}}}}}}
destinations:
  box: {{type: inbox}}
"""
LOOP = "{% for i in range(300) %}{% for j in range(300) %}{{ data.s }}{% endfor %}{% endfor %}"
RULES = f"""
rules:
  - name: items
    topic: projects/P/topics/ITEMS
    for_each: "$.alerts[*]"
    match: {{parent..nowhere: {{exists: false}}}}
    when: "data.a == 1"
    send: box
  - name: loops
    topic: projects/P/topics/LOOPS
    text: "{LOOP}"
    title: "{LOOP}"
    fields: {{a: "{LOOP}", b: "{LOOP}", c: "{{{{ range(100000) | groupby('x') }}}}"}}
    send: box
  - name: paths
    topic: projects/P/topics/PATHS
    match:
      $..a..b..nowhere: {{exists: false}}
      $..[?(@.a)]..nowhere: {{exists: false}}
      $.s: {{regex: "(x+x+)+y"}}
    send: box
"""
MESSAGES = {
    "ITEMS": {"alerts": [{"a": 1}] * 60_000},
    "LOOPS": {"s": "x" * 100},
    "PATHS": {"s": "x" * 200_000, "alerts": [{"a": {"b": {"c": [{"a": 1}] * 3}}}] * 10_000},
}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a daemon with these rules."""
    (tmp_path / "rules.d").mkdir()
    (tmp_path / "rules.d" / "hostile.yaml").write_text(RULES)
    config, port = tmp_path / "bridge.yaml", a_free_port()
    config.write_text(CONFIG.format(port=port, token=TOKEN))
    daemon = DaemonProcess(config, cwd=tmp_path)
    daemon.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"x-api-key": TOKEN}, timeout=120) as http:
            yield http
    finally:
        daemon.close()


def publish(client: httpx.Client, topic: str, data: object) -> None:
    wire = base64.b64encode(json.dumps(data).encode()).decode()
    body = {"messages": [{"data": wire, "attributes": {}}]}
    client.post(f"/v1/projects/P/topics/{topic}:publish", json=body).raise_for_status()


def undecided(client: httpx.Client) -> float:
    """How many messages stand before a router, over all topics."""
    found = re.findall(r'ams_bridge_messages\{fate="undecided",[^}]*\} (\S+)', client.get("/metrics").text)
    return sum(map(float, found))


@pytest.mark.parametrize("topic", MESSAGES)
def test_the_daemon_answers_others_while_a_hostile_message_is_decided(client: httpx.Client, topic: str) -> None:
    for _ in range(2):
        publish(client, topic, MESSAGES[topic])
    clock, waits_s = SystemClock(), []
    while undecided(client) or len(waits_s) < 20:
        for ask in (lambda: client.get("/healthz").raise_for_status(), lambda: publish(client, "QUIET", "x")):
            began = clock.monotonic()
            ask()
            waits_s.append(clock.monotonic() - began)
    assert max(waits_s) < LONGEST_WAIT_S


def test_every_hostile_rendering_is_told_in_its_plain_form_and_counts(client: httpx.Client) -> None:
    for _ in range(2):
        publish(client, "LOOPS", MESSAGES["LOOPS"])
    while undecided(client):
        pass
    metrics = client.get("/metrics").text
    assert 'ams_bridge_rule_troubles_total{kind="template_errors",topic="projects/P/topics/LOOPS"} 2.0' in metrics


def test_the_daemon_answers_others_while_thousands_of_rules_are_read(client: httpx.Client, tmp_path: Path) -> None:
    rule = '  - {name: r#, match: {$.site: S#}, text: "**{{ data.host }}** #", send: box}\n'
    many = "".join(rule.replace("#", str(n)) for n in range(5_000))
    (tmp_path / "rules.d" / "many.yaml").write_text(f"topic: projects/P/topics/QUIET\nrules:\n{many}")
    clock, waits_s = SystemClock(), []
    with ThreadPoolExecutor(1) as aside:
        reloading = aside.submit(client.post, "/api/reload")
        while not reloading.done():
            began = clock.monotonic()
            client.get("/healthz").raise_for_status()
            waits_s.append(clock.monotonic() - began)
    assert reloading.result().status_code == 200, reloading.result().text
    assert max(waits_s) < LONGEST_WAIT_S
