"""``subscription``: what is pulled or pushed from a topic, through the AMS API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.connection import Unreached, connect_client
from bridge.cli.fitting_tables import Column, text_column
from bridge.cli.naming import resource_name, resource_path
from bridge.cli.noun_verbs import acl_command, delete_command, noun_in
from bridge.cli.output import Failed, print_details
from bridge.cli.typed import show_time

if TYPE_CHECKING:
    from bridge.cli.client import Client

_SUBSCRIPTION = noun_in("subscription", "subscriptions")

delete_subscription = delete_command(_SUBSCRIPTION, "Delete SUBSCRIPTION.")
subscription_acl = acl_command(_SUBSCRIPTION, "Show or replace who may pull from SUBSCRIPTION.")


@click.command("list", cls=CliCommand)
@click.argument("project_name", metavar="PROJECT")
@pass_context
def list_subscriptions(context: Context, project_name: str) -> None:
    """The subscriptions of PROJECT, newest first: how far they are behind, and whether their pushes get through."""
    with connect_client(context) as client:
        subscriptions = client.get(f"/v1/projects/{project_name}/subscriptions")["subscriptions"]
        states = _states(client, project_name)
    for subscription in subscriptions:
        subscription["state"] = states.get(subscription["name"].lstrip("/"), {})
    columns = [
        text_column("Subscription", "name"),
        text_column("Topic", "topic"),
        Column("Ack deadline", lambda row: f"{row['ackDeadlineSeconds']} s", number=True),
        Column("Behind", lambda row: str(row["state"].get("behind", "-")), number=True),
        Column("Push", _push_of, below=True),
    ]
    context.output.print_rows(subscriptions, columns, empty="No subscription yet.")


@click.command("create", cls=CliCommand)
@click.argument("name", metavar="SUBSCRIPTION")
@click.option("--topic", "topic_name", required=True, help="The topic it reads, of the same project.")
@click.option(
    "--ack-deadline", "ack_deadline_s", type=click.IntRange(0, 600), default=10, show_default=True, help="Seconds."
)
@click.option("--filter", "filter_text", metavar="FILTER", help='Only these messages, as: attributes.kind = "alarm".')
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
    filter_text: str | None,
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
    if filter_text:
        body["filter"] = filter_text
    if push_url:
        body["pushConfig"] = _push_config(push_url, push_messages, mattermost=mattermost)
    elif mattermost:
        raise click.UsageError("--mattermost needs --push URL")
    with connect_client(context) as client:
        made = client.put(resource_path(name, "subscriptions"), body)
    push = made["pushConfig"]
    unverified = push["type"] and not push["verified"]
    then = (
        f"; let GET /ams_verification_hash of its host answer {push['verificationHash']}, then: "
        f"ams-bridge subscription verify {name}"
        if unverified
        else ""
    )
    context.output.confirm(f"subscription {made['name']} created{then}", made)


def _push_config(url: str, messages: int, *, mattermost: bool) -> dict[str, Any]:
    """AMS's push configuration for an endpoint, everything else as it is by default."""
    if mattermost:
        return {"type": "mattermost", "mattermostUrl": url}
    return {"type": "http_endpoint", "pushEndpoint": url, "maxMessages": messages}


def _states(client: Client, project_name: str) -> dict[str, dict[str, Any]]:
    """How the subscriptions of a project fare, by full name; empty for those who may not ask, such as a consumer."""
    try:
        subscriptions = client.get("/api/subscriptions", project=project_name)["subscriptions"]
    except Unreached:
        raise
    except Failed:
        return {}
    return {subscription["subscription"]: subscription for subscription in subscriptions}


def _push_of(row: dict[str, Any]) -> str:
    push, state = row["pushConfig"], row["state"]
    if not push["type"]:
        return "-"
    if state.get("failing_since"):
        return f"failing since {show_time(state['failing_since'])}: {state['why']}"
    return str(push["type"]) if push["verified"] else f"{push['type']}, not verified"


@click.command("verify", cls=CliCommand)
@click.argument("name", metavar="SUBSCRIPTION")
@pass_context
def verify_subscription(context: Context, name: str) -> None:
    """Ask the push endpoint of SUBSCRIPTION for its hash; once it has answered, pushing begins."""
    with connect_client(context) as client:
        client.post(f"{resource_path(name, 'subscriptions')}:verifyPushEndpoint")
    context.output.confirm(f"subscription {name} is verified")


@click.command("show", cls=CliCommand)
@click.argument("name", metavar="SUBSCRIPTION")
@pass_context
def show_subscription(context: Context, name: str) -> None:
    """Show SUBSCRIPTION and where it stands."""
    path = resource_path(name, "subscriptions")
    project_name, _ = resource_name(name, "subscriptions")
    with connect_client(context) as client:
        subscription = client.get(path)
        state = _states(client, project_name).get(subscription["name"].lstrip("/"), {})
        kept = {key: state[key] for key in ("behind", "failing_since", "why") if state.get(key) not in (None, "")}
        print_details(context.output, subscription | {"offsets": client.get(f"{path}:offsets")} | kept)


@click.command("seek", cls=CliCommand)
@click.argument("name", metavar="SUBSCRIPTION")
@click.argument("offset", type=int)
@pass_context
def seek(context: Context, name: str, offset: int) -> None:
    """Move SUBSCRIPTION to OFFSET."""
    with connect_client(context) as client:
        client.post(f"{resource_path(name, 'subscriptions')}:modifyOffset", {"offset": offset})
    context.output.confirm(f"{name} stands at {offset}")
