"""``project``, ``topic`` and ``schema``: what messages lie in and must look like, through the AMS API."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.connection import connect_client
from bridge.cli.fitting_tables import text_column, time_column
from bridge.cli.naming import resource_name, resource_path
from bridge.cli.noun_verbs import acl_command, delete_command, noun_in, noun_of_the_service, show_command
from bridge.cli.output import Failed

_PROJECT, _TOPIC = noun_of_the_service("project", "projects"), noun_in("topic", "topics")
_SCHEMA = noun_in("schema", "schemas")
_CREATED = time_column("Created", lambda row: row["created_on"])

show_project = show_command(_PROJECT, "Show the project NAME.")
delete_project = delete_command(
    _PROJECT,
    "Delete the project NAME with its topics, messages and subscriptions.",
    loss="Its topics, messages and subscriptions go with it.",
)
show_topic = show_command(_TOPIC, "Show TOPIC.")
delete_topic = delete_command(
    _TOPIC, "Delete TOPIC and its messages; its subscriptions stay.", loss="Its messages go with it."
)
topic_acl = acl_command(_TOPIC, "Show or replace who may publish to TOPIC.")
show_schema = show_command(_SCHEMA, "Show SCHEMA.")
delete_schema = delete_command(_SCHEMA, "Delete SCHEMA.", loss="Topics that use it lose it.")


@click.command("list", cls=CliCommand)
@pass_context
def list_projects(context: Context) -> None:
    """All projects, oldest first."""
    with connect_client(context) as client:
        projects = client.get("/v1/projects").get("projects", [])
    columns = [
        text_column("Project", "name"),
        text_column("Description", "description", below=True),
        _CREATED,
    ]
    context.output.print_rows(projects, columns, empty="No project yet: `ams-bridge project create NAME`.")


@click.command("create", cls=CliCommand)
@click.argument("name")
@click.option("--description", default="", help="What it is for.")
@pass_context
def create_project(context: Context, name: str, description: str) -> None:
    """Create the project NAME."""
    with connect_client(context) as client:
        made = client.post(f"/v1/projects/{name}", {"description": description})
    context.output.confirm(f"project {name} created", made)


@click.command("list", cls=CliCommand)
@click.argument("project_name", metavar="PROJECT")
@pass_context
def list_topics(context: Context, project_name: str) -> None:
    """The topics of PROJECT, newest first."""
    with connect_client(context) as client:
        topics = client.get(f"/v1/projects/{project_name}/topics")["topics"]
    columns = [
        text_column("Topic", "name"),
        text_column("Schema", "schema"),
        _CREATED,
    ]
    context.output.print_rows(topics, columns, empty="No topic yet: `ams-bridge topic create PROJECT/NAME`.")


@click.command("create", cls=CliCommand)
@click.argument("name", metavar="TOPIC")
@click.option("--schema", help="Name of a schema of the same project that messages must satisfy.")
@pass_context
def create_topic(context: Context, name: str, schema: str | None) -> None:
    """Create TOPIC (projects/P/topics/T, or P/T)."""
    project_name, _ = resource_name(name, "topics")
    body = {"schema": f"projects/{project_name}/schemas/{schema}"} if schema else {}
    with connect_client(context) as client:
        made = client.put(resource_path(name, "topics"), body)
    context.output.confirm(f"topic {made['name']} created", made)


@click.command("list", cls=CliCommand)
@click.argument("project_name", metavar="PROJECT")
@pass_context
def list_schemas(context: Context, project_name: str) -> None:
    """The schemas of PROJECT."""
    with connect_client(context) as client:
        schemas = client.get(f"/v1/projects/{project_name}/schemas").get("schemas", [])
    context.output.print_rows(
        schemas, [text_column("Schema", "name"), text_column("Type", "type")], empty="No schema yet."
    )


@click.command("create", cls=CliCommand)
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
    with connect_client(context) as client:
        made = client.post(resource_path(name, "schemas"), body)
    context.output.confirm(f"schema {made['name']} created", made)
