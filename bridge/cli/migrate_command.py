"""The options of ``migrate``; what is done with them is read when somebody does it (migrate_run.py)."""

from __future__ import annotations

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command(cls=CliCommand)
@click.option("--from", "source", required=True, metavar="URL", help="The store that is there: sqlite:///PATH.")
@click.option("--to", "target", required=True, metavar="URL", help="An empty database: postgresql://USER@HOST/NAME.")
@pass_context
def migrate(context: Context, source: str, target: str) -> None:
    """Copy a store from SQLite into an empty database of PostgreSQL; no daemon may use either meanwhile.

    All of it arrives, counted and compared by checksums, or nothing does. The file stays as it is.
    """
    from bridge.cli.migrate_run import migrate_store

    migrate_store(context, source, target)
