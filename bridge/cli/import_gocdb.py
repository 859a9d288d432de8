"""The options of ``import gocdb``; what is done with them is read when somebody does it (import_gocdb_run.py)."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command("gocdb", cls=CliCommand)
@click.argument("place", metavar="FILE|URL")
@click.option("--project", required=True, help="The project whose topics the hosts publish to.")
@click.option("--service-type", "service_types", multiple=True, help="This type only; several may be named.")
@click.option(
    "--topic",
    "topic_name",
    default="{type}",
    help="Name of the topics, of {type}, {site}, {host} and {key}. Default: {type}.",
)
@click.option("--consumer", default="", help="A user who gets a subscription to each topic, of its name.")
@click.option("--email", default="", help="Whom to reach about the users.")
@click.option("--cert", type=click.Path(path_type=Path, dir_okay=False), help="Certificate to show to URL, PEM.")
@click.option("--cert-key", type=click.Path(path_type=Path, dir_okay=False), help="Its key, where it is a file apart.")
@click.option("--from-ca", type=click.Path(path_type=Path, dir_okay=False), help="Whom to trust over there, PEM.")
@click.option("--dry-run", is_flag=True, help="Change nothing, and say what would be done.")
@pass_context
def take_over_gocdb(
    context: Context,
    place: str,
    project: str,
    service_types: tuple[str, ...],
    topic_name: str,
    consumer: str,
    email: str,
    cert: Path | None,
    cert_key: Path | None,
    from_ca: Path | None,
    dry_run: bool,
) -> None:
    """Make a user for each host in production that GOCDB lists in FILE or at URL (get_service_endpoint).

    The user may publish to the topic of its service type, or to one of its own (--topic SITE_{site}_ENDPOINT_{key}),
    and logs in with the certificate whose DN GOCDB tells. A DN that changed replaces the old one. Nothing is removed,
    so it may be run again and again. Endpoints that are left out are named, each with its reason; a feed that is cut
    short changes nothing.
    """
    from bridge.cli.import_gocdb_run import carry_over_gocdb

    carry_over_gocdb(
        context, place, project, service_types, topic_name, consumer, email, cert, cert_key, from_ca, dry_run
    )
