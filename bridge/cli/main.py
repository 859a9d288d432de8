"""``ams-bridge``: the command line's root."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

import click

from bridge.cli.context import Context, Group, global_options

COMMANDS = {
    "demo": "demo:demo",
    "init": "init:init",
    "check": "check:check",
    "run": "run:run",
    "settings": "settings:settings",
    "publish": "messages:publish",
    "pull": "messages:pull",
    "tail": "tail:tail",
    "send": "send:send",
    "rules": "rules:rules",
    "deliveries": "deliveries:deliveries",
    "silence": "silences:silence",
    "ledger": "ledger:ledger",
    "project": "resources:project",
    "topic": "resources:topic",
    "subscription": "resources:subscription",
    "user": "people:user",
    "schema": "people:schema",
    "backup": "store:backup",
    "restore": "store:restore",
    "fake": "fake:fake",
}
"""Command name to ``file:function`` in this folder, in the order people meet them."""


class Root(Group):
    """Imports a command's file only when it is called, so that help and short commands start fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The command names, in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None for an unknown name."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module_name, _, name = place.partition(":")
        command: click.Command = getattr(import_module(f"bridge.cli.{module_name}"), name)
        return command


@click.command(
    cls=Root,
    params=list(global_options()),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(version("ams-bridge"), prog_name="ams-bridge")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Take messages in, decide with rules, deliver each once to the right place.

    Begin with `ams-bridge demo`, then `ams-bridge init` for a configuration of your own.
    """
    ctx.ensure_object(Context)
