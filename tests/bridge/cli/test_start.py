"""What a command imports: what its own work takes, since the rest costs each call a second."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bridge.cli.test_processes import environ
from tests.fakes.command_line import write

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
    assert {"httpx", "bridge.settings.settings_file", "bridge.destinations.mattermost.webhook"} <= found
    assert found & {*DAEMON_ONLY, *RULES_ONLY} == set()


@pytest.mark.parametrize("words", ["ledger", "deliveries list", "silence add"])
def test_the_help_of_a_command_that_asks_the_daemon_reads_no_settings(folder: Path, words: str) -> None:
    assert "bridge.settings.model" not in imported(folder, *words.split(), "--help")


def test_rules_test_imports_nothing_that_only_the_daemon_needs(folder: Path) -> None:
    found = imported(folder, "rules", "test")
    assert "rules.workbench.run_cases" in found
    assert found & set(DAEMON_ONLY) == set()
