"""The Containerfile, read: nothing is built here, for that needs a builder and an image to begin with."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib

from tests.house.reading import ROOT

TEXT = (ROOT / "Containerfile").read_text()
LINES = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines()


def instructions(word: str) -> list[str]:
    return [line.partition(" ")[2].strip() for line in LINES if line.startswith(f"{word} ")]


def test_the_daemon_is_nobody_and_says_how_it_is() -> None:
    assert instructions("USER") == ["10001:10001"]
    (check,) = instructions("HEALTHCHECK")
    program, option, code = json.loads(check.partition("CMD ")[2])
    assert (program, option) == ("python3", "-c")
    compile(code, "HEALTHCHECK", "exec")
    assert "/healthz" in code
    assert TEXT.index("\nUSER ") < TEXT.index("\nENTRYPOINT ")


def test_every_base_has_a_version() -> None:
    bases = [base.split()[0] for base in instructions("FROM")]
    assert [base for base in bases if not re.fullmatch(r"[a-z]+:\d+(\.\d+)*(-[a-z]+)?", base)] == []


def test_what_is_copied_is_there_and_is_all_that_the_wheel_holds() -> None:
    copied = [word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {*wheel["packages"], *wheel["force-include"], "pyproject.toml", "README.md", "LICENSE"} <= set(copied)


def test_its_commands_can_be_read_and_it_installs_the_pinned_versions() -> None:
    for script in instructions("RUN"):
        answer = subprocess.run(["sh", "-n"], input=script, capture_output=True, text=True, timeout=10, check=False)
        assert answer.returncode == 0, answer.stderr
    assert any("--constraint constraints.txt" in script for script in instructions("RUN"))


def test_nothing_writes_but_into_the_state_folder() -> None:
    assert instructions("VOLUME") == ['["/var/lib/ams-bridge"]']
    assert "PYTHONDONTWRITEBYTECODE=1" in TEXT
