"""The rule file on the front page is one: it reads without a problem, and its own tests pass."""

from __future__ import annotations

import re

from rules.language.read import read_rules
from rules.language.sources import World
from rules.model import DestinationFacts
from rules.workbench.run_cases import run_cases
from tests.house.reading import ROOT


def test_the_rule_file_of_the_front_page_does_what_it_says() -> None:
    (shown,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    world = World(destinations={"monitoring": DestinationFacts(name="monitoring", kind="mattermost")})
    rule_set = read_rules([("README.md", shown)], world)
    results = list(run_cases(rule_set, rule_set.cases))
    assert [result.passed for result in results] == [True]
    assert rule_set.warnings == ()
