"""A file that a docstring, a comment or a page names is there: after a move the words move along."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.reading import ROOT, named, sources

FOLDERS = ("bridge", "broker", "rules", "tests", "docs", "benchmarks", "examples")
FILES = {path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
PAGES = [
    page
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.md"))
    if page.name != "CHANGELOG.md"
]
NO_FILES = re.compile(r"NAME|(?:^|/)(?:utils|helpers|alerts_format)\.py")
"""Patterns of names, names that are there to say that no file has them, and programs of others."""


def is_there(name: str) -> bool:
    """Whether a file has this path, or one that ends so."""
    return any(file == name or file.endswith(f"/{name}") for file in FILES)


def missing(text: str, pattern: str) -> list[str]:
    return [name for name in re.findall(pattern, text) if not is_there(name) and not NO_FILES.search(name)]


def test_the_files_that_the_code_names_are_there() -> None:
    in_code = r"(?<![\w/*.-])((?:\w+/)*\w+\.py)\b"
    gone = [f"{one.name}: {name}" for one in sources() for name in missing(one.text, in_code)]
    assert not gone, named(gone, "These files have other names now:")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    gone = missing(page.read_text(), r"`((?:\w+/)*\w+\.py)\b")
    assert not gone, named(gone, f"{page} names files that have other names now:")
