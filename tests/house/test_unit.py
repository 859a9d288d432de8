"""The systemd unit: what semantics.md item 18 promises, and what systemd itself says of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.requirements import require_program

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNIT = FOLDER / "ams-bridge.service"
PROGRAM = "/opt/ams-bridge/bin/ams-bridge"
DROP_INS = sorted((FOLDER / "drop-ins").glob("*.conf"))
WORST_EXPOSURE = 2.0
NEEDS_SYSTEMD = {"backoff.conf": 254}


def settings(unit: Path) -> dict[str, list[str]]:
    """Each setting of the unit with its values in order; comments and sections are left out."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if line and line[0] not in "#;[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def an_installed_unit(folder: Path, *drop_ins: Path) -> Path:
    """A copy of the unit whose program exists, with drop-ins beside it; all else is as shipped."""
    program = folder / "ams-bridge"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = folder / UNIT.name
    unit.write_text(UNIT.read_text().replace(PROGRAM, str(program)))
    beside = folder / f"{UNIT.name}.d"
    beside.mkdir()
    for drop_in in drop_ins:
        shutil.copy(drop_in, beside)
    return unit


def a_backup(folder: Path) -> Path:
    """The backup's units beside the installed one, whose program they run."""
    for name in ("ams-bridge-backup.service", "ams-bridge-backup.timer"):
        (folder / name).write_text((FOLDER / name).read_text().replace(PROGRAM, str(folder / "ams-bridge")))
    return folder / "ams-bridge-backup.service"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    analyze = require_program("systemd-analyze", package="systemd")
    return subprocess.run([analyze, *arguments], capture_output=True, text=True, timeout=50, check=False)


def systemd_version() -> int:
    return int(re.findall(r"\d+", run("--version").stdout)[0])


def complaints(unit: Path) -> list[str]:
    """What ``systemd-analyze verify`` says of our own files; units of the machine are not ours to judge."""
    answer = run("verify", "--man=no", "--recursive-errors=no", str(unit))
    ours = [line for line in answer.stderr.splitlines() if "ams-bridge" in line]
    return ours or ([answer.stderr] if answer.returncode else [])


def exposure(unit: Path) -> float:
    answer = run("security", "--offline=true", "--no-pager", str(unit))
    (level,) = re.findall(r"Overall exposure level for ams-bridge[a-z-]*\.service: ([\d.]+)", answer.stdout)
    return float(level)


def test_systemd_finds_nothing_to_say_about_the_unit(tmp_path: Path) -> None:
    assert complaints(an_installed_unit(tmp_path)) == []


def test_a_mistake_in_the_unit_would_be_seen(tmp_path: Path) -> None:
    unit = an_installed_unit(tmp_path)
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    assert any("WatchdogSecs" in line for line in complaints(unit))


@pytest.mark.parametrize("drop_in", DROP_INS, ids=lambda path: path.name)
def test_systemd_finds_nothing_to_say_about_a_drop_in(tmp_path: Path, drop_in: Path) -> None:
    found = complaints(an_installed_unit(tmp_path, drop_in))
    if systemd_version() < NEEDS_SYSTEMD.get(drop_in.name, 0):
        found = [line for line in found if "Unknown key" not in line]  # an older systemd ignores them
    assert found == []


def test_the_unit_exposes_little_even_with_every_drop_in(tmp_path: Path) -> None:
    assert exposure(an_installed_unit(tmp_path, *DROP_INS)) <= WORST_EXPOSURE


def test_the_unit_alone_exposes_little(tmp_path: Path) -> None:
    assert exposure(an_installed_unit(tmp_path)) <= WORST_EXPOSURE


def test_a_bad_bridge_yaml_is_checked_first_and_never_restarted() -> None:
    """RestartPreventExitStatus= sees the main process only, so the check must not be what fails the unit."""
    unit = settings(UNIT)
    assert unit["ExecStartPre"] == [f"-{PROGRAM} check --settings-only"]
    assert unit["ExecStart"] == [f"{PROGRAM} run"]
    assert unit["RestartPreventExitStatus"] == ["78"]


