"""Lays out the pages for the site: as in the checkout, so that every link between them leads to the same place.

``python docs/generate_site.py`` writes ``build/site-pages``, of which ``mkdocs.yml`` makes the site (``make site``). A
link to a folder leads to the folder's README, or to a page made here that lists what lies in it.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "build" / "site-pages"
_FOLDERS = ("docs", "examples")
_SHOWN = {".md", ".png", ".svg", ".yaml", ".yml", ".csv", ".json", ".jsonl", ".sh", ".conf", ".txt", ".j2", ".ics"}
_LINK = re.compile(r"(\]\()([^)\s:#]+/|[^)\s:#.]+|\.{2}(?:/[^)\s:#.]+)+)(#[^)\s]*)?(\))")
_CODE = re.compile(r"(```.*?```)", re.DOTALL)


def lay_out() -> None:
    """Write the folder anew."""
    shutil.rmtree(PAGES, ignore_errors=True)
    for source in _sources():
        target = PAGES / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    for folder in sorted(path for path in PAGES.rglob("*") if path.is_dir()):
        if list(folder.glob("*.md")) and not (folder / "README.md").exists() and not (folder / "index.md").exists():
            (folder / "index.md").write_text(_list_of(folder))
    for page in PAGES.rglob("*.md"):
        page.write_text("".join(_lead(part, page) for part in _CODE.split(page.read_text())))


def _sources() -> list[Path]:
    found = [*ROOT.glob("*.md"), ROOT / "LICENSE"]
    for name in _FOLDERS:
        found += [path for path in (ROOT / name).rglob("*") if path.is_file() and path.suffix in _SHOWN]
    return found


def _list_of(folder: Path) -> str:
    """A page that names the pages of a folder by their titles."""
    titles = {page: page.read_text().partition("\n")[0].removeprefix("# ") for page in sorted(folder.glob("*.md"))}
    lines = "\n".join(f"- [{title}]({page.name})" for page, title in titles.items())
    return f"# {folder.name.replace('-', ' ').capitalize()}\n\n{lines}\n"


def _lead(text: str, page: Path) -> str:
    """The text with links to folders leading to a page in them; code stays as it is."""
    if text.startswith("```"):
        return text

    def to_page(link: re.Match[str]) -> str:
        folder = page.parent / link[2]
        first = next((name for name in ("README.md", "index.md") if (folder / name).is_file()), None)
        return link[0] if first is None else f"{link[1]}{link[2].rstrip('/')}/{first}{link[3] or ''}{link[4]}"

    return _LINK.sub(to_page, text)


if __name__ == "__main__":
    lay_out()
