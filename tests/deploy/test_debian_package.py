"""The Debian package: built, installed into a root of its own, upgraded over changed settings, removed and purged.

dpkg runs the package's scripts with ``$DPKG_ROOT`` in place of a chroot, so this needs neither a mirror nor mounts.
What needs a running systemd (start, stop, restart) is left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.reading import ROOT
from tests.house.requirements import require_program

pytestmark = [pytest.mark.proof, pytest.mark.timeout(600)]

UNITS = ("ams-bridge.service", "ams-bridge-backup.service", "ams-bridge-backup.timer")


def run(*command: str | Path, **more: str) -> str:
    """What a command that must succeed says, run as from a shell that knows of no venv."""
    inherited = ("MAKE", "VIRTUAL_ENV", "PYTHONPATH", "PYTEST", "AMS_BRIDGE")
    outside = {name: value for name, value in os.environ.items() if not name.startswith(inherited)} | more
    answer = subprocess.run(command, env=outside, capture_output=True, text=True, timeout=500, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


class Machine:
    """A root with dpkg's records and nothing else."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"):
            (root / folder).mkdir(parents=True)
        for file in ("status", "available", "diversions", "statoverride"):
            (root / "var/lib/dpkg" / file).touch()

    def dpkg(self, *words: str | Path) -> str:
        forced = ("--force-depends", "--force-not-root", "--force-script-chrootless", "--force-confold")
        return run(require_program("dpkg", package="dpkg"), f"--root={self.root}", *forced, *words)

    def path(self, name: str) -> Path:
        return self.root / name

    def ams_bridge(self, *words: str | Path) -> str:
        """Run the installed program where it lies, which is not where it will lie on a machine."""
        start = 'from bridge.cli.main import main; main(prog_name="ams-bridge")'
        return run(self.root / "opt/ams-bridge/bin/python", "-c", start, *words, CREDENTIALS_DIRECTORY=self.secrets)

    @property
    def secrets(self) -> str:
        return str(self.root / "etc/credstore")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_program("dpkg-deb", package="dpkg")
    base = Path(sys.base_prefix) / "bin" / "python3"
    python = base if base.exists() else Path(sys.executable)
    said = run(ROOT / "deploy/debian/build-package", tmp_path_factory.mktemp("packages"), PYTHON=str(python))
    return Path(said.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def newer(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same package as version 99, with a line more in its bridge.yaml."""
    tree = tmp_path_factory.mktemp("newer") / "tree"
    run("dpkg-deb", "--raw-extract", package, tree)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 99."))
    settings = tree / "etc/ams-bridge/bridge.yaml"
    settings.write_text(settings.read_text() + "# of the newer version\n")
    run("dpkg-deb", "--root-owner-group", "--build", tree, tree.parent / "newer.deb")
    return tree.parent / "newer.deb"


@pytest.fixture
def machine(tmp_path: Path, package: Path) -> Machine:
    made = Machine(tmp_path / "root")
    made.dpkg("--install", package)
    return made


def test_the_package_names_nothing_of_the_machine_that_built_it(package: Path, tmp_path: Path) -> None:
    run("dpkg-deb", "--extract", package, tmp_path)
    home = tmp_path / "opt/ams-bridge"
    first = (home / "bin/ams-bridge").read_text().splitlines()[0]
    assert first.startswith("#!/opt/ams-bridge/bin/python")
    left = [
        str(file.relative_to(tmp_path))
        for file in tmp_path.rglob("*")
        if file.is_file() and not file.is_symlink() and str(ROOT).encode() in file.read_bytes()
    ]
    assert left == []
    control = run("dpkg-deb", "--info", package)
    assert f"python3 (>= 3.{sys.version_info.minor}), python3 (<< 3.{sys.version_info.minor + 1})" in control


def test_an_installed_package_has_units_settings_and_secrets_and_its_check_finds_nothing(machine: Machine) -> None:
    for unit in UNITS:
        assert machine.path(f"lib/systemd/system/{unit}").is_file()
    assert machine.path("usr/bin/ams-bridge").readlink() == Path("/opt/ams-bridge/bin/ams-bridge")
    for name in ("service-token", "prometheus-token"):
        secret = machine.path(f"etc/credstore/{name}")
        assert (secret.stat().st_mode & 0o777, len(secret.read_text())) == (0o600, 64)
    settings = machine.path("etc/ams-bridge/bridge.yaml")
    assert "store: sqlite:///var/lib/ams-bridge/bridge.db" in settings.read_text()
    assert "${file:" not in settings.read_text()
    machine.ams_bridge("-c", settings, "check")
    assert "ams-bridge, version" in machine.ams_bridge("--version")
    assert machine.path("usr/share/man/man1/ams-bridge.1.gz").is_file()


def test_an_upgrade_keeps_what_was_changed_and_the_secrets(machine: Machine, newer: Path) -> None:
    settings = machine.path("etc/ams-bridge/bridge.yaml")
    settings.write_text(settings.read_text() + "# mine\n")
    token = machine.path("etc/credstore/service-token")
    before = token.read_text()
    machine.path("etc/credstore/prometheus-token").unlink()  # its source is gone here
    machine.dpkg("--install", newer)
    assert settings.read_text().endswith("# mine\n")
    assert settings.with_name("bridge.yaml.dpkg-dist").read_text().endswith("# of the newer version\n")
    assert token.read_text() == before
    assert not machine.path("etc/credstore/prometheus-token").exists()


def test_removing_leaves_settings_and_state_and_purging_leaves_the_backups_alone(machine: Machine) -> None:
    for folder in ("ams-bridge", "ams-bridge-backup"):
        machine.path(f"var/lib/private/{folder}").mkdir(parents=True)
        (machine.path(f"var/lib/private/{folder}") / "bridge.db").write_text("kept")
    machine.dpkg("--remove", "ams-bridge")
    assert not machine.path("lib/systemd/system/ams-bridge.service").exists()
    assert machine.path("etc/ams-bridge/bridge.yaml").exists()
    assert machine.path("var/lib/private/ams-bridge/bridge.db").exists()
    machine.dpkg("--purge", "ams-bridge")
    left = sorted(str(file.relative_to(machine.root)) for file in machine.root.rglob("*") if file.is_file())
    assert [file for file in left if "dpkg" not in file] == ["var/lib/private/ams-bridge-backup/bridge.db"]
