"""The options of ``rules simulate``; what is done with them is read when somebody does it (rules_simulate_run.py)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.history_options import add_history_options
from bridge.cli.typed import duration


@click.command("simulate", cls=CliCommand)
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Messages, one per line (- is standard input).",
)
@add_history_options(None)
@click.option("--at", help="When the first message comes, such as 2026-01-05T12:00:00Z.")
@click.option("--every", "every_s", type=duration, default="1s", show_default=True, help="How far payloads are apart.")
@click.option("--until", "until_s", type=duration, default="1h", show_default=True, help="How long timers go on.")
@click.option(
    "--outage",
    "outages",
    multiple=True,
    metavar="DESTINATION=FROM..UNTIL",
    help="It takes nothing then, counted from the first message: monitoring=10m..40m.",
)
@pass_context
def simulate(
    context: Context,
    /,
    file: Path | None,
    since: float | None,
    topics: tuple[str, ...],
    limit: int | None,
    at: str | None,
    every_s: float,
    until_s: float,
    outages: Sequence[str],
) -> None:
    """Show what a stream of messages would lead to: posts through groups, schedules and retries, and what stays quiet.

    Messages come from a file (--from), where a line is a payload, or what `tail --json` prints: that keeps its topic
    and its time; --topic says where payloads come from. Or they are stored ones (--since). With --at the first one
    comes then, and the others as long after it as they did. Nothing is sent. Ctrl-C ends it, with exit code 130.
    """
    from bridge.cli.rules_simulate_run import run_simulate

    run_simulate(context, file, since, topics, limit, at, every_s, until_s, outages)
