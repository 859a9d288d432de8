"""``report``: what was told lately, and what of it nobody needed."""

from __future__ import annotations

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.connection import connect_client
from bridge.cli.fitting_tables import Column, text_column, time_column
from bridge.cli.output import format_count
from bridge.cli.typed import duration, show_time

_MOST = 1000


def _count(name: str, field: str) -> Column:
    return Column(name, lambda row: row[field] or "", number=True)


_COUNTS = [
    _count("Posts", "posts"),
    _count("Fired", "firings"),
    _count("Brief", "brief"),
    _count("Never taken", "never_taken"),
    _count("Outside hours", "outside_hours"),
]
_RULES = [
    text_column("Rule", "rule"),
    _count("Keys", "keys"),
    *_COUNTS,
    _count("Flapping", "flapping"),
    _count("Useful", "useful"),
    _count("Noise", "noise"),
]
_KEYS = [
    text_column("Rule", "rule"),
    *_COUNTS,
    Column("Flapping", lambda row: "yes" if row["flapping"] else "", style=lambda row: "bold yellow"),
    time_column("Last", lambda row: show_time(row["last"])),
    text_column("Key", "key", below=True),
]


@click.command("noise", cls=CliCommand)
@click.option("--since", type=duration, default="7d", show_default=True, help="How far back to look.")
@click.option("--hours", metavar="NAME", default="", help="The interval of the settings that counts as hours.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=20, show_default=True, help="How many keys at most.")
@pass_context
def noise(context: Context, since: float, hours: str, limit: int) -> None:
    """The noisiest rules and keys, and what of it nobody needed.

    Brief: over by itself within five minutes. Never taken: nobody took it before its end. Outside hours: posts outside
    the interval --hours, or outside Monday to Friday, 08:00 to 18:00 UTC. Flapping: came and went often within an hour.
    Useful and noise: what people said of posts, by buttons, reactions or replies.
    """
    with connect_client(context) as client:
        report = client.get("/api/noise", since_s=int(since), hours=hours or None, limit=limit)
    output = context.output
    if output.as_json:
        output.print_value(report)
        return
    deliveries = format_count(report["deliveries"], "delivery").replace("deliverys", "deliveries")
    output.say(f"{deliveries} since {show_time(report['since'])}; hours are {report['hours']}")
    if not report["complete"]:
        output.warn("there were more deliveries than are looked at; these are the newest")
    output.print_rows(report["rules"], _RULES, title="By rule", empty="Nothing was told.")
    if report["keys"]:
        output.print_rows(report["keys"], _KEYS, title="The noisiest keys")
