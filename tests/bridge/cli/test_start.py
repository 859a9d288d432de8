"""What a command imports: what its own work takes, since the rest costs each call a second."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bridge.cli import command_tree
from tests.bridge.cli.test_processes import environ
from tests.fakes.command_line import write
from tests.line.process import DaemonProcess, a_free_port

SETTINGS = """\
server: {listen: "127.0.0.1:1", tls: self-signed}
store: sqlite:state/bridge.db
destinations:
  team: {type: mattermost, url: "http://127.0.0.1:1/hooks/x", channel: team}
sources:
  prometheus: {type: alertmanager, topic: projects/P/topics/T, token: secret}
rules: rules.d
"""
RULE = "rules:\n- name: all\n  topic: projects/P/topics/T\n  send: {to: team, title: x}\n"
DAEMON_ONLY = ("aiohttp", "uvicorn", "starlette", "prometheus_client", "cryptography.x509", "sqlite3")
RULES_ONLY = ("jinja2", "rules.ruleset", "rules.conditions.conditions")
SETTINGS_ONLY = ("pydantic", "bridge.settings.settings_file", "structlog", "asyncio")
NOT_FOR_HELP = (*DAEMON_ONLY, *RULES_ONLY, *SETTINGS_ONLY, "httpx", "yaml", "jsonschema", "markdown_it", "pygments")
NOT_AT_REST = (
    "aiohttp", "attr", "cryptography", "fastavro", "jsonpath_ng", "jsonschema", "markdown_it", "opentelemetry",
    "pygments", "re2", "rich", "sqlite_utils", "standardwebhooks",
)  # fmt: skip
MOST_MODULES_AT_REST = 1180
"""Two fifths are the daemon's own. Lower it when a start imports less; raise it only for what every daemon needs."""
HELP = """
import os, sys
from bridge.cli.main import main
for words in {commands!r}:
    read, write = os.pipe()
    if os.fork() == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            main([*words, "--help"], standalone_mode=False)
        finally:
            os.write(write, " ".join(sys.modules).encode())
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        print(" ".join(words), ":", told.read(), flush=True)
"""
"""Asks for the help of each command in a process of its own, and tells what each imported."""
RUN = """
import sys
from bridge.cli.main import main
from bridge.core import systemd
ready = systemd.NotifySocket.notify_ready
def tell(self, status=""):
    open("modules", "w").write(" ".join(sys.modules))
    return ready(self, status)
systemd.NotifySocket.notify_ready = tell
main(["--config", sys.argv[1], "run"])
"""
"""Runs the daemon, and writes down what is imported when it is ready."""
SMALL = """
server: {{listen: "127.0.0.1:{port}", tls: off}}
store: sqlite:state/bridge.db
auth: {{service_token: secret}}
projects: {{P: {{topics: {{T: {{}}}}, subscriptions: {{archive: {{topic: T}}}}}}}}
sources: {{prometheus: {{type: alertmanager, topic: projects/P/topics/T, token: word}}}}
destinations:
  hook: {{type: webhook, url: "http://127.0.0.1:9/x"}}
  team: {{type: mattermost, url: "http://127.0.0.1:9/hooks/x"}}
"""
RULES = """
topic: projects/P/topics/T
rules:
  - name: alerts
    match: {$.status: {not: OK}, $.labels.severity: critical}
    key: "{{ data.host }}"
    template: argo/status
    send: [hook, team]
"""


def imported(folder: Path, *words: str) -> set[str]:
    """The modules that are there when a command with the settings in ``folder`` has ended, however it did."""
    script = (
        "import sys\nfrom bridge.cli.main import main\n"
        f"try:\n    main({list(words)!r})\nfinally:\n    print('\\n' + ' '.join(sys.modules))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environ(), capture_output=True, text=True, check=False
    )
    return set(said.stdout.splitlines()[-1].split())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, {"bridge.yaml": SETTINGS, "rules.d/all.yaml": RULE})
    return tmp_path


@pytest.mark.parametrize("words", ["ledger", "deliveries list", "silence list", "topic list P", "tail P/T"])
def test_a_command_that_asks_the_daemon_imports_nothing_that_only_daemon_or_rules_need(
    folder: Path, words: str
) -> None:
    found = imported(folder, *words.split())
    assert {"httpx", "bridge.settings.reach_settings"} <= found
    assert found & {*DAEMON_ONLY, *RULES_ONLY, *SETTINGS_ONLY} == set()


def test_help_of_no_command_imports_what_only_its_work_needs(folder: Path) -> None:
    script = HELP.format(commands=[path.split() for path in command_tree.TREE])
    said = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    told = dict(line.split(": ", 1) for line in said.stdout.splitlines())
    assert len(told) == len(command_tree.TREE)
    unwanted = {words: found for words, names in told.items() if (found := {*names.split()} & {*NOT_FOR_HELP})}
    assert unwanted == {}


def test_a_daemon_at_rest_has_imported_only_what_its_settings_ask_for(tmp_path: Path) -> None:
    write(tmp_path, {"bridge.yaml": SMALL.format(port=a_free_port()), "rules.d/rules.yaml": RULES})
    process = DaemonProcess(tmp_path / "bridge.yaml", cwd=tmp_path, prelude=RUN)
    try:
        process.start()  # the first start makes the store, with what that takes
        assert process.stop() == 0
        process.start()
        found = {*(tmp_path / "modules").read_text().split()}
        assert process.stop() == 0
    finally:
        process.close()
    assert found & {*NOT_AT_REST} == set()
    assert len(found) <= MOST_MODULES_AT_REST


@pytest.mark.parametrize("words", ["ledger", "deliveries list", "silence add"])
def test_the_help_of_a_command_that_asks_the_daemon_reads_no_settings(folder: Path, words: str) -> None:
    assert "bridge.settings.model" not in imported(folder, *words.split(), "--help")


def test_rules_test_imports_nothing_that_only_the_daemon_needs(folder: Path) -> None:
    found = imported(folder, "rules", "test")
    assert "rules.workbench.run_cases" in found
    assert found & set(DAEMON_ONLY) == set()
