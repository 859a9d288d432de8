"""The options of ``rules backtest``; what is done with them is read when somebody does it (rules_backtest_run.py)."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.history_options import add_history_options


@click.command("backtest", cls=CliCommand)
@add_history_options("7d")
@click.option("--against", type=click.Path(path_type=Path, exists=True), help="Compare with the rules in this folder.")
@pass_context
def backtest(context: Context, since: float, topics: tuple[str, ...], limit: int | None, against: Path | None) -> None:
    """Compare the rule files with the rules in force, over the messages in the store: who would be told what instead.

    Reads the store itself, beside the daemon; nothing is sent. With --against the older rules are those of a folder.
    Ctrl-C ends it with the result so far, labelled partial, and exit code 130.
    """
    from bridge.cli.rules_backtest_run import backtest_rules

    backtest_rules(context, since, topics, limit, against)
