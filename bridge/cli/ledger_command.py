"""``ledger``: the books, per topic."""

from __future__ import annotations

import sys
from typing import Any

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.connection import connect_client
from bridge.cli.drawing import TOPIC, message_book, send_book
from bridge.cli.fitting_tables import Column, text_column
from bridge.cli.output import EXIT_FAILED, Failed
from bridge.cli.typed import duration, show_time


@click.command(cls=CliCommand)
@click.option("--since", type=duration, help="Show also what came in and went out within this time, such as 24h.")
@pass_context
def ledger(context: Context, since: float | None) -> None:
    """The books of every topic: where each message and each decided send ended.

    Exits with 1 when they do not balance, so that a cron job can ask.
    """
    with connect_client(context) as client:
        answer = client.get("/api/ledger", since_s=None if since is None else round(since))
    output = context.output
    if output.as_json:
        output.print_value(answer)
    else:
        topics = answer["topics"]
        output.print_rows(topics, message_book(topics), title="Messages", empty="There is no topic yet.")
        if topics:
            output.say("")
            output.print_rows(topics, send_book(topics), title="Sends")
            _print_suppressed(context, topics)
        if since is not None:
            output.say("")
            _print_recent(context, answer)
        if answer["balanced"]:
            output.confirm("the books balance")
        else:
            output.warn("the books do not balance")
    if not answer["balanced"]:
        if output.quiet:
            raise Failed("the books do not balance")
        sys.exit(EXIT_FAILED)


def _print_suppressed(context: Context, topics: list[Any]) -> None:
    by = [
        {"topic": topic["topic"], "by": name, "sends": count}
        for topic in topics
        for name, count in topic["sends"]["suppressed_by"].items()
    ]
    if by:
        context.output.say("")
        columns = [TOPIC, text_column("By", "by")]
        context.output.print_rows(
            by, [*columns, Column("Sends", lambda row: row["sends"], number=True)], title="Suppressed"
        )


def _print_recent(context: Context, answer: Any) -> None:
    columns = [
        TOPIC,
        Column("Received", lambda row: row["received"], number=True),
        Column("Became", lambda row: ", ".join(f"{count} {state}" for state, count in row["sends"].items())),
    ]
    context.output.print_rows(answer["recent"], columns, title=f"Since {show_time(answer['since'])}")
