"""What a newcomer and an operator do first: `make demo` in a fresh copy, and installing what a release consists of."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.house.reading import ROOT
from tests.house.requirements import require_program

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]

NOT_IN_A_CLONE = shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis", "build", "dist")


def a_fresh_copy(folder: Path) -> Path:
    return Path(shutil.copytree(ROOT, folder / "checkout", ignore=NOT_IN_A_CLONE))


def run(*command: str | Path, cwd: Path) -> str:
    """The output of a command that must succeed, run as from a shell that knows of no venv and no make."""
    inherited = ("MAKE", "VIRTUAL_ENV", "PYTHONPATH", "PYTEST")
    outside = {name: value for name, value in os.environ.items() if not name.startswith(inherited)}
    answer = subprocess.run(command, cwd=cwd, env=outside, capture_output=True, text=True, timeout=600, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_one_command_in_a_fresh_copy_shows_the_demo_with_books_that_balance(tmp_path: Path) -> None:
    make = require_program("make", package="make")
    shown = run(make, "demo", "ARGS=--once", f"PYTHON={sys.executable}", cwd=a_fresh_copy(tmp_path))
    assert "SITE-A" in shown


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive, as a release has them; the checkout that they are of is gone."""
    folder = tmp_path_factory.mktemp("release")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder / "dist", cwd=a_fresh_copy(folder))
    shutil.rmtree(folder / "checkout")
    return folder / "dist"


@pytest.fixture(scope="module")
def installers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has pipx and uv."""
    environment = tmp_path_factory.mktemp("installers") / "environment"
    run(sys.executable, "-m", "venv", environment, cwd=environment.parent)
    run(environment / "bin" / "pip", "install", "--quiet", "pipx", "uv", cwd=environment.parent)
    return environment / "bin"


def check_installed(program: Path, elsewhere: Path) -> None:
    """It says its version and runs the demo away from any checkout: templates and samples came along."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert version in run(program, "--version", cwd=elsewhere)
    assert "SITE-A" in run(program, "demo", "--once", cwd=elsewhere)


def test_pipx_installs_the_wheel(archives: Path, installers: Path, tmp_path: Path, monkeypatch: Any) -> None:
    for name in ("PIPX_HOME", "PIPX_BIN_DIR", "PIPX_MAN_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    (wheel,) = archives.glob("*.whl")
    run(installers / "pipx", "install", "--quiet", "--python", sys.executable, wheel, cwd=tmp_path)
    check_installed(tmp_path / "PIPX_BIN_DIR" / "ams-bridge", tmp_path)


def test_uv_installs_the_source_archive(archives: Path, installers: Path, tmp_path: Path, monkeypatch: Any) -> None:
    for name in ("UV_TOOL_DIR", "UV_TOOL_BIN_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    (archive,) = archives.glob("*.tar.gz")
    run(installers / "uv", "tool", "install", "--quiet", "--python", sys.executable, archive, cwd=tmp_path)
    check_installed(tmp_path / "UV_TOOL_BIN_DIR" / "ams-bridge", tmp_path)
