"""``project``, ``topic`` and ``subscription``: AMS resources, through the AMS API."""

from __future__ import annotations

from typing import Any

import click

from bridge.cli.client import Client, Unreached, connected
from bridge.cli.command_context import CliGroup, Context, pass_context
from bridge.cli.naming import resource_name, resource_path
from bridge.cli.output import Failed, shown
from bridge.cli.tables import Column, text_column, time_column
from bridge.cli.typed import when

_CREATED = time_column("Created", lambda row: row["created_on"])


@click.group(cls=CliGroup)
def project() -> None:
    """Projects: create, list, show, delete."""


@project.command("list")
@pass_context
def list_projects(context: Context) -> None:
    """All projects, oldest first."""
    with connected(context) as client:
        found = client.get("/v1/projects").get("projects", [])
    columns = [
        text_column("Project", "name"),
        text_column("Description", "description", below=True),
        _CREATED,
    ]
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
        shown(context.output, client.get(f"/v1/projects/{name}"))


@project.command("delete")
@click.argument("name")
@click.confirmation_option(prompt="Its topics, messages and subscriptions go with it. Delete?")
@pass_context
def delete_project(context: Context, name: str) -> None:
    """Delete the project NAME with its topics, messages and subscriptions."""
    with connected(context) as client:
        client.delete(f"/v1/projects/{name}")
    context.output.done(f"project {name} deleted")


@click.group(cls=CliGroup)
def topic() -> None:
    """Topics: create, list, show, delete, acl."""


@topic.command("list")
@click.argument("project_name", metavar="PROJECT")
@pass_context
def list_topics(context: Context, project_name: str) -> None:
    """The topics of PROJECT, newest first."""
    with connected(context) as client:
        found = client.get(f"/v1/projects/{project_name}/topics")["topics"]
    columns = [
        text_column("Topic", "name"),
        text_column("Schema", "schema"),
        _CREATED,
    ]
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
        shown(context.output, client.get(resource_path(name, "topics")))


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


@click.group(cls=CliGroup)
def subscription() -> None:
    """Subscriptions: create, list, show, verify, delete, offsets, acl."""


@subscription.command("list")
@click.argument("project_name", metavar="PROJECT")
@pass_context
def list_subscriptions(context: Context, project_name: str) -> None:
    """The subscriptions of PROJECT, newest first: how far they are behind, and whether their pushes get through."""
    with connected(context) as client:
        found = client.get(f"/v1/projects/{project_name}/subscriptions")["subscriptions"]
        states = _states(client, project_name)
    for one in found:
        one["state"] = states.get(one["name"].lstrip("/"), {})
    columns = [
        text_column("Subscription", "name"),
        text_column("Topic", "topic"),
        Column("Ack deadline", lambda row: f"{row['ackDeadlineSeconds']} s", number=True),
        Column("Behind", lambda row: str(row["state"].get("behind", "-")), number=True),
        Column("Push", _push_of, below=True),
    ]
    context.output.rows(found, columns, empty="No subscription yet.")


@subscription.command("create")
@click.argument("name", metavar="SUBSCRIPTION")
@click.option("--topic", "topic_name", required=True, help="The topic it reads, of the same project.")
@click.option(
    "--ack-deadline", "ack_deadline_s", type=click.IntRange(0, 600), default=10, show_default=True, help="Seconds."
)
@click.option("--push", "push_url", metavar="URL", help="Push to this endpoint; without it, it is pulled.")
@click.option("--mattermost", is_flag=True, help="What --push names is an incoming webhook of Mattermost.")
@click.option(
    "--push-messages", type=click.IntRange(1, 10_000), default=1, show_default=True, help="Messages per push."
)
@pass_context
def create_subscription(
    context: Context,
    name: str,
    topic_name: str,
    ack_deadline_s: int,
    push_url: str | None,
    mattermost: bool,
    push_messages: int,
) -> None:
    """Create SUBSCRIPTION (P/S), to pull from or to push; it begins at the topic's end."""
    project_name, _ = resource_name(name, "subscriptions")
    topic_only = topic_name.rsplit("/", 1)[-1]
    body: dict[str, Any] = {
        "topic": f"projects/{project_name}/topics/{topic_only}",
        "ackDeadlineSeconds": ack_deadline_s,
    }
    if push_url:
        body["pushConfig"] = _push_config(push_url, push_messages, mattermost=mattermost)
    elif mattermost:
        raise click.UsageError("--mattermost needs --push URL")
    with connected(context) as client:
        made = client.put(resource_path(name, "subscriptions"), body)
    push = made["pushConfig"]
    unverified = push["type"] and not push["verified"]
    then = (
        f"; let GET /ams_verification_hash of its host answer {push['verificationHash']}, then: "
        f"ams-bridge subscription verify {name}"
        if unverified
        else ""
    )
    context.output.done(f"subscription {made['name']} created{then}", made)


def _push_config(url: str, messages: int, *, mattermost: bool) -> dict[str, Any]:
    """AMS's push configuration for an endpoint, everything else as it is by default."""
    if mattermost:
        return {"type": "mattermost", "mattermostUrl": url}
    return {"type": "http_endpoint", "pushEndpoint": url, "maxMessages": messages}


def _states(client: Client, project_name: str) -> dict[str, dict[str, Any]]:
    """How the subscriptions of a project fare, by full name; empty for those who may not ask, such as a consumer."""
    try:
        found = client.get("/api/subscriptions", project=project_name)["subscriptions"]
    except Unreached:
        raise
    except Failed:
        return {}
    return {one["subscription"]: one for one in found}


def _push_of(row: dict[str, Any]) -> str:
    push, state = row["pushConfig"], row["state"]
    if not push["type"]:
        return "-"
    if state.get("failing_since"):
        return f"failing since {when(state['failing_since'])}: {state['why']}"
    return str(push["type"]) if push["verified"] else f"{push['type']}, not verified"


@subscription.command("verify")
@click.argument("name", metavar="SUBSCRIPTION")
@pass_context
def verify_subscription(context: Context, name: str) -> None:
    """Ask the push endpoint of SUBSCRIPTION for its hash; once it has answered, pushing begins."""
    with connected(context) as client:
        client.post(f"{resource_path(name, 'subscriptions')}:verifyPushEndpoint")
    context.output.done(f"subscription {name} is verified")


@subscription.command("show")
@click.argument("name", metavar="SUBSCRIPTION")
@pass_context
def show_subscription(context: Context, name: str) -> None:
    """Show SUBSCRIPTION and where it stands."""
    path = resource_path(name, "subscriptions")
    project_name, _ = resource_name(name, "subscriptions")
    with connected(context) as client:
        found = client.get(path)
        state = _states(client, project_name).get(found["name"].lstrip("/"), {})
        kept = {key: state[key] for key in ("behind", "failing_since", "why") if state.get(key) not in (None, "")}
        shown(context.output, found | {"offsets": client.get(f"{path}:offsets")} | kept)


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


def _acl(context: Context, path: str, users: str | None) -> None:
    with connected(context) as client:
        if users is not None:
            client.post(f"{path}:modifyAcl", {"authorized_users": [name for name in users.split(",") if name]})
        names = client.get(f"{path}:acl")["authorized_users"]
    context.output.rows(
        [{"user": name} for name in names], [text_column("User", "user")], empty="Nobody is on the list."
    )
