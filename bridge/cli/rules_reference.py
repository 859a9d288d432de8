"""``rules reference``: the rule reference of this installation, operators and filters of plugins included."""

from __future__ import annotations

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from rules.workbench.reference_page import reference_page


@click.command("reference", cls=CliCommand)
@pass_context
def reference(context: Context) -> None:
    """Print the rule reference: every key, operator, filter and template, as Markdown.

    It is the page of the documentation, and says also what the plugins that are installed here add.
    """
    if context.output.as_json:
        context.output.print_value({"markdown": reference_page(plugins=True)})
    else:
        context.output.print_document(reference_page(plugins=True) + "\n")
