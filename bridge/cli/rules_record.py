"""The options of ``rules record``; what is done with them is read when somebody does it (rules_record_run.py)."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.history_options import add_history_options


@click.command("record", cls=CliCommand)
@click.argument(
    "file", metavar="[FILE]", required=False, type=click.Path(path_type=Path, dir_okay=False, allow_dash=True)
)
@add_history_options("2h")
@click.option("--max", "most", type=click.IntRange(1), default=200, show_default=True, help="How many tests at most.")
@pass_context
def record(
    context: Context, file: Path | None, since: float, topics: tuple[str, ...], limit: int | None, most: int
) -> None:
    """Write a test for each distinct path that stored messages take through the rules, to FILE or standard output.

    A FILE named *_test.yaml beside the rules is run by `rules test`. Secrets, hosts and other names are made up, the
    same each time they occur; read the file all the same before you share it. Nothing that exists is overwritten.
    Ctrl-C ends it with the tests so far and exit code 130.
    """
    from bridge.cli.rules_record_run import record_tests

    record_tests(context, file, since, topics, limit, most)
