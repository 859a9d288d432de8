"""``tail``: messages and decisions, live."""

from __future__ import annotations

from typing import Any

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.connection import connect_client
from bridge.cli.typed import show_time
from bridge.cli.visible import VisibleText, make_visible_line

_FATES = {"matched": "green", "unmatched": "dim", "unrouted": "dim", "undecided": "yellow"}
_OUTCOMES = {"sent": "green", "suppressed": "yellow", "dropped": "red", "held": "cyan", "shadow": "magenta"}
_SHOWN_RUNES = 300


@click.command(cls=CliCommand)
@click.argument("topic", required=False)
@click.option("--matched", is_flag=True, help="Only messages that a rule acted on.")
@pass_context
def tail(context: Context, topic: str | None, *, matched: bool) -> None:
    """Show messages as they come, of TOPIC (projects/P/topics/T, or P/T) or of all, with what was decided.

    Ends with Ctrl-C. With --json each message is one line.
    """
    with connect_client(context) as client:
        try:
            for seen in client.events("/api/tail", topic=topic, matched="1" if matched else None):
                _show(context, seen)
        except KeyboardInterrupt:
            context.output.say("stopped")


def _show(context: Context, seen: Any) -> None:
    output = context.output
    if output.as_json:
        output.print_line(seen)
        return
    if output.quiet:
        return
    head = VisibleText(f"{show_time(seen['published'])}  {seen['topic']}:{seen['offset']}  ")
    head.append(seen["fate"], style=_FATES[seen["fate"]])
    output.console.print(head, soft_wrap=True)
    named = "".join(make_visible_line(f"{name}={value} ") for name, value in seen["attributes"].items())
    text = " ".join(seen["data"].split())
    more = " ..." if seen["cut"] or len(text) > _SHOWN_RUNES else ""
    output.console.print(VisibleText(f"  {named}{text[:_SHOWN_RUNES]}{more}", style="dim"), soft_wrap=True)
    for decision in seen["decisions"]:
        line = VisibleText(f"  -> {decision['rule']}")
        if decision["destination"]:
            line.append(f" to {decision['destination']}")
        line.append(": ")
        line.append(decision["outcome"], style=_OUTCOMES.get(decision["outcome"], ""))
        line.append(f" by {decision['by']}" if decision["by"] else "")
        output.console.print(line, soft_wrap=True)
