"""Completion: what a real shell is offered, and that no command is imported for a list of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.command_line import command

PROGRAM = Path(sys.executable).parent / "ams-bridge"
SCRIPT = """\
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_ams_bridge_completion ams-bridge
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(tmp_path: Path, *typed: str) -> list[str]:
    """What bash offers for the last of the words that were typed."""
    bash = shutil.which("bash")
    if bash is None or not PROGRAM.exists():
        pytest.skip("needs bash, and ams-bridge installed beside the Python that runs the tests")
    made = command("completion", "bash")
    assert (made.code, made.err) == (0, "")
    (tmp_path / "complete").write_text(made.out)
    environ = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    said = subprocess.run(
        [bash, "-c", SCRIPT, "bash", str(tmp_path / "complete"), "ams-bridge", *typed],
        env=environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return said.stdout.split()


def test_a_real_bash_completes_commands_verbs_and_options(tmp_path: Path) -> None:
    assert offered(tmp_path, "del") == ["deliveries"]
    assert offered(tmp_path, "deliveries", "re") == ["replay"]
    assert offered(tmp_path, "deliveries", "list", "--dest") == ["--destination"]
    assert "simulate" in offered(tmp_path, "rules", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_of_its_own(shell: str) -> None:
    said = command("completion", shell)
    assert (said.code, said.err) == (0, "")
    assert f"_AMS_BRIDGE_COMPLETE={shell}_complete" in said.out
    interpreter = shutil.which(shell)
    if interpreter is not None:
        subprocess.run([interpreter, "-n"], input=said.out, text=True, check=True)


def test_another_shell_is_refused_with_those_there_are() -> None:
    said = command("completion", "tcsh")
    assert (said.code, "'bash', 'zsh', 'fish'" in said.err) == (2, True)


def test_completing_commands_imports_none_of_them() -> None:
    script = (
        "import os, sys\n"
        "os.environ['_AMS_BRIDGE_COMPLETE'] = 'bash_complete'\n"
        "os.environ |= {'COMP_WORDS': 'ams-bridge rules s', 'COMP_CWORD': '2'}\n"
        "from bridge.cli.main import main\n"
        "try:\n    main(prog_name='ams-bridge')\nfinally:\n"
        "    print(sorted(one for one in sys.modules if one.startswith(('rich', 'httpx', 'rules', 'broker'))))\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert said.stdout.splitlines() == ["plain,simulate", "plain,schema", "[]"]
