"""From the options to the settings."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from bridge.cli.command_context import Context
from bridge.cli.output import BadConfiguration, Failed
from bridge.cli.problem_listing import as_lines
from bridge.cli.settings_place import find_settings_file
from bridge.core.references import ReferenceSources
from bridge.core.systemd import credentials_folder
from bridge.settings.model import Settings, TlsFiles
from bridge.settings.reach_settings import Reach
from bridge.settings.settings_file import SettingsWithoutSecrets, read_settings, read_without_secrets
from bridge.settings.settings_file import settings_of as settings_of_document
from broker.engines import sqlite_path
from broker.errors import StoreUnavailable
from rules.source.places import read_file
from rules.source.problems import ProblemsFound


def settings_of_context(context: Context) -> Settings:
    """The settings that the options name. Raises BadConfiguration with every problem."""
    path = find_settings_file(context)
    try:
        return read_settings(path, os.environ, credentials_folder(os.environ))
    except ProblemsFound as error:
        raise BadConfiguration(as_lines(error.problems)) from error


def settings_without_secrets(context: Context) -> SettingsWithoutSecrets:
    """The settings that the options name, for what needs no secrets: those that are not here have placeholders.

    Raises BadConfiguration with every other problem.
    """
    path = find_settings_file(context)
    try:
        return read_without_secrets(path, os.environ, credentials_folder(os.environ))
    except ProblemsFound as error:
        raise BadConfiguration(as_lines(error.problems)) from error


def store_file(settings: Settings) -> Path:
    """The file of the store. Raises Failed for a store that is none."""
    try:
        return sqlite_path(settings.store)
    except StoreUnavailable as error:
        raise Failed(
            "this works on sqlite stores; a database server has tools of its own, memory keeps nothing"
        ) from error


def whole_reach(context: Context, *, with_token: bool) -> Reach:
    """How to reach the daemon, by the reader of all settings. Raises BadConfiguration with every problem.

    Without ``with_token`` only what it is about is read: the secrets may be for the daemon's eyes alone.
    """
    settings = settings_of_context(context) if with_token else server_and_store(context)
    server, token = settings.server, settings.auth.service_token if with_token else None
    return Reach(
        server.listen,
        server.tls.certificate if isinstance(server.tls, TlsFiles) else server.tls,
        server.public_url,
        settings.store,
        token.reveal() if token is not None else "",
    )


def server_and_store(context: Context) -> Settings:
    """The settings with nothing but these two sections. Raises BadConfiguration with every problem of them."""
    path = find_settings_file(context)
    document = read_file(path)
    if isinstance(document.value, dict):
        sections = {name: document.value[name] for name in ("server", "store") if name in document.value}
        document = replace(document, value=sections)
    around = ReferenceSources(os.environ, credentials_folder(os.environ), path.parent.absolute())
    try:
        return settings_of_document(document, around)
    except ProblemsFound as error:
        raise BadConfiguration(as_lines(error.problems)) from error
