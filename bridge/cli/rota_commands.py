"""``rota``: who is on call."""

from __future__ import annotations

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.typed import duration


@click.command("show", cls=CliCommand)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--at", help="From this time on, such as 2026-12-24T09:00:00Z, if not from now.")
@click.option("--for", "for_s", type=duration, default="4w", show_default=True, help="How far ahead, such as 12w.")
@pass_context
def show(context: Context, /, names: tuple[str, ...], at: str | None, for_s: float) -> None:
    """Who is on call now and in the next weeks, by the settings as they stand; without NAME, in every rota.

    Needs no daemon. Calendars at URLs are read as the store keeps them, and the answer says how old that copy is.
    """
    from bridge.cli.rota_run import show_rotas

    show_rotas(context, names, at, for_s)
