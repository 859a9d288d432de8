"""The options of ``settings``; what is done with them is read when somebody does it (settings_run.py)."""

from __future__ import annotations

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command(cls=CliCommand)
@click.argument("prefix", metavar="[KEY]", default="")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of bridge.yaml instead, for editors.")
@pass_context
def settings(context: Context, prefix: str, *, schema: bool) -> None:
    """Every key of bridge.yaml, or those that begin with KEY, with meaning, default and unit."""
    from bridge.cli.settings_run import run_settings

    run_settings(context, prefix, schema=schema)
