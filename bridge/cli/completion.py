"""``completion``: what makes a shell complete commands, options and files."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from bridge.cli.command_context import CliCommand, Context, pass_context

PROGRAM = "ams-bridge"
VARIABLE = "_AMS_BRIDGE_COMPLETE"


@click.command("completion", cls=CliCommand)
@click.argument("shell", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]))
@pass_context
def completion(context: Context, shell: str) -> None:
    """Print what makes SHELL complete commands, options and files.

    bash: source <(ams-bridge completion bash); zsh: the same, behind compinit.
    fish: ams-bridge completion fish | source.
    """
    completion_class = get_completion_class(shell)
    root = click.get_current_context().find_root().command
    if completion_class is None:
        raise click.BadParameter(f"{shell} is not known here")
    context.output.print_document(completion_class(root, {}, PROGRAM, VARIABLE).source().strip() + "\n")
