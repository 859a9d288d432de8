"""The options of ``bundle``; what is done with them is read when somebody does it (bundle_run.py)."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command("bundle", cls=CliCommand)
@click.argument("subject", metavar="SUBJECT")
@click.option("--file", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file, a new one.")
@click.option("--scrub", is_flag=True, help="Make up names of machines and people, too.")
@pass_context
def bundle(context: Context, subject: str, file: Path | None, *, scrub: bool) -> None:
    """Put all that a decision rested on into one zip file, without secrets: to hand on, and to decide again elsewhere.

    SUBJECT is a message (TOPIC:OFFSET), or a delivery or an open incident by its id or the beginning of it. In the file
    are settings, rules, the messages and state that led there, what was decided and what was tried. `rules explain
    FILE` decides it again anywhere, without the store, and says whether the answer is the same.
    """
    from bridge.cli.bundle_run import run_bundle

    run_bundle(context, subject, file, scrub=scrub)
