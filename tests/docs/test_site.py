"""The site made of these pages: every link leads somewhere, the search knows them, nothing comes from elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from tests.house.reading import ROOT

pytestmark = [pytest.mark.proof, pytest.mark.timeout(300)]

_LEADS = {("a", "href"), ("link", "href"), ("img", "src"), ("script", "src")}
_FETCHED = {("link", "href"), ("img", "src"), ("script", "src")}


class Page(HTMLParser):
    """What a page leads to, what it fetches, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.leads: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = {"", "__skip"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            if value and (tag, name) in _LEADS:
                self.leads.append(value)
            if value and (tag, name) in _FETCHED and dict(attrs).get("rel") != "canonical":
                self.fetched.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make site` builds it: a warning of its builder fails."""
    folder = tmp_path_factory.mktemp("site")
    for command in (("docs/generate_site.py",), ("-m", "mkdocs", "build", "--strict", "--site-dir", folder)):
        built = subprocess.run(
            [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=200, check=False
        )
        assert built.returncode == 0, built.stdout + built.stderr
    return Path(folder)


def pages_of(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text()) for path in site.rglob("*.html") if path.name != "404.html"}


def dead_links(pages: dict[Path, Page]) -> Iterator[str]:
    for path, page in pages.items():
        for link in page.leads:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists() or (target in pages and unquote(parts.fragment) not in pages[target].anchors):
                yield f"{path.name}: {link}"


def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    pages = pages_of(site)
    assert len(pages) > 100
    assert sorted(set(dead_links(pages))) == []


def test_the_site_fetches_nothing_from_elsewhere(site: Path) -> None:
    fetched = {link for page in pages_of(site).values() for link in page.fetched}
    assert [link for link in fetched if urlsplit(link).netloc] == []


def test_the_search_knows_what_stands_on_the_pages(site: Path) -> None:
    (index,) = site.rglob("search_index.json")
    known = {entry["location"]: entry["text"] for entry in json.loads(index.read_text())["docs"]}
    assert "traceparent" in "".join(text for place, text in known.items() if place.startswith("docs/tracing.html"))


def test_each_page_is_on_the_menu_or_in_a_folder_that_is() -> None:
    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    named = str(menu)
    pages = [f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")]
    assert [page for page in pages if page not in named] == [], "add it to nav: in mkdocs.yml"
