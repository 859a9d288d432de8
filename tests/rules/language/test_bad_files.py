"""Each bad file lies beside the exact text that a person reads about it."""

from pathlib import Path

import pytest

from rules.language.read import read_rules
from rules.source.problems import ProblemsFound
from tests.fakes.rule_sets import a_world

BAD = Path(__file__).parents[2] / "data" / "rules" / "bad"
FILES = sorted(BAD.glob("*.yaml"))


def what_is_said(file: Path) -> str:
    with pytest.raises(ProblemsFound) as found:
        read_rules([(file.name, file.read_text())], a_world())
    return f"{found.value}\n"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_bad_file_is_answered_with_every_problem_and_its_place(file):
    assert what_is_said(file) == file.with_suffix(".txt").read_text()


def test_there_are_at_least_forty_of_them():
    assert len(FILES) >= 40


def test_problems_of_several_files_come_together_in_order():
    files = [(name, (BAD / name).read_text()) for name in ("unknown-operator.yaml", "rule-without-send.yaml")]
    with pytest.raises(ProblemsFound) as found:
        read_rules(files, a_world())
    named = [problem.place.file for problem in found.value.problems]
    assert named == sorted(named)
    assert set(named) == {"rule-without-send.yaml", "unknown-operator.yaml"}
