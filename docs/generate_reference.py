"""Writes the pages that are made from the code, docs/rules-reference.md and docs/api-reference.md."""

from __future__ import annotations

from pathlib import Path

from bridge.control.api_reference import api_reference
from bridge.control.control_openapi import openapi_of
from bridge.control.control_routes import operations
from rules.workbench.reference_page import reference_page

DOCS = Path(__file__).parent

if __name__ == "__main__":
    (DOCS / "rules-reference.md").write_text(reference_page(), "utf-8")
    (DOCS / "api-reference.md").write_text(api_reference(openapi_of(operations(), "")), "utf-8")
