"""``user`` and ``schema``: who may speak, and what messages must look like, through the AMS API."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from bridge.cli.client import connected
from bridge.cli.command_context import CliGroup, Context, pass_context
from bridge.cli.naming import resource_path
from bridge.cli.output import Failed, shown
from bridge.cli.tables import Column, text_column


@click.group(cls=CliGroup)
def user() -> None:
    """Users: create, list, show, delete, refresh-token."""


@user.command("list")
@click.option("--project", "project_name", help="Only members of this project.")
@pass_context
def list_users(context: Context, project_name: str | None) -> None:
    """All users. Tokens are not shown; `user show --show-token` shows one."""
    with connected(context) as client:
        found = client.get("/v1/users", details="true", project=project_name)["users"]
    rows = [{key: value for key, value in one.items() if key != "token"} for one in found]
    columns = [
        text_column("User", "name"),
        Column("Service roles", lambda row: ", ".join(row["service_roles"])),
        Column(
            "Projects",
            lambda row: "; ".join(f"{p['project']}: {', '.join(p['roles'])}" for p in row.get("projects", [])),
        ),
        text_column("E-mail", "email"),
    ]
    context.output.rows(rows, columns, empty="No user yet: `ams-bridge user create NAME --project P --role publisher`.")


@user.command("create")
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
    with connected(context) as client:
        made = client.post(f"/v1/users/{name}", body)
    context.output.done(f"user {name} created; token: {made['token']}", made)


@user.command("show")
@click.argument("name")
@click.option("--show-token", is_flag=True, help="Show the token too.")
@pass_context
def show_user(context: Context, name: str, *, show_token: bool) -> None:
    """Show the user NAME."""
    with connected(context) as client:
        found = client.get(f"/v1/users/{name}")
    if not show_token:
        found.pop("token", None)
    shown(context.output, found)


@user.command("delete")
@click.argument("name")
@click.confirmation_option(prompt="The token dies at once. Delete?")
@pass_context
def delete_user(context: Context, name: str) -> None:
    """Delete the user NAME."""
    with connected(context) as client:
        client.delete(f"/v1/users/{name}")
    context.output.done(f"user {name} deleted")


@user.command("refresh-token")
@click.argument("name")
@pass_context
def refresh_token(context: Context, name: str) -> None:
    """Give the user NAME a new token; the old one dies at once."""
    with connected(context) as client:
        made = client.post(f"/v1/users/{name}:refreshToken")
    context.output.done(f"new token of {name}: {made['token']}", made)


@click.group(cls=CliGroup)
def schema() -> None:
    """Schemas of topics: create, list, show, delete."""


@schema.command("list")
@click.argument("project_name", metavar="PROJECT")
@pass_context
def list_schemas(context: Context, project_name: str) -> None:
    """The schemas of PROJECT."""
    with connected(context) as client:
        found = client.get(f"/v1/projects/{project_name}/schemas").get("schemas", [])
    context.output.rows(found, [text_column("Schema", "name"), text_column("Type", "type")], empty="No schema yet.")


@schema.command("create")
@click.argument("name", metavar="SCHEMA")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--type", "kind", type=click.Choice(["json", "avro"]), help="Default: avro for .avsc files, else json.")
@pass_context
def create_schema(context: Context, name: str, file: Path, kind: str | None) -> None:
    """Create SCHEMA (P/S) from FILE."""
    try:
        definition = msgspec.json.decode(file.read_bytes())
    except msgspec.DecodeError as error:
        raise Failed(f"{file} is not JSON: {error}") from error
    body = {"type": kind or ("avro" if file.suffix == ".avsc" else "json"), "schema": definition}
    with connected(context) as client:
        made = client.post(resource_path(name, "schemas"), body)
    context.output.done(f"schema {made['name']} created", made)


@schema.command("show")
@click.argument("name", metavar="SCHEMA")
@pass_context
def show_schema(context: Context, name: str) -> None:
    """Show SCHEMA."""
    with connected(context) as client:
        shown(context.output, client.get(resource_path(name, "schemas")))


@schema.command("delete")
@click.argument("name", metavar="SCHEMA")
@click.confirmation_option(prompt="Topics that use it lose it. Delete?")
@pass_context
def delete_schema(context: Context, name: str) -> None:
    """Delete SCHEMA."""
    with connected(context) as client:
        client.delete(resource_path(name, "schemas"))
    context.output.done(f"schema {name} deleted")
