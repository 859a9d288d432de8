"""``project``, ``topic``, ``subscription``, ``user``, ``schema``: AMS resources, through the AMS API."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from bridge.cli.client import connected
from bridge.cli.context import Context, Group, pass_context
from bridge.cli.names import resource_name, resource_path
from bridge.cli.output import Column, Failed, facts


@click.group(cls=Group)
def project() -> None:
    """Projects: create, list, show, delete."""


@project.command("list")
@pass_context
def list_projects(context: Context) -> None:
    """All projects, oldest first."""
    with connected(context) as client:
        found = client.get("/v1/projects").get("projects", [])
    columns = [_text("Project", "name"), _text("Description", "description"), _text("Created", "created_on")]
    context.output.rows(found, columns, empty="No project yet: `ams-bridge project create NAME`.")


@project.command("create")
@click.argument("name")
@click.option("--description", default="", help="What it is for.")
@pass_context
def create_project(context: Context, name: str, description: str) -> None:
    """Create the project NAME."""
    with connected(context) as client:
        made = client.post(f"/v1/projects/{name}", {"description": description})
    context.output.done(f"project {name} created", made)


@project.command("show")
@click.argument("name")
@pass_context
def show_project(context: Context, name: str) -> None:
    """Show the project NAME."""
    with connected(context) as client:
        _show(context, client.get(f"/v1/projects/{name}"))


@project.command("delete")
@click.argument("name")
@click.confirmation_option(prompt="Its topics, messages and subscriptions go with it. Delete?")
@pass_context
def delete_project(context: Context, name: str) -> None:
    """Delete the project NAME with its topics, messages and subscriptions."""
    with connected(context) as client:
        client.delete(f"/v1/projects/{name}")
    context.output.done(f"project {name} deleted")


@click.group(cls=Group)
def topic() -> None:
    """Topics: create, list, show, delete, acl."""


@topic.command("list")
@click.argument("project_name", metavar="PROJECT")
@pass_context
def list_topics(context: Context, project_name: str) -> None:
    """The topics of PROJECT, newest first."""
    with connected(context) as client:
        found = client.get(f"/v1/projects/{project_name}/topics")["topics"]
    columns = [_text("Topic", "name"), _text("Schema", "schema"), _text("Created", "created_on")]
    context.output.rows(found, columns, empty="No topic yet: `ams-bridge topic create PROJECT/NAME`.")


@topic.command("create")
@click.argument("name", metavar="TOPIC")
@click.option("--schema", help="Name of a schema of the same project that messages must satisfy.")
@pass_context
def create_topic(context: Context, name: str, schema: str | None) -> None:
    """Create TOPIC (projects/P/topics/T, or P/T)."""
    project_name, _ = resource_name(name, "topics")
    body = {"schema": f"projects/{project_name}/schemas/{schema}"} if schema else {}
    with connected(context) as client:
        made = client.put(resource_path(name, "topics"), body)
    context.output.done(f"topic {made['name']} created", made)


@topic.command("show")
@click.argument("name", metavar="TOPIC")
@pass_context
def show_topic(context: Context, name: str) -> None:
    """Show TOPIC."""
    with connected(context) as client:
        _show(context, client.get(resource_path(name, "topics")))


@topic.command("delete")
@click.argument("name", metavar="TOPIC")
@click.confirmation_option(prompt="Its messages go with it. Delete?")
@pass_context
def delete_topic(context: Context, name: str) -> None:
    """Delete TOPIC and its messages; its subscriptions stay."""
    with connected(context) as client:
        client.delete(resource_path(name, "topics"))
    context.output.done(f"topic {name} deleted")


@topic.command("acl")
@click.argument("name", metavar="TOPIC")
@click.option("--set", "users", metavar="USER,USER", help="Replace the list ('' clears it).")
@pass_context
def topic_acl(context: Context, name: str, users: str | None) -> None:
    """Show or replace who may publish to TOPIC."""
    _acl(context, resource_path(name, "topics"), users)


@click.group(cls=Group)
def subscription() -> None:
    """Subscriptions: create, list, show, delete, offsets, acl."""


@subscription.command("list")
@click.argument("project_name", metavar="PROJECT")
@pass_context
def list_subscriptions(context: Context, project_name: str) -> None:
    """The subscriptions of PROJECT, newest first."""
    with connected(context) as client:
        found = client.get(f"/v1/projects/{project_name}/subscriptions")["subscriptions"]
    columns = [
        _text("Subscription", "name"),
        _text("Topic", "topic"),
        Column("Ack deadline", lambda row: f"{row['ackDeadlineSeconds']} s", number=True),
        Column("Push", lambda row: row["pushConfig"]["type"] or "-"),
    ]
    context.output.rows(found, columns, empty="No subscription yet.")


@subscription.command("create")
@click.argument("name", metavar="SUBSCRIPTION")
@click.option("--topic", "topic_name", required=True, help="The topic it reads, of the same project.")
@click.option(
    "--ack-deadline", "ack_deadline_s", type=click.IntRange(0, 600), default=10, show_default=True, help="Seconds."
)
@pass_context
def create_subscription(context: Context, name: str, topic_name: str, ack_deadline_s: int) -> None:
    """Create the pull subscription SUBSCRIPTION (P/S); it begins at the topic's end."""
    project_name, _ = resource_name(name, "subscriptions")
    topic_only = topic_name.rsplit("/", 1)[-1]
    body = {"topic": f"projects/{project_name}/topics/{topic_only}", "ackDeadlineSeconds": ack_deadline_s}
    with connected(context) as client:
        made = client.put(resource_path(name, "subscriptions"), body)
    context.output.done(f"subscription {made['name']} created", made)


