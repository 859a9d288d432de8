"""``demo``: everything on this machine, with sample alerts."""

from __future__ import annotations

import sys

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command(cls=CliCommand)
@click.option("--once", is_flag=True, help="Run the samples through once, print the books, exit 0 when they balance.")
@pass_context
def demo(context: Context, *, once: bool) -> None:
    """See the whole line work on this machine: sample alerts in, rules, posts in an inbox in place of Mattermost.

    Nothing is left behind: the store lies in a temporary folder.
    """
    from bridge.cli.demo_run import run_demo

    sys.exit(run_demo(once, context.output))
