"""Where a page says which test holds a sentence, that test is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.reading import ROOT, named

PAGES = (ROOT / "docs" / "architecture.md", ROOT / "SECURITY.md")


def named_tests(page: Path) -> list[tuple[str, str]]:
    """Each test that a page names, with the file that stands before it."""
    found, file = [], ""
    for path, name in re.findall(r"`(?:([\w/]+\.py)|(test_\w+))`", page.read_text()):
        file = path or file
        if name:
            found.append((file, name))
    return found


def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_test_that_a_page_names_is_there(page: Path) -> None:
    promised = named_tests(page)
    assert len(promised) > 10
    gone = [f"{path} {name}" for path, name in promised if name not in functions_of(path)]
    assert not gone, named(gone, f"{page.name} says that these hold it:")


def test_every_row_of_the_tables_of_crashes_and_defences_names_what_holds_it() -> None:
    crashes = PAGES[0].read_text().partition("## What a crash costs")[2].partition("\n## ")[0]
    defences = PAGES[1].read_text().partition("## What is defended")[2].partition("\n## ")[0]
    rows = [line for table in (crashes, defences) for line in table.splitlines() if line.startswith("| ")]
    rows = [row for row in rows if not row.startswith(("| When", "| Whom"))]
    assert len(rows) > 25
    bare = [row for row in rows if not re.search(r"`test_\w+`", row)]
    assert not bare, named(bare, "rows that name no test:")
