"""Every example passes ``check`` and its own tests, and its page says what to type."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.examples.running import EXAMPLES, asked_of_the_environment, environment_of
from tests.fakes.command_line import Said, command
from tests.house.reading import ROOT
from tests.house.test_commands import commands_of, mistakes

LONGEST_PAGE = 50
FILES = re.compile(r"(?:--lines|--file|@)\s?([\w-]+\.jsonl?)")
every_example = pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)


def ask(folder: Path, state: Path, *words: str) -> Said:
    return command("-c", str(folder / "bridge.yaml"), *words, env=environment_of(folder, state))


@every_example
def test_it_passes_check_without_a_warning(folder: Path, tmp_path: Path) -> None:
    said = ask(folder, tmp_path, "check", "--strict", "--json")
    assert said.code == 0, said.err
    assert (said.value["ok"], said.value["problems"], said.value["warnings"]) == (True, [], [])


@every_example
def test_its_own_tests_pass(folder: Path, tmp_path: Path) -> None:
    said = ask(folder, tmp_path, "rules", "test", "--json")
    assert said.code == 0, said.out + said.err
    assert said.value["passed"] >= 1


@every_example
def test_its_page_fits_a_screen_and_names_what_exists(folder: Path) -> None:
    page = (folder / "README.md").read_text()
    assert len(page.splitlines()) <= LONGEST_PAGE
    assert [mistake for words, options in commands_of(page) for mistake in mistakes(words, options)] == []
    assert [name for name in FILES.findall(page) if not (folder / name).is_file()] == []
    links = re.findall(r"\]\(([^)\s]+)\)", page)
    assert [link for link in links if ":" not in link and not (folder / link).exists()] == []


@every_example
def test_its_page_sets_every_variable_that_its_settings_ask_for(folder: Path) -> None:
    page = (folder / "README.md").read_text()
    assert [name for name in asked_of_the_environment(folder) if f"{name}=" not in page] == []


def test_the_republishing_chain_is_one_rule_file_of_at_most_twenty_lines() -> None:
    (path,) = (ROOT / "examples" / "argo-republish" / "rules.d").glob("*.yaml")
    text = path.read_text()
    assert len(text.splitlines()) <= 20
    assert "\ntests:\n" in text


def test_the_index_lists_every_example() -> None:
    index = (ROOT / "examples" / "README.md").read_text()
    folders = [path.name for path in (ROOT / "examples").iterdir() if (path / "README.md").is_file()]
    assert set(folders) > {folder.name for folder in EXAMPLES}  # a package is an example too
    assert [name for name in folders if f"]({name}/" not in index] == []
