"""``people``: who may see the pages and ask the operators' API."""

from __future__ import annotations

import sys
from urllib.parse import quote

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.connection import connect_client
from bridge.cli.fitting_tables import Column, text_column, time_column
from bridge.cli.output import Failed
from bridge.cli.typed import show_time

_ROLES = click.Choice(["viewer", "responder", "admin"])
_PEOPLE = [
    text_column("Name", "name"),
    text_column("Role", "role"),
    Column("Password", lambda row: "set" if row["has_password"] else "none"),
    Column("Token", lambda row: "set" if row["has_token"] else "none"),
    time_column("Since", lambda row: show_time(row["created"])),
]
_SESSIONS = [
    text_column("Id", "id"),
    text_column("Who", "name"),
    text_column("With", "how"),
    text_column("From", "address"),
    time_column("Since", lambda row: show_time(row["since"])),
    time_column("Until", lambda row: show_time(row["until"])),
]


@click.command("add", cls=CliCommand)
@click.argument("name")
@click.option("--role", type=_ROLES, default="viewer", show_default=True, help="What the person may do.")
@click.option("--password", "with_password", is_flag=True, help="Ask for a password, or read one line of the input.")
@click.option("--with-token", is_flag=True, help="Make a token for the API, and print it, this once.")
@pass_context
def add_person(context: Context, name: str, role: str, *, with_password: bool, with_token: bool) -> None:
    """Add the person NAME.

    Without --password and --with-token a trusted proxy says who it is.
    """
    body = {"name": name, "role": role, "with_token": with_token, "password": _ask(name) if with_password else ""}
    with connect_client(context) as client:
        made = client.post("/api/people", body)
    token = f"; token: {made['token']}" if made["token"] else ""
    context.output.confirm(f"{made['person']['name']} was added as {role}{token}", made)


@click.command("list", cls=CliCommand)
@pass_context
def list_people(context: Context) -> None:
    """Everybody who was added, by name."""
    with connect_client(context) as client:
        people = client.get("/api/people")["people"]
    context.output.print_rows(people, _PEOPLE, empty="Nobody yet: `ams-bridge people add NAME --password`.")


@click.command("role", cls=CliCommand)
@click.argument("name")
@click.argument("role", type=_ROLES)
@pass_context
def change_role(context: Context, name: str, role: str) -> None:
    """Give the person NAME another ROLE, from the next request on."""
    with connect_client(context) as client:
        changed = client.post(f"/api/people/{quote(name, safe='')}:role", {"role": role})
    context.output.confirm(f"{name} is {role} now", changed)


@click.command("password", cls=CliCommand)
@click.argument("name")
@click.option("--none", "to_none", is_flag=True, help="Take the password away.")
@pass_context
def change_password(context: Context, name: str, *, to_none: bool) -> None:
    """Give the person NAME another password: asked for, or one line of the input. Sessions of the old one end."""
    with connect_client(context) as client:
        password = "" if to_none else _ask(name)
        changed = client.post(f"/api/people/{quote(name, safe='')}:password", {"password": password})
    context.output.confirm(f"{name} has {'no' if to_none else 'another'} password", changed)


@click.command("token", cls=CliCommand)
@click.argument("name")
@pass_context
def renew_token(context: Context, name: str) -> None:
    """Give the person NAME a new token, and print it, this once; the old one dies at once."""
    with connect_client(context) as client:
        changed = client.post(f"/api/people/{quote(name, safe='')}:token")
    context.output.confirm(f"new token of {name}: {changed['token']}", changed)


@click.command("remove", cls=CliCommand)
@click.argument("name")
@pass_context
def remove_person(context: Context, name: str) -> None:
    """Remove the person NAME; sessions and token are dead at once."""
    with connect_client(context) as client:
        removed = client.post(f"/api/people/{quote(name, safe='')}:remove")
    context.output.confirm(f"{name} was removed", removed)


@click.command("sessions", cls=CliCommand)
@click.option("--end", "ended", metavar="ID", help="End this one.")
@pass_context
def list_sessions(context: Context, ended: str | None) -> None:
    """Who is logged in to the pages, the newest first."""
    with connect_client(context) as client:
        if ended is not None:
            session = client.post(f"/api/sessions/{quote(ended, safe='')}:end")
            context.output.confirm(f"the session of {session['name']} has ended", session)
            return
        sessions = client.get("/api/sessions")["sessions"]
    context.output.print_rows(sessions, _SESSIONS, empty="Nobody is logged in.")


def _ask(name: str) -> str:
    """A new password, typed twice at a terminal, else the first line of the input. Raises Failed."""
    if sys.stdin.isatty():
        typed: str = click.prompt(f"Password of {name}", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise Failed("the input has no password in its first line")
    return line
