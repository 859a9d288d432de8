"""The options of ``rules coverage``; what is done with them is read when somebody does it (rules_coverage_run.py)."""

from __future__ import annotations

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.history_options import add_history_options


@click.command("coverage", cls=CliCommand)
@add_history_options("7d")
@pass_context
def coverage(context: Context, since: float, topics: tuple[str, ...], limit: int | None) -> None:
    """Show rules, conditions and template branches that no stored message ever reached, and messages no rule wanted.

    Reads the store itself, beside the daemon; nothing is sent. Ctrl-C ends it with the result so far, labelled partial,
    and exit code 130.
    """
    from bridge.cli.rules_coverage_run import measure_coverage

    measure_coverage(context, since, topics, limit)
