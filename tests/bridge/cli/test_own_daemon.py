"""Commands without an address: they find the daemon of the settings, over TLS by its own certificate."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.command_line import command
from tests.house.reading import ROOT
from tests.line.process import DaemonProcess, a_free_port

PROGRAM = "from bridge.cli.main import main; main(prog_name='ams-bridge')"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of a starter configuration whose daemon runs."""
    assert command("init", str(tmp_path)).code == 0
    config = tmp_path / "bridge.yaml"
    config.write_text(config.read_text().replace("127.0.0.1:8443", f"0.0.0.0:{a_free_port()}"))
    daemon = DaemonProcess(config, cwd=tmp_path)
    try:
        daemon.start()
        yield tmp_path
    finally:
        daemon.close()


def read_all(terminal: int) -> str:
    """What was written to a terminal whose other side is closed."""
    said = b""
    while True:
        try:
            more = os.read(terminal, 65_536)
        except OSError:  # how Linux says that nobody writes any more
            more = b""
        if not more:
            return said.decode()
        said += more


def test_the_starter_configuration_runs_and_is_asked_over_tls(folder: Path) -> None:
    config = ["-c", str(folder / "bridge.yaml")]
    assert command(*config, "publish", "OPS/alerts", "--data", "hello").out == "✓ message 0 published to OPS/alerts\n"
    said = command(*config, "ledger")
    assert (said.code, said.err) == (0, "")
    assert "OPS/alerts 1" in said.words
    assert "✓ everything under projects: exists" in command(*config, "check").out
    refused = command(*config, "--token", "wrong", "ledger")
    assert (refused.code, "HTTP 401" in refused.err) == (1, True)


def test_many_lines_show_their_progress_on_a_terminal(folder: Path) -> None:
    (folder / "events.jsonl").write_text("".join(f'{{"n": {n}}}\n' for n in range(3_000)))
    ours, theirs = pty.openpty()
    words = ["-c", str(folder / "bridge.yaml"), "publish", "OPS/alerts", "--lines", str(folder / "events.jsonl")]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words], env=environ, stdout=subprocess.PIPE, stderr=theirs, text=True
    )
    os.close(theirs)
    shown = read_all(ours)
    out, _ = process.communicate(timeout=30)
    os.close(ours)
    assert (process.returncode, out) == (0, "✓ 3000 messages published to OPS/alerts\n")
    assert "3000 published" in shown
    assert "100%" in shown or "kB" in shown


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["publish", "OPS/alerts"], "give exactly one of --data, --file and --lines"),
        (["publish", "OPS/alerts", "--data", "x", "--file", "y"], "give exactly one of --data, --file and --lines"),
        (["publish", "alerts", "--data", "x"], "is not projects/PROJECT/topics/NAME or PROJECT/NAME"),
        (["publish", "OPS/alerts", "--data", "x", "-a", "vo"], "'vo' is not NAME=VALUE"),
        (["pull", "OPS/archive", "--follow"], "--follow needs --ack"),
        (["deliveries", "list", "--since", "1"], "it has no unit; write 1s for seconds"),
        (["deliveries", "drop", "--yes"], "name deliveries by ID, or choose them"),
        (["silence", "add", "rule=x", "--why", "y"], "either --for or --until"),
        (["send", "team"], "give the text with --text or --file"),
        (["user", "create", "ann", "--role", "publisher"], "--role needs --project"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anybody_is_asked(words: list[str], text: str) -> None:
    said = command(*words, "--url", "http://127.0.0.1:9", "--token", "x")
    assert said.code == 2
    assert text in " ".join(said.err.replace("│", " ").split())
