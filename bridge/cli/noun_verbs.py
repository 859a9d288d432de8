"""The verbs that the nouns of the AMS API share: show and delete one of them, and who may use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.connection import connect_client
from bridge.cli.fitting_tables import text_column
from bridge.cli.naming import resource_path
from bridge.cli.output import print_details


@dataclass(frozen=True, slots=True)
class AmsNoun:
    """A kind of thing of the AMS API: its word, how its name stands in usages, and the API's path of one."""

    word: str
    metavar: str
    path: Callable[[str], str]


def noun_in(word: str, collection: str) -> AmsNoun:
    """A noun whose things lie in projects: ``PROJECT/NAME``."""
    return AmsNoun(word, word.upper(), lambda name: resource_path(name, collection))


def noun_of_the_service(word: str, collection: str) -> AmsNoun:
    """A noun whose things have a name alone."""
    return AmsNoun(word, "NAME", lambda name: f"/v1/{collection}/{name}")


def show_command(noun: AmsNoun, about: str) -> click.Command:
    """``show``: the thing as the API tells of it."""

    @click.command("show", cls=CliCommand, help=about)
    @click.argument("name", metavar=noun.metavar)
    @pass_context
    def show(context: Context, name: str) -> None:
        with connect_client(context) as client:
            print_details(context.output, client.get(noun.path(name)))

    return show


def delete_command(noun: AmsNoun, about: str, *, loss: str = "") -> click.Command:
    """``delete``, which asks first; ``loss`` says what goes with the thing."""

    @click.command("delete", cls=CliCommand, help=about)
    @click.argument("name", metavar=noun.metavar)
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @pass_context
    def delete(context: Context, name: str, *, yes: bool) -> None:
        if not yes:
            click.confirm(f"{loss} Delete?".lstrip(), abort=True, err=True)
        with connect_client(context) as client:
            client.delete(noun.path(name))
        context.output.confirm(f"{noun.word} {name} deleted")

    return delete


def acl_command(noun: AmsNoun, about: str) -> click.Command:
    """``acl``: the list of users, shown or replaced."""

    @click.command("acl", cls=CliCommand, help=about)
    @click.argument("name", metavar=noun.metavar)
    @click.option("--set", "users", metavar="USER,USER", help="Replace the list ('' clears it).")
    @pass_context
    def acl(context: Context, name: str, users: str | None) -> None:
        path = noun.path(name)
        with connect_client(context) as client:
            if users is not None:
                client.post(f"{path}:modifyAcl", {"authorized_users": [name for name in users.split(",") if name]})
            names = client.get(f"{path}:acl")["authorized_users"]
        rows = [{"user": name} for name in names]
        context.output.print_rows(rows, [text_column("User", "user")], empty="Nobody is on the list.")

    return acl
