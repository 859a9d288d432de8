"""``rules diff``, ``versions``, ``promote``, ``rollback``; what they do is read when somebody does it."""

from __future__ import annotations

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command("diff", cls=CliCommand)
@pass_context
def diff(context: Context) -> None:
    """Show what the files say otherwise than the rules in force, and what they would have told otherwise lately.

    The daemon is asked, on whichever store; nothing changes. `reload: {look_back: ...}` says how far back it tries.
    """
    from bridge.cli.rules_changing_run import show_difference

    show_difference(context)


@click.command("versions", cls=CliCommand)
@pass_context
def versions(context: Context) -> None:
    """List the rule sets that were in force, the newest first: since when, by whom and how; and what is held back."""
    from bridge.cli.rules_changing_run import show_versions

    show_versions(context)


@click.command("promote", cls=CliCommand)
@pass_context
def promote(context: Context) -> None:
    """Put the rules that are in shadow in force now. Exits with 1 when there are none."""
    from bridge.cli.rules_changing_run import put_shadow_in_force

    put_shadow_in_force(context)


@click.command("rollback", cls=CliCommand)
@click.argument("version", required=False, default="")
@pass_context
def rollback(context: Context, version: str) -> None:
    """Put the rules of before in force again, or those of VERSION; where rules are in shadow, drop these.

    The files stay as they are and are not in force, over restarts too, until the next reload.
    """
    from bridge.cli.rules_changing_run import roll_back

    roll_back(context, version)
