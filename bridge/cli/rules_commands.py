"""``rules``: tools around rule files."""

from __future__ import annotations

from typing import Final

import click

from bridge.cli.lazy import LazyGroup, Listed

COMMANDS: Final = {
    "test": Listed("rules_test:test", "Run the tests that stand in rule files and *_test.yaml files."),
    "explain": Listed("rules_explain:explain", "Show why a message was told, or was not, condition by condition."),
    "simulate": Listed("rules_simulate:simulate", "Play messages on a virtual clock: a timeline of posts."),
    "backtest": Listed("rules_backtest:backtest", "Compare old and new rules over the stored messages."),
    "diff": Listed("rules_changing:diff", "Show what the files say and tell otherwise than what is in force."),
    "versions": Listed("rules_changing:versions", "List the rule sets that were in force, when and by whom."),
    "promote": Listed("rules_changing:promote", "Put the rules that are in shadow in force now."),
    "rollback": Listed("rules_changing:rollback", "Put the rules of before in force again."),
    "record": Listed("rules_record:record", "Make tests of real traffic, with names and secrets made up."),
    "coverage": Listed("rules_coverage:coverage", "Find rules, conditions and branches that never mattered."),
    "schema": Listed("rules_schema:schema", "Write the JSON Schema of rule files, for editors."),
    "reference": Listed("rules_reference:reference", "Print the rule reference, what plugins add included."),
    "import": Listed("importing:importing", "Make rule files of other systems' configurations."),
}
"""The commands, in the order in which people meet them."""


@click.command("rules", cls=LazyGroup, listed=COMMANDS)
def rules() -> None:
    """Tools around the rules.

    They need no daemon, but for diff, versions, promote and rollback; those that read stored messages may do so beside
    a running one.
    """
