"""``audit``: who logged in or failed to, and who changed what."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.connection import connect_client
from bridge.cli.fitting_tables import Column, text_column, time_column
from bridge.cli.typed import duration, show_time

_LISTED = [
    time_column("At", lambda row: show_time(row["at"])),
    Column("Who", lambda row: row["who"] or "nobody known"),
    text_column("From", "address"),
    Column("What", lambda row: row["what"], style=lambda row: "bold red" if row["outcome"] == "refused" else ""),
    text_column("Of", "target"),
    Column("Outcome", lambda row: row["outcome"]),
    Column("Changed", lambda row: _change_text(row), below=True),
]


@click.command(cls=CliCommand)
@click.option("--who", help="Only what this user did; the beginning of the name is enough.")
@click.option("--what", help="Only this, such as login, silence or users:create; the beginning is enough.")
@click.option("--from", "address", metavar="ADDRESS", help="Only what came from this address.")
@click.option("--target", help="Only what was done to this.")
@click.option("--since", type=duration, help="Only of so long back, such as 24h.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many at most.")
@click.option("--before", type=int, help="Page on: only those before this number.")
@pass_context
def audit(context: Context, /, since: float | None, **chosen: Any) -> None:
    """Show who logged in or failed to, and who changed what, newest first."""
    with connect_client(context) as client:
        page = client.get("/api/audit", since_s=None if since is None else round(since), **chosen)
    context.output.print_rows(page["entries"], _LISTED, empty="No entry fits.")
    if page["next"] is not None:
        context.output.say(f"There are more: --before {page['next']}")


def _change_text(row: Any) -> str:
    """What changed: ``acl ["ann"] -> ["ann","bob"]``."""
    before, after = row["before"], row["after"]
    parts = []
    for name in dict.fromkeys([*before, *after]):
        old = f"{_text(before[name])} -> " if name in before else ""
        parts.append(f"{name} {old}{_text(after[name]) if name in after else '-'}")
    return "; ".join(parts)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
