"""``ams-bridge reload``: over the API, and by the signal that the unit sends; a refused reload fails."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.core.reload_report import REPORT_FILE
from tests.fakes.command_line import Said, ask, command, write
from tests.line.process import DaemonProcess, a_free_port
from tests.line.stage import a_stage

GOOD = "rules: [{name: all, topic: projects/P/topics/T, text: x, send: box}]\n"
BAD = "rules: [{name: all, topic: projects/P/topics/T, text: '{{', send: nowhere}]\n"
SETTINGS = """
server: {{listen: "127.0.0.1:{port}", tls: off}}
store: sqlite:state/bridge.db
auth: {{service_token: t}}
projects: {{P: {{topics: {{T: {{}}}}}}}}
destinations: {{box: {{type: inbox}}}}
"""


class Place:
    """A daemon in a process of its own, with a runtime folder as systemd makes one."""

    def __init__(self, folder: Path) -> None:
        self.runtime = folder / "run"
        self.runtime.mkdir()
        files = {"bridge.yaml": SETTINGS.format(port=a_free_port()), "rules.d/rules.yaml": GOOD}
        self.config = write(folder, files)
        self.rules = folder / "rules.d" / "rules.yaml"
        self.daemon = DaemonProcess(self.config, cwd=folder)
        self.daemon.start(RUNTIME_DIRECTORY=str(self.runtime))

    def reload(self, *words: str) -> Said:
        return command("reload", "--pid", str(self.daemon.pid), *words, env={"RUNTIME_DIRECTORY": str(self.runtime)})


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.daemon.close()


def test_a_signal_waits_for_its_reload_and_fails_when_that_is_refused(place: Place) -> None:
    done = place.reload("--json")
    assert done.code == 0
    place.rules.write_text(BAD)
    refused = place.reload()
    assert refused.code == 1
    assert "the reload was refused, everything stays as it was" in refused.err
    assert f"{place.rules}:1:" in refused.err
    place.daemon.hear(b"the last reload was refused")
    place.rules.write_text(GOOD)
    assert place.reload("--json").value["version"] == done.value["version"]


def test_a_reload_of_long_ago_is_not_taken_for_the_one_asked_for(place: Place) -> None:
    assert place.reload().code == 0
    report = json.loads((place.runtime / REPORT_FILE).read_text())
    assert place.reload().code == 0
    assert json.loads((place.runtime / REPORT_FILE).read_text())["begun_s"] > report["begun_s"]


def test_a_process_that_is_gone_and_a_missing_folder_are_told(place: Place) -> None:
    pid = place.daemon.pid
    without = command("reload", "--pid", str(os.getpid()), env={"RUNTIME_DIRECTORY": ""})
    assert (without.code, "$RUNTIME_DIRECTORY" in without.err) == (1, True)
    assert place.daemon.stop() == 0
    gone = command("reload", "--pid", str(pid), env={"RUNTIME_DIRECTORY": str(place.runtime)})
    assert (gone.code, f"process {pid} does not run" in gone.err) == (1, True)


async def test_without_a_process_the_daemon_is_asked_over_its_api(tmp_path: Path) -> None:
    rules = GOOD.replace("box", "inbox")
    async with a_stage(tmp_path, rules, "  inbox: {type: inbox}", store="memory") as stage:
        done = await ask(stage, "reload")
        assert (done.code, "is in force" in done.out) == (0, True)
        (tmp_path / "rules.d" / "rules.yaml").write_text(BAD)
        refused = await ask(stage, "reload")
    assert refused.code == 1
    assert "rules.yaml:1:" in refused.err