@subscription.command("show")
@click.argument("name", metavar="SUBSCRIPTION")
@pass_context
def show_subscription(context: Context, name: str) -> None:
    """Show SUBSCRIPTION and where it stands."""
    path = resource_path(name, "subscriptions")
    with connected(context) as client:
        _show(context, client.get(path) | {"offsets": client.get(f"{path}:offsets")})


@subscription.command("delete")
@click.argument("name", metavar="SUBSCRIPTION")
@click.confirmation_option(prompt="Delete?")
@pass_context
def delete_subscription(context: Context, name: str) -> None:
    """Delete SUBSCRIPTION."""
    with connected(context) as client:
        client.delete(resource_path(name, "subscriptions"))
    context.output.done(f"subscription {name} deleted")


@subscription.command("seek")
@click.argument("name", metavar="SUBSCRIPTION")
@click.argument("offset", type=int)
@pass_context
def seek(context: Context, name: str, offset: int) -> None:
    """Move SUBSCRIPTION to OFFSET."""
    with connected(context) as client:
        client.post(f"{resource_path(name, 'subscriptions')}:modifyOffset", {"offset": offset})
    context.output.done(f"{name} stands at {offset}")


@subscription.command("acl")
@click.argument("name", metavar="SUBSCRIPTION")
@click.option("--set", "users", metavar="USER,USER", help="Replace the list ('' clears it).")
@pass_context
def subscription_acl(context: Context, name: str, users: str | None) -> None:
    """Show or replace who may pull from SUBSCRIPTION."""
    _acl(context, resource_path(name, "subscriptions"), users)


@click.group(cls=Group)
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
        _text("User", "name"),
        Column("Service roles", lambda row: ", ".join(row["service_roles"])),
        Column(
            "Projects",
            lambda row: "; ".join(f"{p['project']}: {', '.join(p['roles'])}" for p in row.get("projects", [])),
        ),
        _text("E-mail", "email"),
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
    _show(context, found)


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


@click.group(cls=Group)
def schema() -> None:
    """Schemas of topics: create, list, show, delete."""


@schema.command("list")
@click.argument("project_name", metavar="PROJECT")
@pass_context
def list_schemas(context: Context, project_name: str) -> None:
    """The schemas of PROJECT."""
    with connected(context) as client:
        found = client.get(f"/v1/projects/{project_name}/schemas").get("schemas", [])
    context.output.rows(found, [_text("Schema", "name"), _text("Type", "type")], empty="No schema yet.")


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
        _show(context, client.get(resource_path(name, "schemas")))


@schema.command("delete")
@click.argument("name", metavar="SCHEMA")
@click.confirmation_option(prompt="Topics that use it lose it. Delete?")
@pass_context
def delete_schema(context: Context, name: str) -> None:
    """Delete SCHEMA."""
    with connected(context) as client:
        client.delete(resource_path(name, "schemas"))
    context.output.done(f"schema {name} deleted")


def _text(head: str, key: str) -> Column:
    return Column(head, lambda row: row.get(key, ""))


def _show(context: Context, found: dict[str, Any]) -> None:
    if context.output.as_json:
        context.output.value(found)
        return
    facts(context.output, ((name, _plain(value)) for name, value in found.items()))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _acl(context: Context, path: str, users: str | None) -> None:
    with connected(context) as client:
        if users is not None:
            client.post(f"{path}:modifyAcl", {"authorized_users": [name for name in users.split(",") if name]})
        names = client.get(f"{path}:acl")["authorized_users"]
    context.output.rows([{"user": name} for name in names], [_text("User", "user")], empty="Nobody is on the list.")
