"""The options of ``nodes``; what is done with them is read when somebody does it (nodes_run.py)."""

from __future__ import annotations

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command(cls=CliCommand)
@pass_context
def nodes(context: Context) -> None:
    """The daemons that share a store in PostgreSQL: which live, since when, and what each runs.

    Asks the database itself, so it works while daemons are down. Exits with 1 when none lives.
    """
    from bridge.cli.nodes_run import list_nodes

    list_nodes(context)
