"""Commands that are a process of their own: the demo, the daemon, a stand-in server."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.house.reading import ROOT

PROGRAM = "from bridge.cli.main import main; main(prog_name='ams-bridge')"


def words(*said: str) -> list[str]:
    return [sys.executable, "-c", PROGRAM, *said]


def environ(**more: str) -> dict[str, str]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith("AMS_BRIDGE")}
    return {**outside, "PYTHONPATH": str(ROOT), "COLUMNS": "120", **more}


def finished(*said: str, cwd: Path, timeout_s: float = 50.0) -> subprocess.CompletedProcess[str]:
    """A command that ends of itself."""
    return subprocess.run(
        words(*said), cwd=cwd, env=environ(), capture_output=True, text=True, timeout=timeout_s, check=False
    )


@contextmanager
def begun(*said: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A command that runs until it is told to stop."""
    process = subprocess.Popen(
        words(*said), cwd=cwd, env=environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_the_demo_runs_every_sample_through_and_the_books_balance(tmp_path: Path) -> None:
    ended = finished("demo", "--once", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "🔴 SITE-A is CRITICAL 🔴" in ended.stdout
    assert "✓ the books balance" in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_demo_for_programs_is_one_json_value(tmp_path: Path) -> None:
    ended = finished("demo", "--once", "--json", cwd=tmp_path)
    said = json.loads(ended.stdout)
    assert said["balanced"] is True
    assert said["ledger"][0]["messages"]["received"] == 60
    assert len(said["posts"]) == said["ledger"][0]["sends"]["delivered"]
    assert said["posts"][0]["text"].startswith(":large_green_circle: **SITE-A** is OK")


def test_the_demo_goes_on_until_it_is_interrupted(tmp_path: Path) -> None:
    with begun("demo", cwd=tmp_path) as process:
        assert process.stdout is not None
        told = []
        while not any("is OK" in line for line in told):
            told.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert "✓ the books balance" in rest


def test_the_demo_says_where_to_look_and_takes_an_alert_of_ones_own(tmp_path: Path) -> None:
    with begun("demo", cwd=tmp_path) as process:
        assert process.stdout is not None
        line = ""
        while " publish " not in line:
            line = process.stdout.readline()
        _, *words = shlex.split(line)
        published = finished(*words, cwd=tmp_path)
        while "MY-SITE is CRITICAL" not in line:
            line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert (published.returncode, process.returncode) == (0, 0)


def test_run_with_bad_settings_leaves_with_78_and_names_every_problem(tmp_path: Path) -> None:
    (tmp_path / "bridge.yaml").write_text("sever: {}\nstore: 3\n")
    ended = finished("run", cwd=tmp_path)
    assert ended.returncode == 78
    assert [line.split()[0] for line in ended.stderr.splitlines()] == ["bridge.yaml:1:1", "bridge.yaml:2:8"]
    assert 'did you mean "server"?' in ended.stderr


def test_a_stand_in_mattermost_prints_what_is_posted(tmp_path: Path) -> None:
    with begun("fake", "mattermost", "--port", "0", "--json", cwd=tmp_path) as process:
        assert process.stdout is not None
        where = json.loads(process.stdout.readline())
        answer = httpx.post(where["hook_url"], json={"text": "hello :fire:"}, trust_env=False)
        assert (answer.status_code, answer.text) == (200, "ok")
        assert json.loads(process.stdout.readline())["text"] == "hello :fire:"


def test_help_is_short_to_come_and_names_every_command(tmp_path: Path) -> None:
    ended = finished("--help", cwd=tmp_path)
    assert ended.returncode == 0
    assert "Begin with `ams-bridge demo`" in ended.stdout
    assert finished("no-such-command", cwd=tmp_path).returncode == 2
