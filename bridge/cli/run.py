"""``run``: the daemon in the foreground."""

from __future__ import annotations

import gc
import os
import sys

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.core.late_import import as_if_missing


@click.command(cls=CliCommand)
@pass_context
def run(context: Context) -> None:
    """Run the daemon until SIGTERM or Ctrl-C; SIGHUP reloads.

    Exits with 78 when bridge.yaml, or a first set of rules, cannot be used.
    """
    gc.disable()  # until the daemon is ready: nearly all that is made now stays, and looking through it takes 0.1 s
    with as_if_missing("rich", "pygments"):
        from bridge.app.daemon import run as run_daemon

    sys.exit(run_daemon(context.config_path(), os.environ))
