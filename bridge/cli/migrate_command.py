"""The options of ``migrate``; what is done with them is read when somebody does it (migrate_run.py)."""

from __future__ import annotations

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command(cls=CliCommand)
@click.option(
    "--from", "source", required=True, metavar="URL", help="The store that is there: sqlite:///PATH or postgresql://..."
)
@click.option("--to", "target", required=True, metavar="URL", help="The other kind: an empty database, or a new file.")
@click.option("--copy-only", is_flag=True, help="End when all was copied once, and leave the last look to another run.")
@pass_context
def migrate(context: Context, source: str, target: str, copy_only: bool) -> None:
    """Move a store from a file of SQLite into PostgreSQL, or back, while its daemon goes on.

    Copies, then follows what changes until the daemon is stopped; a last look then makes both the same, counted and
    compared, in seconds. Broken off anywhere, the same command goes on from there. The old store stays as it is.

    With --json a line for each step, and one at the end.
    """
    from bridge.cli.migrate_run import migrate_store

    migrate_store(context, source, target, copy_only=copy_only)
