"""``deliveries``: the outbox and its dead letters."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.connection import connect_client
from bridge.cli.fitting_tables import Column, id_column, text_column, time_column
from bridge.cli.output import Failed, print_details
from bridge.cli.typed import duration, show_time

STATES = ("waiting", "delivered", "dead", "suppressed", "folded", "cancelled", "dropped", "shadow")
_COLORS = {"dead": "bold red", "waiting": "yellow", "delivered": "green", "shadow": "magenta"}

_LISTED = [
    time_column("Decided", lambda row: show_time(row["created"])),
    Column("State", lambda row: row["state"], style=lambda row: _COLORS.get(row["state"], "")),
    text_column("Destination", "destination"),
    text_column("Rule", "rule"),
    Column("Tries", lambda row: row["tries"], number=True),
    text_column("Why", "by", below=True),
    Column("Post", lambda row: row["summary"][:60], below=True),
]
_ATTEMPTS = [
    time_column("At", lambda row: show_time(row["at"])),
    Column("Outcome", lambda row: row["outcome"] + (" (unclear)" if row["unclear"] else "")),
    Column("Took", lambda row: f"{row['took_s']:.3f} s", number=True),
    Column("Counted", lambda row: "yes" if row["counted"] else "no"),
    text_column("Why", "reason", below=True),
]


def listing(deliveries: Sequence[Any]) -> list[Column]:
    """The columns of a listing of deliveries."""
    return [id_column(deliveries), *_LISTED]


def filters(command: Callable[..., None]) -> Callable[..., None]:
    """The options that choose deliveries."""
    options = [
        click.option("--state", type=click.Choice(STATES), help="Only in this state."),
        click.option("--destination", help="Only to this destination."),
        click.option("--rule", help="Only of this rule."),
        click.option("--topic", help="Only of messages of this topic (projects/P/topics/T, or P/T)."),
        click.option("--since", type=duration, help="Only those decided within this time, such as 1h."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command("list", cls=CliCommand)
@filters
@click.option("--into", metavar="ID", help="Only those that became part of this digest, or were cancelled with it.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many at most.")
@click.option("--before", type=int, help="Page on: only those before this number (seq of the last one shown).")
@pass_context
def list_deliveries(context: Context, /, limit: int, before: int | None, **chosen: Any) -> None:
    """Deliveries, newest first."""
    with connect_client(context) as client:
        page = client.get("/api/deliveries", limit=limit, before=before, **_query(chosen))
    context.output.print_rows(page["deliveries"], listing(page["deliveries"]), empty="No delivery fits.")
    if page["next"] is not None:
        context.output.say(f"There are more: --before {page['next']}")


@click.command("show", cls=CliCommand)
@click.argument("delivery_id", metavar="ID")
@pass_context
def show_delivery(context: Context, delivery_id: str) -> None:
    """Show one delivery with its post, every attempt, and, of a digest, what it stands in place of."""
    from bridge.cli.drawing import print_post  # with all of Markdown, and only ``show`` draws a post

    with connect_client(context) as client:
        answer = client.get(f"/api/deliveries/{delivery_id}")
    output = context.output
    if output.as_json:
        output.print_value(answer)
        return
    delivery = answer["delivery"]
    fields = {name: value for name, value in delivery.items() if name != "summary" and (value or value == 0)}
    print_details(output, fields)
    print_post(output, answer["post"], f"to {delivery['destination']}", footer=f"rule {delivery['rule']}")
    output.print_rows(
        answer["attempts"],
        _ATTEMPTS,
        title="Attempts",
        empty="It has not been tried yet." if delivery["state"] == "waiting" else "It was not tried.",
    )
    instead_of = answer["instead_of"]
    if instead_of["deliveries"]:
        output.print_rows(instead_of["deliveries"], listing(instead_of["deliveries"]), title="It stands in place of")
    if instead_of["next"] is not None:
        output.say(f"There are more: ams-bridge deliveries list --into {delivery['id']} --before {instead_of['next']}")
    if delivery["state"] in ("folded", "cancelled"):
        output.say(f"The digest that tells of it: ams-bridge deliveries show {delivery['by']}")


@click.command("replay", cls=CliCommand)
@click.argument("ids", metavar="[ID]...", nargs=-1)
@filters
@pass_context
def replay(context: Context, /, ids: Sequence[str], **chosen: Any) -> None:
    """Send dead letters again, as they were rendered: by ID, or all that the options choose.

    They keep their ids and join the end of their order, marked late. Rules are not asked again.
    """
    count = _change(context, "replay", ids, _choice(ids, chosen))
    if ids and not count:
        raise Failed("nothing is sent again: only dead letters are, and none has such an ID")
    context.output.confirm(f"{_deliveries(count)} will be sent again", {"count": count})


@click.command("drop", cls=CliCommand)
@click.argument("ids", metavar="[ID]...", nargs=-1)
@filters
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_context
def drop(context: Context, /, ids: Sequence[str], *, yes: bool, **chosen: Any) -> None:
    """Give up dead letters, or waiting deliveries (--state waiting): by ID, or all that the options choose."""
    choice = _choice(ids, chosen)
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("dropped deliveries are never sent; where nobody can be asked, say --yes")
    if not yes:
        click.confirm("Dropped deliveries are never sent. Drop?", abort=True, err=True)
    count = _change(context, "drop", ids, choice)
    if ids and not count:
        raise Failed("nothing is dropped: only dead letters and waiting deliveries are, and none has such an ID")
    context.output.confirm(f"{_deliveries(count)} dropped", {"count": count})


def _choice(ids: Sequence[str], chosen: dict[str, Any]) -> dict[str, Any]:
    """The filter that the options name. Raises UsageError unless there is either that or IDs."""
    query = _query(chosen)
    if bool(ids) == bool(query):
        raise click.UsageError(
            "name deliveries by ID, or choose them by --state, --destination, --rule, --topic, --since"
        )
    return query


def _change(context: Context, verb: str, ids: Sequence[str], query: dict[str, Any]) -> int:
    with connect_client(context) as client:
        count: int = client.post(f"/api/deliveries:{verb}", {"ids": list(ids)} if ids else query)["count"]
    return count


def _query(chosen: dict[str, Any]) -> dict[str, Any]:
    since_s = chosen.pop("since")
    given = {name: value for name, value in chosen.items() if value is not None}
    return given | ({"since_s": round(since_s)} if since_s is not None else {})


def _deliveries(count: int) -> str:
    return "1 delivery" if count == 1 else f"{count} deliveries"
