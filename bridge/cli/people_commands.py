"""``user``: who may speak, through the AMS API."""

from __future__ import annotations

from collections.abc import Sequence

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.connection import connect_client
from bridge.cli.fitting_tables import Column, text_column
from bridge.cli.noun_verbs import delete_command, noun_of_the_service
from bridge.cli.output import print_details

delete_user = delete_command(noun_of_the_service("user", "users"), "Delete the user NAME.")


@click.command("list", cls=CliCommand)
@click.option("--project", "project_name", help="Only members of this project.")
@pass_context
def list_users(context: Context, project_name: str | None) -> None:
    """All users, or those of a project. Tokens are not shown; `user show --show-token` shows one."""
    with connect_client(context) as client:
        users = client.get("/v1/users", details="true", project=project_name)["users"]
    rows = [{key: value for key, value in user.items() if key != "token"} for user in users]
    columns = [
        text_column("User", "name"),
        Column("Service roles", lambda row: ", ".join(row["service_roles"])),
        Column(
            "Projects",
            lambda row: "; ".join(f"{p['project']}: {', '.join(p['roles'])}" for p in row.get("projects", [])),
        ),
        text_column("E-mail", "email"),
    ]
    context.output.print_rows(
        rows, columns, empty="No user yet: `ams-bridge user create NAME --project P --role publisher`."
    )


@click.command("create", cls=CliCommand)
@click.argument("name")
@click.option("--project", "project_name", help="Make the user a member of this project.")
@click.option("--role", "roles", multiple=True, help="Role in that project: project_admin, publisher, consumer.")
@click.option("--service-role", "service_roles", multiple=True, help="Role over the whole service.")
@click.option("--email", default="", help="Where to reach the user.")
@pass_context
def create_user(
    context: Context,
    name: str,
    project_name: str | None,
    roles: Sequence[str],
    service_roles: Sequence[str],
    email: str,
) -> None:
    """Create the user NAME and print the token, this once."""
    if roles and not project_name:
        raise click.UsageError("--role needs --project")
    projects = [{"project": project_name, "roles": list(roles)}] if project_name else []
    body = {"email": email, "projects": projects, "service_roles": list(service_roles)}
    with connect_client(context) as client:
        made = client.post(f"/v1/users/{name}", body)
    context.output.confirm(f"user {name} created; token: {made['token']}", made)


@click.command("show", cls=CliCommand)
@click.argument("name")
@click.option("--show-token", is_flag=True, help="Show the token too.")
@pass_context
def show_user(context: Context, name: str, *, show_token: bool) -> None:
    """Show the user NAME."""
    with connect_client(context) as client:
        user = client.get(f"/v1/users/{name}")
    if not show_token:
        user.pop("token", None)
    print_details(context.output, user)


@click.command("refresh-token", cls=CliCommand)
@click.argument("name")
@pass_context
def refresh_token(context: Context, name: str) -> None:
    """Give the user NAME a new token; the old one dies at once."""
    with connect_client(context) as client:
        made = client.post(f"/v1/users/{name}:refreshToken")
    context.output.confirm(f"new token of {name}: {made['token']}", made)
