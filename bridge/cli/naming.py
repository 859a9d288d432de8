"""Names of topics and subscriptions as people type them."""

from __future__ import annotations

import re

import click

_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")
_FULL_PARTS = 4
_SHORT_PARTS = 2


def resource_name(typed: str, collection: str) -> tuple[str, str]:
    """Project and short name of ``projects/P/<collection>/N`` or ``P/N``. Raises BadParameter."""
    parts = typed.strip("/").split("/")
    if len(parts) == _FULL_PARTS and parts[0] == "projects" and parts[2] == collection:
        project, name = parts[1], parts[3]
    elif len(parts) == _SHORT_PARTS:
        project, name = parts
    else:
        raise click.BadParameter(f"{typed!r} is not projects/PROJECT/{collection}/NAME or PROJECT/NAME")
    for part in (project, name):
        if not _NAME.match(part):
            raise click.BadParameter(f"{part!r} is not a name: letters, digits, _ and - only")
    return project, name


def resource_path(typed: str, collection: str) -> str:
    """The API's path of a topic or subscription. Raises BadParameter."""
    project, name = resource_name(typed, collection)
    return f"/v1/projects/{project}/{collection}/{name}"
