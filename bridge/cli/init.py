"""The options of ``init``; what is done with them is read when somebody does it (init_run.py)."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command(cls=CliCommand)
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False), default=Path())
@pass_context
def init(context: Context, folder: Path) -> None:
    """Write a starter configuration into DIR: bridge.yaml, one rule file with tests, one template, two tokens.

    The JSON Schema beside the rules lets editors complete them. Nothing that exists is overwritten.
    """
    from bridge.cli.init_run import run_init

    run_init(context, folder)
