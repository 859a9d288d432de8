"""The options of ``rules reference``; what is done with them is read when somebody does it (rules_reference_run.py)."""

from __future__ import annotations

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command("reference", cls=CliCommand)
@pass_context
def reference(context: Context) -> None:
    """Print the rule reference: every key, operator, filter and template, as Markdown.

    It is the page of the documentation, and says also what the plugins that are installed here add.
    """
    from bridge.cli.rules_reference_run import run_reference

    run_reference(context)
