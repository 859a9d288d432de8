"""``man``: writes the manual pages."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.man_pages import pages
from bridge.cli.output import Failed


@click.command("man", cls=CliCommand)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@pass_context
def man(context: Context, folder: Path) -> None:
    """Write the manual pages into FOLDER, such as /usr/local/share/man/man1: ams-bridge.1, and one for each command."""
    root = click.get_current_context().find_root().command
    if not isinstance(root, click.Group):
        raise TypeError("the root of the commands is a group")
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in pages(root, version("ams-bridge")):
            (folder / name).write_text(text, "utf-8")
            written.append(name)
    except OSError as error:
        raise Failed(f"cannot write to {folder}: {error.strerror}") from error
    context.output.confirm(f"{len(written)} manual pages written to {folder}", {"files": written})
