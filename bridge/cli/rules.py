"""``rules``: tools around rule files."""

from __future__ import annotations

from importlib import import_module

import click

from bridge.cli.context import Group

COMMANDS = {
    "test": "rules_test:test",
    "explain": "rules_explain:explain",
    "simulate": "rules_simulate:simulate",
    "backtest": "rules_backtest:backtest",
    "record": "rules_record:record",
    "coverage": "rules_coverage:coverage",
    "schema": "rules_schema:schema",
    "import": "importing:importing",
}
"""Command name to ``file:function`` in this folder."""


class Rules(Group):
    """Imports a command's file only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The command names, in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None for an unknown name."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module_name, _, name = place.partition(":")
        command: click.Command = getattr(import_module(f"bridge.cli.{module_name}"), name)
        return command


@click.command("rules", cls=Rules)
def rules() -> None:
    """Tools around the rules: test, explain, simulate, backtest, record, coverage, schema, import."""
