"""The front page of the documentation leads to every other page."""

from __future__ import annotations

from tests.house.reading import ROOT

DOCS = ROOT / "docs"


def test_every_page_is_listed() -> None:
    index = (DOCS / "index.md").read_text()
    pages = [path.name for path in sorted(DOCS.glob("*.md")) if path.name != "index.md"]
    assert [page for page in pages if f"]({page})" not in index] == [], "add a line to docs/index.md"
