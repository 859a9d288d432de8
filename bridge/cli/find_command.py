"""``find``: messages, deliveries, incidents and silences by what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.connection import connect_client
from bridge.cli.fitting_tables import Column, text_column, time_column
from bridge.cli.local_zone import local_zone_name
from bridge.cli.typed import show_time

_KINDS: Final = ("message", "delivery", "incident", "silence")
_COLORS: Final = {
    "dead": "bold red",
    "firing": "bold red",
    "delivered": "green",
    "matched": "green",
    "waiting": "yellow",
}
_LISTED: Final = [
    time_column("When", lambda row: show_time(row["at"])),
    text_column("What", "kind"),
    Column("Fate", lambda row: row["fate"], style=lambda row: _COLORS.get(row["fate"], "")),
    Column("Named", lambda row: _name(row), whole=True),
    text_column("Key", "key"),
    text_column("Rule", "rule"),
    text_column("Destination", "destination"),
    Column("Says", lambda row: " ".join(row["text"].split())[:120], below=True),
]


@click.command(cls=CliCommand)
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.option("--kind", type=click.Choice(_KINDS), help="Only of this kind.")
@click.option("--fate", help="Only what became this, such as dead, unmatched, suppressed or firing.")
@click.option("--topic", help="Only of messages of this topic (projects/P/topics/T, or P/T).")
@click.option("--rule", help="Only of this rule.")
@click.option("--destination", help="Only of this destination.")
@click.option("--key", help="Only of this key.")
@click.option("--from", "begin", metavar="TIME", help="Only from then on: 2h, 02:00, yesterday, 2026-01-05T02:00.")
@click.option("--to", "end", metavar="TIME", help="Only until then.")
@click.option("--zone", help="Whose clock --from and --to mean; by default this machine's.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="How many at most.")
@click.option("--before", help="Page on: only those before this (next of the page before).")
@pass_context
def find(context: Context, /, words: Sequence[str], begin: str | None, end: str | None, **chosen: Any) -> None:
    """Find messages, deliveries, incidents and silences that say all of the words, newest first.

    A word is found at its beginning ("web" finds web01); several words in quotes only as they stand.
    """
    chosen["zone"] = chosen["zone"] or local_zone_name()
    text = " ".join(f'"{word}"' if " " in word else word for word in words)
    with connect_client(context) as client:
        page = client.get("/api/find", q=text or None, **{"from": begin, "to": end}, **chosen)
    output = context.output
    output.print_rows(page["results"], _LISTED, empty="Nothing fits.")
    if not page["indexed"]:
        output.say("Messages and deliveries are not looked for: bridge.yaml says search: false.")
    if not page["fresh"]:
        output.say("The index is being filled: what came lately may not be found yet.")
    if page["next"]:
        output.say(f"There may be more: --before {page['next']}")


def _name(row: Any) -> str:
    if row["kind"] == "message":
        return f"{row['topic'].replace('projects/', '').replace('/topics/', '/')}:{row['offset']}"
    return row["id"][:8] if row["id"] else ""
