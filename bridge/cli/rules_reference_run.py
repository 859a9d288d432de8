"""``rules reference``: the rule reference of this installation, operators and filters of plugins included."""

from __future__ import annotations

from bridge.cli.command_context import Context
from rules.workbench.reference_page import reference_page


def run_reference(context: Context) -> None:
    """Print the rule reference."""
    if context.output.as_json:
        context.output.print_value({"markdown": reference_page(plugins=True)})
    else:
        context.output.print_document(reference_page(plugins=True) + "\n")
