"""The options of ``rules schema``; what is done with them is read when somebody does it (rules_schema_run.py)."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command("schema", cls=CliCommand)
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--generic", is_flag=True, help="Leave the settings alone: a schema without names of destinations and the like."
)
@pass_context
def schema(context: Context, file: Path | None, *, generic: bool) -> None:
    """Write the JSON Schema of rule files to FILE (- prints it), so that editors complete keys and underline mistakes.

    Without FILE it goes beside the rules, as rules.schema.json, with the names of your destinations, intervals and
    templates. A rule file begins with: # yaml-language-server: $schema=./rules.schema.json
    """
    from bridge.cli.rules_schema_run import run_schema

    run_schema(context, file, generic=generic)
