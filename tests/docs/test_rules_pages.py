"""Every YAML block of the documentation is read by the product, and the tests in it pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.importing.alertmanager import convert
from rules.importing.grafana import convert_grafana
from rules.source.places import read_yaml
from rules.source.problems import as_table
from rules.workbench.run_cases import run_cases
from tests.docs.blocks import Block, blocks_of, rules_of, settings_of, world_of
from tests.house.reading import ROOT

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
OURS = [DOCS / "rules.md", DOCS / "from-alertmanager.md"]
"""Pages for people who copy: each block says what it is, and each rule file has tests."""
WITH_BLOCKS = [page for page in PAGES if "```yaml" in page.read_text()]


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: str(page.relative_to(ROOT)))
async def test_every_block_is_read_and_its_tests_pass(page: Path, tmp_path: Path) -> None:
    blocks = list(blocks_of(page))
    assert blocks
    world = await world_of(blocks, tmp_path)
    for block in blocks:
        if block.kind == "settings":
            settings_of(block, tmp_path)
            continue
        if block.kind == "alertmanager":
            convert(block.text)
            continue
        if block.kind == "grafana":
            convert_grafana([(block.name, block.text)])
            continue
        rule_set = rules_of(block, world)
        assert rule_set.warnings == (), f"{block.name}\n{as_table(rule_set.warnings)}"
        for result in run_cases(rule_set, rule_set.cases):
            assert result.passed, f"{block.name} {result.case.name}\n" + "\n".join(result.differences)


@pytest.mark.parametrize("page", OURS, ids=lambda page: page.name)
def test_every_block_says_what_it_is(page: Path) -> None:
    blocks = list(blocks_of(page))
    assert [block.name for block in blocks if block.marked != block.kind] == []
    untested = [block.name for block in blocks if block.kind == "rule file" and not _tests(block)]
    assert untested == []


def test_the_tutorial_ends_with_every_way_of_keeping_quiet_it_spoke_of() -> None:
    last = [block for block in blocks_of(DOCS / "rules.md") if block.kind == "rule file"][-1]
    for key in (
        "key:",
        "resolved:",
        "dedupe:",
        "repeat:",
        "group:",
        "inhibited_by:",
        "not_hours:",
        "silences:",
        "drop:",
    ):
        assert key in last.text


def test_the_rules_and_settings_of_the_migration_page_are_what_the_command_makes() -> None:
    blocks = list(blocks_of(DOCS / "from-alertmanager.md"))
    _, config, rules, settings = blocks
    converted = convert(config.text)
    shown = read_yaml(rules.text, "rules").value
    del shown["tests"]
    assert shown == read_yaml(converted.rules, "rules").value
    assert read_yaml(settings.text, "settings").value == read_yaml(converted.settings, "settings").value
    assert converted.remarks == ()


def test_the_settings_of_the_page_on_grafana_are_what_the_command_makes() -> None:
    policies, settings = blocks_of(DOCS / "from-grafana.md")
    converted = convert_grafana([("grafana.yaml", policies.text)])
    assert read_yaml(settings.text, "settings").value == read_yaml(converted.settings, "settings").value


def _tests(block: Block) -> bool:
    return "\ntests:\n" in block.text
