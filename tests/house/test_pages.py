"""The front door: licence, changelog, decisions, and links that lead somewhere."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from tests.house.reading import ROOT

APACHE_2_0 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
KINDS_OF_CHANGE = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def without_code(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def test_the_license_is_the_full_text_of_apache_2_0() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2_0


def releases() -> list[tuple[str, str]]:
    """The headings of the changelog: (version, the rest of the line)."""
    return re.findall(r"^## \[([^\]]+)\](.*)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    assert (ROOT / "CHANGELOG.md").read_text().startswith("# Changelog\n")
    assert releases()[0] == ("Unreleased", "")


def test_each_release_in_the_changelog_has_a_version_and_a_date_the_newest_first() -> None:
    released = releases()[1:]
    assert [version for version, _ in released if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []
    assert [version for version, rest in released if not re.fullmatch(r" - \d{4}-\d{2}-\d{2}", rest)] == []
    numbers = [tuple(int(part) for part in version.split(".")) for version, _ in released]
    assert numbers == sorted(numbers, reverse=True)


def test_the_changelog_sorts_changes_by_kind_and_leaves_no_kind_empty() -> None:
    sections = re.split(r"^### ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1:]
    kinds = [section.partition("\n")[0] for section in sections]
    assert [kind for kind in kinds if kind not in KINDS_OF_CHANGE] == []
    assert [section for section in sections if not re.search(r"^- \S", section, flags=re.MULTILINE)] == []


def test_the_package_is_not_older_than_the_newest_release() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert [newest for newest, _ in releases()[1:2] if newest != version] == []


def test_the_page_of_releases_tells_of_each_with_its_day() -> None:
    page = (ROOT / "docs" / "releases.md").read_text()
    told = re.findall(r"^## (\d+\.\d+\.\d+) \((\d{4}-\d{2}-\d{2})\)$", page, flags=re.MULTILINE)
    assert told == [(version, rest.removeprefix(" - ")) for version, rest in releases()[1:]]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
def test_a_decision_is_one_page_of_situation_choice_and_price(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == ["Situation", "Choice", "Price"]
    assert len(text.splitlines()) <= 70


def test_decisions_are_numbered_once_each_in_name_and_title() -> None:
    names = [page.name for page in DECISIONS]
    assert [name for name in names if not re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", name)] == []
    numbers = [int(name[:4]) for name in names]
    assert numbers == sorted(set(numbers))
    titles = [page.read_text().partition(".")[0] for page in DECISIONS]
    assert titles == [f"# {number}" for number in numbers]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text()))
    local = [link.partition("#")[0] for link in links if not re.match(r"[a-z]+:", link) and not link.startswith("#")]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_the_front_page_fits_a_screen_and_names_what_must_be_there() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 80
    assert all(word in text for word in ("python3-venv", "make demo", "make test"))
