"""The options of ``backup`` and ``restore``; what is done with them is read when somebody does it (store_run.py)."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command(cls=CliCommand)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(min=1), help="With a folder: of its backups keep the newest so many.")
@pass_context
def backup(context: Context, file: Path, keep: int | None) -> None:
    """Copy the store to the new FILE, consistently, while the daemon runs. Reads the store itself.

    With a folder in place of FILE the copy is named after the time: ams-bridge-20300131T020000Z.db.
    """
    from bridge.cli.store_run import run_backup

    run_backup(context, file, keep)


@click.command(cls=CliCommand)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@pass_context
def restore(context: Context, file: Path) -> None:
    """Put the backup FILE in the store's place; the daemon must not run.

    The store that stood there is kept under another name. Every topic's next offset is raised past what may have been
    given out since the backup, so that no message id comes twice.
    """
    from bridge.cli.store_run import run_restore

    run_restore(context, file)
