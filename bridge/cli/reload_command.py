"""The options of ``reload``; what is done with them is read when somebody does it (reload_run.py)."""

from __future__ import annotations

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command(cls=CliCommand)
@click.option("--pid", type=click.IntRange(min=1), help="Ask this process by a signal: without a token.")
@pass_context
def reload(context: Context, pid: int | None) -> None:
    """Let the daemon read bridge.yaml, rules, templates and certificates again.

    Returns when it is done. Exits with 1 when it was refused and everything stays as it was, and says why.
    """
    from bridge.cli.reload_run import ask_for_reload, signal_for_reload

    if pid is None:
        ask_for_reload(context)
    else:
        signal_for_reload(context, pid)
