"""The options of ``rules test``; what is done with them is read when somebody does it (rules_test_run.py)."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command("test", cls=CliCommand)
@click.option(
    "-k", "wanted", metavar="TEXT", multiple=True, help="Only tests whose name or file contains TEXT; may be repeated."
)
@click.option("--update", is_flag=True, help="Write snapshot files as the rules now render them.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write the results as JUnit XML too.")
@click.option("-v", "--verbose", is_flag=True, help="Show what each test sent.")
@pass_context
def test(context: Context, wanted: tuple[str, ...], junit: Path | None, *, update: bool, verbose: bool) -> None:
    """Run the tests in the rule files, each on a state and a clock of its own. Needs no daemon.

    Exits with 1 when one fails, or when -k leaves none; with 78 when the files cannot be read.
    """
    from bridge.cli.rules_test_run import run_test

    run_test(context, wanted, junit, update=update, verbose=verbose)
