"""The options of ``rules explain``; what is done with them is read when somebody does it (rules_explain_run.py)."""

from __future__ import annotations

from collections.abc import Sequence

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command("explain", cls=CliCommand)
@click.argument("message", metavar="MSG")
@click.option("--topic", help="The topic of a message from a file; needed when rules hear several.")
@click.option("--attribute", "-a", "attributes", multiple=True, metavar="NAME=VALUE", help="An attribute of it.")
@click.option("--rule", "rules", multiple=True, metavar="NAME", help="Show this rule only; may be repeated.")
@click.option("--brief", is_flag=True, help="One line for each rule that did not match.")
@pass_context
def explain(
    context: Context,
    /,
    message: str,
    topic: str | None,
    attributes: Sequence[str],
    rules: tuple[str, ...],
    *,
    brief: bool,
) -> None:
    """Show what each rule makes of MSG: each condition with the value it saw, and what came of it.

    MSG is a stored message, TOPIC:OFFSET: then it is told what was decided, and apart from it what would be decided
    now; by the daemon, or from its store when it does not run. Or it is a file with a payload, or with a line of
    `tail --json` (- for standard input): then the rule files alone are asked. Or it is a bundle (`ams-bridge bundle`):
    then nothing but that file is needed. Payloads are exactly what destinations are sent, secrets hidden.
    """
    from bridge.cli.rules_explain_run import run_explain

    run_explain(context, message, topic, attributes, rules, brief=brief)
