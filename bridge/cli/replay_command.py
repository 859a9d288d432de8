"""``replay``: stored messages through the rules of now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.connection import connect_client
from bridge.cli.visible import VisibleText

_OUTCOMES = {"sent": "green", "suppressed": "yellow", "dropped": "red", "held": "cyan", "shadow": "magenta"}


@click.command(cls=CliCommand)
@click.argument("messages", metavar="MSG...", nargs=-1, required=True)
@click.option(
    "--live", is_flag=True, help="With the real state: dedupe, groups, throttles and incidents count and change."
)
@pass_context
def replay(context: Context, messages: Sequence[str], *, live: bool) -> None:
    """Decide stored messages anew by the rules of now, and send what comes of it.

    MSG is TOPIC:OFFSET, or TOPIC:FIRST-LAST for several. Each is decided as if nothing had been before it, and leaves
    no trace in dedupe, throttles, groups and incidents; silences and hours hold. `rules explain` shows what would
    come of a message without sending it; `deliveries replay` sends dead letters again without asking the rules.
    """
    with connect_client(context) as client:
        answer = client.post("/api/messages:replay", {"messages": list(messages), "live": live})
    output = context.output
    if output.as_json:
        output.print_value(answer)
        return
    for message in answer["replayed"]:
        _show(context, message)
    for missing in answer["missing"]:
        output.say(f"{missing} is not there")
    sent = sum(len(message["deliveries"]) for message in answer["replayed"])
    count = len(answer["replayed"])
    output.say(f"{_count_text(count, 'message')} decided anew, {_count_text(sent, 'delivery', 'deliveries')} made")


def _show(context: Context, message: Any) -> None:
    output = context.output
    if output.quiet:
        return
    output.console.print(VisibleText(f"{message['message']}  {message['fate']}"), soft_wrap=True)
    for decision in message["decisions"]:
        line = VisibleText(
            f"  -> {decision['rule']}" + (f" to {decision['destination']}" if decision["destination"] else "")
        )
        line.append(": ")
        line.append(decision["outcome"], style=_OUTCOMES.get(decision["outcome"], ""))
        by = decision["by"].removeprefix("replay").strip()
        line.append(f" by {by}" if by else "")
        output.console.print(line, soft_wrap=True)


def _count_text(count: int, text: str, many: str = "") -> str:
    return f"{count} {text if count == 1 else many or text + 's'}"
