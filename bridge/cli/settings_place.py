"""Where the settings are that a command is about."""

from __future__ import annotations

from pathlib import Path

from bridge.cli.command_context import DEFAULT_PLACES, Context, path_exists
from bridge.cli.output import BadConfiguration


def find_settings_file(context: Context) -> Path:
    """The settings file that the options or the default places name. Raises BadConfiguration when there is none."""
    path = context.config_path()
    if context.config is None and not path_exists(path):
        looked = " and ".join(str(place) for place in DEFAULT_PLACES)
        text = f"there are no settings at {looked}: name a file with --config, or begin with `ams-bridge init`"
        raise BadConfiguration(text)
    return path
