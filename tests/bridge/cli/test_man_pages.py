"""Manual pages: made of the command tree, complete, taken by groff without a warning; and ``python -m bridge.cli``."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from bridge.cli.command_context import global_options
from bridge.cli.main import COMMANDS
from tests.bridge.cli.command_tree import LEAVES
from tests.fakes.command_line import command
from tests.house.reading import ROOT

GLOBAL = {option.name for option in global_options()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("man")
    said = command("man", str(folder / "man1"))
    assert (said.code, said.err) == (0, "")
    return folder / "man1"


def plain(page: Path) -> str:
    """A page without its marks."""
    text = re.sub(r"\\f[BIR]", "", page.read_text())
    return text.replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")


def test_there_is_a_page_for_the_program_and_for_each_of_its_commands(written: Path) -> None:
    assert {page.name for page in written.iterdir()} == {"ams-bridge.1", *(f"ams-bridge-{name}.1" for name in COMMANDS)}
    program = plain(written / "ams-bridge.1")
    assert [name for name in COMMANDS if f"ams-bridge {name}\n" not in program] == []
    assert [one.opts[-1] for one in global_options() if one.opts[-1] not in program] == []


@pytest.mark.parametrize("path", LEAVES)
def test_each_command_stands_on_its_page_with_every_option_and_argument(written: Path, path: str) -> None:
    leaf = LEAVES[path]
    page = plain(written / f"ams-bridge-{path.split()[0]}.1")
    assert f"ams-bridge {path}" in page
    context = click.Context(leaf)
    for parameter in leaf.params:
        if isinstance(parameter, click.Argument):
            assert parameter.make_metavar(context) in page
        elif parameter.name not in GLOBAL:
            for name in [*parameter.opts, *parameter.secondary_opts]:
                assert re.search(rf"(?<![\w-]){name}(?![\w-])", page), name
            assert isinstance(parameter, click.Option)
            assert " ".join((parameter.help or "").replace("`", "").split()) in page


def test_groff_takes_every_page_without_a_warning(written: Path) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("needs groff: apt-get install groff")
    for page in sorted(written.iterdir()):
        said = subprocess.run(
            [groff, "-man", "-Tutf8", "-ww", "-z", str(page)], capture_output=True, text=True, check=False
        )
        assert (said.returncode, said.stderr) == (0, ""), page.name


def test_pages_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = command("man", str(tmp_path / "file" / "man1"))
    assert (said.code, "cannot write to" in said.err) == (1, True)


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["deliveries", "--help"], ["deliveriez"]])
def test_python_m_bridge_is_the_command(words: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bridge.cli", *words], cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "80"},
    )  # fmt: skip
    said = command(*words, env={"COLUMNS": "80"})
    assert (run.returncode, solid(run.stdout), solid(run.stderr)) == (said.code, solid(said.out), solid(said.err))


def solid(text: str) -> str:
    """A text without blanks: lines are broken elsewhere in a test."""
    return "".join(text.split())
