"""``incidents``: what fires, whose it is, and taking or giving back one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.connection import connect_client
from bridge.cli.fitting_tables import Column, id_column, text_column, time_column
from bridge.cli.output import Failed
from bridge.cli.typed import show_time

if TYPE_CHECKING:
    from bridge.cli.client import Client

_MOST = 1000
_SHOWN_IDS = 10
_LISTED = [
    time_column("Since", lambda row: show_time(row["since"])),
    text_column("Rule", "rule"),
    text_column("Taken by", "taken_by"),
    Column("State", lambda row: row["ended"] or "firing", style=lambda row: "dim" if row["ended"] else "bold red"),
    text_column("Key", "key", below=True),
    Column("Told", lambda row: ", ".join(dict.fromkeys(send["destination"] for send in row["told"])), below=True),
    Column("Not told", lambda row: _hidden(row["hidden"]), below=True),
]


@click.command("list", cls=CliCommand)
@click.option("--rule", help="Only of this rule.")
@click.option("--key", metavar="TEXT", help="Only those whose key has this in it.")
@click.option("--destination", help="Only those that this destination was told of.")
@click.option("--taken-by", metavar="NAME", help="Only those that this person has taken.")
@click.option("--free", is_flag=True, help="Only those that nobody has taken.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=50, show_default=True, help="How many at most.")
@pass_context
def list_incidents(context: Context, /, rule: str | None, limit: int, **chosen: Any) -> None:
    """What fires, the longest open first; and what is over while somebody is still to be told so."""
    with connect_client(context) as client:
        page = client.get("/api/incidents", rule=rule, limit=_MOST)
    fitting = [incident for incident in page["incidents"] if _fits(incident, **chosen)]
    context.output.print_rows(fitting[:limit], [id_column(fitting), *_LISTED], empty="Nothing fires.")
    if len(fitting) > limit or page["more"]:
        context.output.say("There are more: --limit, --rule, --key")


@click.command("take", cls=CliCommand)
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--who", metavar="NAME", help="In this name, if not the owner's of the token.")
@pass_context
def take(context: Context, /, ids: Sequence[str], who: str | None) -> None:
    """Take the incidents ID: their reminders stop, and everybody sees who looks after them."""
    done = []
    with connect_client(context) as client:
        for incident in _find_incidents(client, ids):
            body = {"rule": incident["rule"], "key": incident["key"], "who": who or ""}
            done.append({**_name(incident), **client.post("/api/incidents:take", body)})
    text = "\n".join(f"{incident['rule']}: {incident['key']} is taken by {incident['taken_by']}" for incident in done)
    context.output.confirm(text, done)


@click.command("give-back", cls=CliCommand)
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@pass_context
def give_back(context: Context, ids: Sequence[str]) -> None:
    """Let the incidents ID be nobody's again: their reminders go on, overdue ones within a minute."""
    done = []
    with connect_client(context) as client:
        for incident in _find_incidents(client, ids):
            answer = client.post("/api/incidents:give-back", {"rule": incident["rule"], "key": incident["key"]})
            done.append({**_name(incident), **answer})
    text = "\n".join(f"{incident['rule']}: {incident['key']} {_release_text(incident['before'])}" for incident in done)
    context.output.confirm(text, done)


def _hidden(hidden: Sequence[Any]) -> str:
    return ", ".join(f"{entry['destination']}: {entry['by']}" for entry in hidden)


def _release_text(before: str) -> str:
    return f"is nobody's any more; {before} had it" if before else "was nobody's"


def _fits(incident: Any, *, key: str | None, destination: str | None, taken_by: str | None, free: bool) -> bool:
    destinations = {to["destination"] for to in incident["told"]}
    return (
        (key is None or key in incident["key"])
        and (destination is None or destination in destinations)
        and (taken_by is None or incident["taken_by"] == taken_by)
        and not (free and incident["taken_by"])
    )


def _find_incidents(client: Client, ids: Sequence[str]) -> list[Any]:
    """The open incidents whose ids begin as was typed. Raises Failed unless each is exactly one."""
    known = client.get("/api/incidents", limit=_MOST)["incidents"]
    incidents = []
    for begun in dict.fromkeys(ids):
        fitting = [incident for incident in known if incident["id"].startswith(begun)]
        if not fitting:
            raise Failed(f"no open incident has an id that begins with {begun}: `ams-bridge incidents list`")
        if len(fitting) > 1:
            named = ", ".join(
                f"{incident['id']} ({incident['rule']}: {incident['key']})" for incident in fitting[:_SHOWN_IDS]
            )
            raise Failed(f"several incidents have ids that begin with {begun}: {named}")
        incidents += fitting
    return incidents


def _name(incident: Any) -> dict[str, str]:
    return {"id": incident["id"], "rule": incident["rule"], "key": incident["key"]}
