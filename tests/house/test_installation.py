"""What a newcomer and an operator do first: `make demo` in a fresh copy, a wheel in an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

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


def test_an_installed_wheel_runs_the_demo_away_from_the_checkout(tmp_path: Path) -> None:
    """Templates and samples must be in the wheel, not merely beside the code."""
    environment, elsewhere = tmp_path / "environment", tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(sys.executable, "-m", "venv", environment, cwd=tmp_path)
    run(environment / "bin" / "pip", "install", "--quiet", a_fresh_copy(tmp_path), cwd=tmp_path)
    shutil.rmtree(tmp_path / "checkout")
    assert "SITE-A" in run(environment / "bin" / "ams-bridge", "demo", "--once", cwd=elsewhere)
