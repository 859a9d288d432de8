"""Writes docs/rules-reference.md from the code: ``python docs/generate_reference.py``."""

from __future__ import annotations

from pathlib import Path

from rules.workbench.reference_page import reference_page

PAGE = Path(__file__).parent / "rules-reference.md"

if __name__ == "__main__":
    PAGE.write_text(reference_page(), "utf-8")
