"""docs/ams-compatibility.md lists every decision, tag and quirk of the contract, each with tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "ams-compatibility.md"

DECISIONS = [f"D{n}" for n in range(1, 29)]
QUIRKS = [f"Q{n}" for n in range(1, 25)]
TAGS = {
    "keep": [
        "1.2-1",
        "2-1",
        "2-2",
        "2-3",
        "4.2-1",
        "4.3-1",
        "5.1-2",
        "6.1-2",
        "7.3-1",
        "7.3-2",
        "7.4-1",
        "10-1",
        "11.3-1",
    ],
    "fix": [
        *("5-1", "5.1-1", "5.1-4", "7.5-1", "7.6-1", "8.2-1", "8.4-1"),
        *("9.1-1", "9.2-1", "9.2-2", "9.2-3", "9.2-4", "10-2", "11.2-1"),
    ],
    "choice": [
        *("1.4-1", "1.5-1", "4.2-2", "5-2", "5.1-3", "6.1-1", "7.3-3", "7.7-1", "7.7-2"),
        *("8.1-1", "8.3-1", "8.5-1", "12.1-1", "12.1-2"),
    ],
}

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text().splitlines()
    if re.match(r"\| (D\d|Q\d|\d)", line)
]


def test_every_point_of_the_contract_is_listed_once():
    expected = [*DECISIONS, *QUIRKS, *(one for tags in TAGS.values() for one in tags)]
    assert sorted(row[0] for row in ROWS) == sorted(expected)


def test_every_tag_has_its_kind():
    assert {row[0]: row[1] for row in ROWS if len(row) == 4} == {one: kind for kind, ids in TAGS.items() for one in ids}


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_its_tests_exist(row):
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row[-1])
    assert named
    assert len(named) == row[-1].count("::")
    for file, test in named:
        assert test in names_in(ROOT / file), f"{file} has no {test}"


@cache
def names_in(file: Path) -> set[str]:
    module = ast.parse(file.read_text())
    return {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
