"""``ams-bridge``: the command line's root."""

from __future__ import annotations

from typing import Any, Final

import click

from bridge.cli.command_context import Context
from bridge.cli.lazy import LazyGroup, Listed

COMMANDS: Final = {
    "demo": Listed("demo:demo", "See the whole line work on this machine, with sample alerts."),
    "init": Listed("init:init", "Write a starter configuration."),
    "check": Listed("check_command:check", "Check settings, rules, templates and tables."),
    "doctor": Listed("doctor:doctor", "Look for what is wrong with store, disk, clock, certificates."),
    "run": Listed("run:run", "Run the daemon; SIGTERM or Ctrl-C stops it, SIGHUP reloads."),
    "reload": Listed("reload_command:reload", "Let the daemon read settings, rules and certificates again."),
    "settings": Listed("settings_command:settings", "Every key of bridge.yaml with meaning, default and unit."),
    "publish": Listed("message_commands:publish", "Publish to a topic."),
    "pull": Listed("message_commands:pull", "Pull from a subscription."),
    "tail": Listed("tail_command:tail", "Show messages as they come, with what was decided."),
    "find": Listed("find_command:find", "Messages, posts, incidents and silences by what they say."),
    "timeline": Listed("timeline_command:timeline", "What happened: last night, or between 02:00 and 03:00."),
    "replay": Listed("replay_command:replay", "Decide stored messages anew by the rules of now."),
    "bundle": Listed("bundle_command:bundle", "Put all that a decision rested on into one file, without secrets."),
    "send": Listed("send_command:send", "Send one post to a destination now, and say what came of it."),
    "rules": Listed("rules_commands:rules", "Tools around the rules: test, explain, backtest and others."),
    "deliveries": Listed("nouns:deliveries", "Deliveries and dead letters: list, show, replay, drop."),
    "incidents": Listed("nouns:incidents", "Incidents that fire: list, take, give-back."),
    "silence": Listed("nouns:silence", "Silences: add, list, preview, change, expire."),
    "rota": Listed("nouns:rota", "Who is on call: show."),
    "report": Listed("nouns:report", "Reports on what was told: noise."),
    "ledger": Listed("ledger_command:ledger", "The books of every topic: where messages and sends ended."),
    "nodes": Listed("nodes_command:nodes", "Daemons that share a store in PostgreSQL, and what each runs."),
    "audit": Listed("audit_command:audit", "Who logged in or failed to, and who changed what."),
    "people": Listed("nouns:people", "Who may see the pages: add, list, role, password, remove."),
    "project": Listed("nouns:project", "Projects: create, list, show, delete."),
    "topic": Listed("nouns:topic", "Topics: create, list, show, delete, acl."),
    "subscription": Listed("nouns:subscription", "Subscriptions: create, list, show, delete, seek, acl."),
    "user": Listed("nouns:user", "Users: create, list, show, delete, refresh-token."),
    "schema": Listed("nouns:schema", "Schemas of topics: create, list, show, delete."),
    "import": Listed("import_commands:import_group", "Take over another AMS, or GOCDB's hosts: ams, gocdb."),
    "export": Listed("export_command:export", "Write projects, users and certificates as settings."),
    "backup": Listed("store_commands:backup", "Copy the store to a new file while the daemon runs."),
    "restore": Listed("store_commands:restore", "Put a backup in the store's place."),
    "migrate": Listed("migrate_command:migrate", "Copy a store from SQLite into a database of PostgreSQL."),
    "completion": Listed("completion:completion", "What makes bash, zsh or fish complete commands."),
    "man": Listed("man_command:man", "Write the manual pages into a folder."),
    "fake": Listed("fake:fake", "Stand-in servers for your own tests: mattermost."),
}
"""The commands, in the order in which people meet them."""


class RootGroup(LazyGroup):
    """The group of all commands, those of COMMANDS."""

    def invoke(self, ctx: click.Context) -> Any:
        """See Group. Files that this user may not read are told of in a sentence, whichever command meets them."""
        try:
            return super().invoke(ctx)
        except PermissionError as error:
            from bridge.cli.output import Failed

            if error.filename is None:
                raise
            raise Failed(
                f"{error.filename}: {error.strerror}; run this as its owner, or as the daemon's user"
            ) from error


@click.command(
    cls=RootGroup,
    listed=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="ams-bridge", prog_name="ams-bridge")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Take messages in, decide with rules, deliver each once to the right place.

    Begin with `ams-bridge demo`, then `ams-bridge init` for a configuration of your own.
    """
    ctx.ensure_object(Context)
