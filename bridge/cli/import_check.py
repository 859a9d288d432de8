"""Proof that what an import wrote loads: settings, destinations, rules and tests, before anybody relies on them."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.cli.loading import facts_now
from bridge.routing.rule_files import rules_of, world_of
from bridge.settings.settings_file import read_settings
from rules.importing.alertmanager import Converted
from rules.ruleset import RuleSet
from rules.source.problems import ProblemsFound
from rules.workbench.run_cases import run_cases

_REFERENCE: Final = re.compile(r"(?:(url|host|port): \"?)?\$\{(env|credential|file):[^}]*\}")
_PLAIN: Final = {"host": "mail.example.org", "port": "25"}
_ADDRESS: Final = "import@example.org"
_SECRET: Final = "https://import.example.org/x"  # noqa: S105 - it stands in for one that is not here


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of converted files found; ``problems`` is empty when they load and their tests pass."""

    rule_set: RuleSet | None
    problems: tuple[str, ...]
    tests: int = 0


def _fill(match: re.Match[str]) -> str:
    before = match[0].partition("$")[0]
    if match[1] in _PLAIN:
        return before + _PLAIN[match[1]]
    return before + (_ADDRESS if match[2] == "env" and not match[1] else _SECRET)


def check_converted(converted: Converted) -> Checked:
    """Load the files as a daemon would, with something in the place of each secret, and run their tests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bridge.yaml")
        path.write_text(_REFERENCE.sub(_fill, converted.settings), "utf-8")
        rules = Path(folder, "rules.d", "alertmanager.yaml")
        rules.parent.mkdir()
        rules.write_text(converted.rule_file, "utf-8")
        try:
            settings = read_settings(path, {}, Path(folder))
            rule_set = rules_of(settings, world_of(settings, path, facts_now(settings), None))
        except ProblemsFound as error:
            texts = (
                f"{Path(problem.place.file).name}:{problem.place.line}  {problem.path}  {problem.text}"
                for problem in error.problems
            )
            return Checked(None, tuple(texts))
        results = list(run_cases(rule_set, rule_set.cases))
    failed = [
        f'the test "{result.case.name}" fails: {"; ".join(result.differences)}'
        for result in results
        if not result.passed
    ]
    return Checked(rule_set, tuple(failed), len(results))
