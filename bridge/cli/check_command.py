"""The options of ``check``; what is done with them is read when somebody does it (check_run.py)."""

from __future__ import annotations

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command(cls=CliCommand)
@click.option("--settings-only", is_flag=True, help="Check bridge.yaml alone, not the rules.")
@click.option("--probe", is_flag=True, help="Ask each destination whether it could deliver; nothing is posted.")
@click.option("--strict", is_flag=True, help="Fail on warnings too, missing secrets among them.")
@pass_context
def check(context: Context, *, settings_only: bool, probe: bool, strict: bool) -> None:
    """Check settings, rules, templates and tables, and say what provisioning would do. Writes nothing.

    Prints every problem at once with file, line and column. Exits with 78 when there is one, with 1 when a probe fails
    or, with --strict, when there is a warning. Secrets that are not here are warned of, and placeholders stand for
    them; with --probe, or where $CREDENTIALS_DIRECTORY says where secrets are, they are problems.
    """
    from bridge.cli.check_run import run_check

    run_check(context, settings_only=settings_only, probe=probe, strict=strict)
