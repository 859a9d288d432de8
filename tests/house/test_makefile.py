"""The Makefile says in a sentence what a machine lacks, before it makes anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.reading import ROOT
from tests.house.requirements import require_program


def a_python(folder: Path, first: str) -> Path:
    """A Python that runs the statement ``first`` before everything it is asked to run with ``-c``."""
    python = folder / "python"
    script = f"import sys; {first}; exec(sys.argv[1])"
    python.write_text(f'#!/bin/sh\n[ "$1" = -c ] || exit 99\nexec {sys.executable} -c "{script}" "$2"\n')
    python.chmod(0o755)
    return python


def make(target: str, python: Path | str, venv: Path) -> subprocess.CompletedProcess[str]:
    program = require_program("make", package="make")
    command = [program, "--no-print-directory", target, f"PYTHON={python}", f"VENV={venv}"]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(command, cwd=ROOT, env=outside, capture_output=True, text=True, timeout=50, check=False)


@pytest.mark.parametrize("target", ["demo", "test", "proof"])
def test_an_old_python_is_refused_with_both_versions(tmp_path: Path, target: str) -> None:
    answer = make(target, a_python(tmp_path, "sys.version_info = (3, 9, 2)"), tmp_path / "venv")
    assert answer.returncode != 0
    assert "is version 3.9; ams-bridge needs 3.11 or newer" in answer.stderr
    assert not (tmp_path / "venv").exists()


def test_a_python_without_venv_says_what_to_install(tmp_path: Path) -> None:
    answer = make("demo", a_python(tmp_path, "sys.modules['ensurepip'] = None"), tmp_path / "venv")
    assert answer.returncode != 0
    assert "cannot make virtual environments: apt-get install python3-venv" in answer.stderr
    assert not (tmp_path / "venv").exists()


def test_a_missing_python_says_what_to_install(tmp_path: Path) -> None:
    answer = make("demo", "python3.0", tmp_path / "venv")
    assert answer.returncode != 0
    assert "no python3.0 here: apt-get install python3-venv" in answer.stderr


def test_make_alone_names_every_target() -> None:
    answer = make("help", sys.executable, Path(".venv"))
    targets = [line.split()[1] for line in answer.stdout.splitlines()]
    checks = ["demo", "test", "test-on-trixie", "proof", "chaos", "bench"]
    assert targets == [*checks, "examples", "example-clients", "site", "map", "clean"]


def test_the_tests_on_another_debian_say_what_they_need_before_they_make_anything(tmp_path: Path) -> None:
    script = ROOT / "deploy" / "test-on-debian"
    for name in ("bash", "dirname", "id"):
        (tmp_path / name).symlink_to(require_program(name, package="coreutils"))
    answer = subprocess.run(
        [tmp_path / "bash", script],
        env={"PATH": str(tmp_path), "TREE": str(tmp_path / "tree")},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert answer.returncode == 1
    assert "run it as root" in answer.stderr or "no debootstrap here: apt-get install" in answer.stderr
    assert not (tmp_path / "tree").exists()
