"""The options of ``reload``; what is done with them is read when somebody does it (reload_run.py)."""

from __future__ import annotations

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command(cls=CliCommand)
@click.option("--pid", type=click.IntRange(min=1), help="Ask this process by a signal: without a token.")
@click.option("--preview", is_flag=True, help="Only show what the files would have told otherwise lately.")
@click.option("--yes", "confirmed", is_flag=True, help="Also where that is something else, and the settings ask.")
@pass_context
def reload(context: Context, pid: int | None, *, preview: bool, confirmed: bool) -> None:
    """Let the daemon read bridge.yaml, rules, templates and certificates again.

    Returns when it is done. Exits with 1 when it was refused and everything stays as it was, and says why. With
    `reload: {confirm: changes}` in the settings, rules that would have told something else wait for `--yes`.
    """
    from bridge.cli.reload_run import ask_for_reload, signal_for_reload

    if pid is not None and (preview or confirmed):
        raise click.UsageError("a signal says neither --preview nor --yes: leave out --pid")
    if preview:
        from bridge.cli.rules_changing_run import show_difference

        show_difference(context)
    elif pid is None:
        ask_for_reload(context, confirmed=confirmed)
    else:
        signal_for_reload(context, pid)