def test_a_crash_is_restarted_without_end() -> None:
    unit = settings(UNIT)
    assert unit["Restart"] == ["on-failure"]
    assert unit["StartLimitIntervalSec"] == ["0"]


def test_readiness_and_life_are_told_by_the_daemon_itself() -> None:
    unit = settings(UNIT)
    assert (unit["Type"], unit["NotifyAccess"]) == (["notify"], ["main"])
    assert unit["WatchdogSec"] == ["30s"]


def test_a_reload_waits_for_what_came_of_it() -> None:
    unit = settings(UNIT)
    assert unit["ExecReload"] == [f"{PROGRAM} reload --pid $MAINPID"]
    assert unit["RuntimeDirectory"] == ["ams-bridge"]


@pytest.mark.parametrize("name", ["ams-bridge-backup.service", "ams-bridge-backup.timer"])
def test_systemd_finds_nothing_to_say_about_the_backup(tmp_path: Path, name: str) -> None:
    an_installed_unit(tmp_path)
    assert complaints(a_backup(tmp_path).with_name(name)) == []


def test_the_backup_exposes_little(tmp_path: Path) -> None:
    an_installed_unit(tmp_path)
    assert exposure(a_backup(tmp_path)) <= WORST_EXPOSURE


def test_the_backup_is_made_by_the_daemons_user_and_kept_for_two_weeks() -> None:
    """Another user's files beside the store would keep the daemon from it."""
    backup, daemon = settings(FOLDER / "ams-bridge-backup.service"), settings(UNIT)
    assert backup["ExecStart"] == [f"{PROGRAM} backup /var/lib/ams-bridge-backup --keep 14"]
    assert (backup["User"], backup["DynamicUser"]) == (["ams-bridge"], daemon["DynamicUser"])
    assert backup["StateDirectory"] == ["ams-bridge ams-bridge-backup"]
    assert set(daemon["LoadCredential"]) <= set(backup["LoadCredential"])
    assert settings(FOLDER / "ams-bridge-backup.timer")["Persistent"] == ["yes"]


def test_a_path_of_a_drop_in_that_is_missing_does_not_keep_the_unit_from_starting() -> None:
    named = [path for drop_in in DROP_INS for line in settings(drop_in).get("ExecPaths", []) for path in line.split()]
    assert named
    assert [path for path in named if not path.startswith("-") and path != "/bin/sh"] == []


def test_the_daemon_writes_in_its_state_folder_and_reads_its_settings() -> None:
    unit = settings(UNIT)
    assert unit["StateDirectory"] == unit["ConfigurationDirectory"] == ["ams-bridge"]
    assert "AMS_BRIDGE_CONFIG=/etc/ams-bridge/bridge.yaml" in unit["Environment"]
    assert unit["ProtectSystem"] == ["strict"]


def test_the_daemon_reaches_the_network() -> None:
    unit = settings(UNIT)
    assert {"AF_INET", "AF_INET6", "AF_UNIX"} <= set(unit["RestrictAddressFamilies"][0].split())
    assert "PrivateNetwork" not in unit


def test_the_unit_alone_holds_no_capability_and_runs_no_other_program() -> None:
    unit = settings(UNIT)
    assert unit["CapabilityBoundingSet"] == unit["AmbientCapabilities"] == [""]
    assert unit["NoExecPaths"] == ["/"]
    assert not {"/bin", "/usr/bin", "/bin/sh"} & set(unit["ExecPaths"][0].split())


def test_a_low_port_needs_its_drop_in() -> None:
    drop_in = settings(FOLDER / "drop-ins" / "port-443.conf")
    assert drop_in["AmbientCapabilities"] == drop_in["CapabilityBoundingSet"] == ["CAP_NET_BIND_SERVICE"]
    assert drop_in["PrivateUsers"] == ["no"]


def test_every_drop_in_is_explained_where_operators_read() -> None:
    page = (FOLDER.parents[1] / "docs" / "operations.md").read_text()
    assert DROP_INS
    assert [drop_in.name for drop_in in DROP_INS if drop_in.name not in page] == []
