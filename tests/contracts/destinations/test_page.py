"""docs/destinations.md says what the settings are and what the services were seen to answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from bridge.contract.observed_trials import observe_trials, outcome_table
from bridge.destinations.destination_kinds import KINDS
from tests.contracts.destinations.openers import OPENERS
from tests.contracts.destinations.page import PAGE, in_place, marks, settings_table

ANEW = "python -m tests.contracts.destinations.page writes the tables anew"


def test_the_page_has_a_section_and_its_tables_for_every_kind() -> None:
    page = PAGE.read_text()
    wanted = {("settings", kind) for kind in ("all", *KINDS)} | {("outcomes", kind) for kind in KINDS}
    assert marks(page) == wanted - {("settings", "inbox"), ("outcomes", "inbox")}
    assert re.findall(r"^## `(\w+)`", page, flags=re.MULTILINE) == sorted(KINDS)


@pytest.mark.parametrize("kind", ["all", *sorted(KINDS)])
def test_the_settings_on_the_page_are_those_of_the_record(kind: str) -> None:
    page = PAGE.read_text()
    assert in_place(page, {("settings", kind): settings_table(kind)}) == page, ANEW


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_the_outcomes_on_the_page_are_those_that_were_seen(kind: str, tmp_path: Path) -> None:
    page = PAGE.read_text()
    seen = await observe_trials(OPENERS[kind], tmp_path)
    assert in_place(page, {("outcomes", kind): outcome_table(seen)}) == page, ANEW


def examples() -> list[tuple[str, str]]:
    """The settings shown on the page, each with the heading it stands under."""
    return re.findall(r"^## `(\w+)`.*?```yaml\n(.*?)```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("kind", "example"), examples(), ids=lambda one: one if len(one) < 20 else "")
def test_an_example_on_the_page_is_right(kind: str, example: str, tmp_path: Path) -> None:
    (settings,) = yaml.safe_load(re.sub(r"\$\{[^}]+\}", "https://example.org/secret", example)).values()
    if kind == "apprise":
        settings["url"] = "json://example.org"
    if kind == "database":
        settings["url"] = "sqlite:////tmp/x.db"
    assert settings["type"] == kind
    KINDS[kind].config.model_validate(settings)


def test_every_kind_has_an_example() -> None:
    assert [kind for kind, _ in examples()] == sorted(KINDS)
