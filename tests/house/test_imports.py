"""Imports run one way; the contracts between rooms stand in pyproject.toml, the one between destinations here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grimp

from bridge.destinations.destination_kinds import KINDS
from tests.house.reading import PACKAGES, ROOT, named


def test_the_import_contracts_hold() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run(
        [lint_imports, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_file_stands_in_a_room() -> None:
    """But for what a plugin imports, and the records that all rooms of the rules share."""
    assert {path.stem for path in (ROOT / "bridge").glob("*.py")} - {"__init__"} == {"plugin"}
    lone = {path.stem for path in (ROOT / "rules").glob("*.py")} - {"__init__"}
    assert lone == {"case", "model", "plugins", "ruleset"}


def test_a_destination_never_imports_another() -> None:
    """Directly or through others: a destination's file is the one that holds its config record."""
    destinations = {kind.config.__module__ for kind in KINDS.values()}
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    crossings = graph.find_illegal_dependencies_for_layers(layers=(destinations,))
    found = [f"{crossing.importer} -> {crossing.imported}" for crossing in crossings]
    assert {"bridge.destinations.inbox", "bridge.destinations.mattermost.webhook"} <= destinations
    assert not found, named(found, "What two destinations share gets a file of its own, named by what it does:")
