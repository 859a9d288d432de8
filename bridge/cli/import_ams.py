"""The options of ``import ams``; what is done with them is read when somebody does it (import_ams_run.py)."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command("ams", cls=CliCommand)
@click.argument("place", metavar="URL")
@click.option("--from-token", required=True, envvar="AMS_TOKEN", help="A token over there [$AMS_TOKEN].")
@click.option("--from-ca", type=click.Path(path_type=Path, dir_okay=False), help="Whom to trust over there, PEM.")
@click.option("--project", "projects", multiple=True, help="This project only; several may be named.")
@click.option("--messages", type=click.Choice(["waiting", "all", "none"]), default="waiting", show_default=True,
              help="Which messages to carry over.")  # fmt: skip
@click.option("--start-pushes", is_flag=True, help="Push at once what was pushed over there.")
@click.option("--dry-run", is_flag=True, help="Change nothing, and say what would be done.")
@pass_context
def take_over_ams(
    context: Context,
    place: str,
    from_token: str,
    from_ca: Path | None,
    projects: tuple[str, ...],
    messages: str,
    start_pushes: bool,
    dry_run: bool,
) -> None:
    """Take over what the AMS at URL holds: projects, topics, schemas, users with tokens, access lists, subscriptions.

    What is there already is brought up to date and nothing removed, so it may be run again. Messages that a
    subscription still waits for are pulled and published here under their own numbers, and each subscription moved to
    where it stood. What could not be taken is named. A token of a service_admin over there shows everything; with one
    of a project_admin name the projects.
    """
    from bridge.cli.import_ams_run import carry_over_ams

    carry_over_ams(context, place, from_token, from_ca, projects, messages, start_pushes, dry_run)
