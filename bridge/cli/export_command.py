"""The options of ``export``; what is done with them is read when somebody does it (export_run.py)."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command("export", cls=CliCommand)
@click.option("--project", "projects", multiple=True, help="This project only; several may be named.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write files below DIR.")
@click.option("--secrets", is_flag=True, help="With --out: write the tokens too, to secrets.env.")
@pass_context
def export(context: Context, projects: tuple[str, ...], out: Path | None, secrets: bool) -> None:
    """Write projects, topics, schemas, subscriptions, users and certificates as sections of bridge.yaml.

    Tokens and headers of pushes are references to the environment; with --secrets their values go to secrets.env, for
    the owner's eyes. With --out the sections go to bridge-projects.yaml and schemas to schemas/; nothing that exists is
    overwritten. What settings cannot say is named. Messages are not in it.
    """
    from bridge.cli.export_run import run_export

    run_export(context, projects, out, secrets)
