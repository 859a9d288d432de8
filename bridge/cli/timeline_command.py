"""``timeline``: what happened within a span of time, key by key."""

from __future__ import annotations

from typing import Any, Final

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.connection import connect_client
from bridge.cli.local_zone import local_zone_name
from bridge.cli.typed import show_time
from bridge.cli.visible import VisibleText

_STYLES: Final = {"told": "green", "ended": "cyan", "quiet": "yellow", "failed": "bold red", "waiting": "magenta"}
_PLAIN_WORDS: Final = ("message", "firing", "suppressed", "updated", "resolved")


@click.command(cls=CliCommand)
@click.argument("begin", metavar="[FROM]", default="")
@click.argument("end", metavar="[TO]", default="")
@click.option("--zone", help="Whose clock FROM and TO mean, such as Europe/Athens; by default this machine's.")
@click.option("--topic", help="Only of messages of this topic (projects/P/topics/T, or P/T).")
@click.option("--rule", help="Only of this rule.")
@click.option("--destination", help="Only of what was for this destination.")
@click.option("--key", help="Only of this key.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many keys at most.")
@click.option("--after", help="Page on: the keys behind this one (next of the page before).")
@pass_context
def timeline(context: Context, /, begin: str, end: str, zone: str | None, **chosen: Any) -> None:
    """Show what happened from FROM until TO, key by key: told, kept quiet and why, taken, ended.

    FROM is a length of time back (2h), a time of day (02:00), a time (2026-01-05T02:00), or a word such as today,
    "last night" or yesterday; two hours without it. TO is the like, or +1h; now without it.
    """
    asked = {"from": begin or None, "to": end or None, "zone": zone or local_zone_name()}
    with connect_client(context) as client:
        answer = client.get("/api/timeline", **asked, **chosen)
    output = context.output
    if output.as_json:
        output.print_value(answer)
    elif not output.quiet:
        _show(context, answer)


def _show(context: Context, answer: Any) -> None:
    output = context.output
    counts = ", ".join(f"{count} {_kind(kind)}" for kind, count in answer["counts"].items())
    came = "1 message" if answer["received"] == 1 else f"{answer['received']} messages"
    happened = counts or "nothing told or kept quiet"
    output.say(f"{show_time(answer['from'])} to {show_time(answer['to'])}: {came} came in; {happened}")
    if not answer["complete"]:
        output.say(f"More happened than is shown at once: this is all since {show_time(answer['known_from'])}")
    for lane in answer["lanes"]:
        output.say("")
        head = VisibleText(lane["key"] or "(no key)", style="bold")
        head.append(f"  {lane['rule']}", style="dim")
        output.console.print(head, soft_wrap=True)
        for entry in lane["entries"]:
            output.console.print(_line(entry), soft_wrap=True)
        if lane["more"]:
            output.say(f"  {lane['more']} more of this key")
    if answer["next"]:
        output.say(f"\nThere are more, {answer['keys']} keys in all: --after {answer['next']}")


def _line(entry: Any) -> VisibleText:
    line = VisibleText(f"  {show_time(entry['at'])}  ")
    line.append(f"{_kind(entry['kind']):<10}", style=_STYLES.get(entry["kind"], ""))
    if entry["who"]:
        line.append(f"  by {entry['who']}")
        return line
    line.append(f"  {entry['destination']}")
    if entry["word"] not in _PLAIN_WORDS:
        line.append(f" ({entry['word']})")
    if entry["count"] > 1:
        line.append(f" {entry['count']} times until {show_time(entry['last'])}")
    if entry["why"]:
        line.append(f": {entry['why']}")
    if entry["until"]:
        line.append(f", until {show_time(entry['until'])}")
    if entry["summary"]:
        line.append(f"  {entry['summary']}", style="dim")
    elif entry["offset"] is not None:
        line.append(f"  {entry['topic']}:{entry['offset']}", style="dim")
    return line


def _kind(kind: str) -> str:
    return "kept quiet" if kind == "quiet" else kind
