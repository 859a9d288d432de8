"""From the options to the settings, and to the daemon's address."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from bridge.app.certificate import CERTIFICATE_FILE
from bridge.cli.command_context import DEFAULT_PLACES, Context, path_exists
from bridge.cli.output import BadConfiguration, Failed
from bridge.cli.problem_listing import as_lines
from bridge.core.domains import ascii_domain
from bridge.core.references import ReferenceSources
from bridge.core.systemd import credentials_folder
from bridge.core.trust import covers, names_in
from bridge.settings.model import ServerSettings, Settings, TlsFiles, host_and_port
from bridge.settings.settings_file import SettingsWithoutSecrets, read_settings, read_without_secrets
from bridge.settings.settings_file import settings_of as settings_of_document
from broker.engines import sqlite_path
from broker.errors import StoreUnavailable
from rules.source.places import read_file
from rules.source.problems import ProblemsFound

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class DaemonAddress:
    """Where the daemon answers, with which token, and how it is known.

    ``certificate`` is the file with its own one, ``name`` what that is for where it is not for the host of ``url``;
    ``ca`` names whom to trust in place of all others.
    """

    url: str
    token: str
    certificate: Path | None = None
    name: str = ""
    ca: Path | None = None


def settings_of(context: Context) -> Settings:
    """The settings that the options name. Raises BadConfiguration with every problem."""
    path = _named(context)
    try:
        return read_settings(path, os.environ, credentials_folder(os.environ))
    except ProblemsFound as error:
        raise BadConfiguration(as_lines(error.problems)) from error


def settings_without_secrets(context: Context) -> SettingsWithoutSecrets:
    """The settings that the options name, for what needs no secrets: those that are not here have placeholders.

    Raises BadConfiguration with every other problem.
    """
    path = _named(context)
    try:
        return read_without_secrets(path, os.environ, credentials_folder(os.environ))
    except ProblemsFound as error:
        raise BadConfiguration(as_lines(error.problems)) from error


def daemon_address(context: Context) -> DaemonAddress:
    """How to reach the daemon: ``--url`` and ``--token``, and what they leave open from the settings.

    With ``--token`` only the address is read from the settings: their secrets may be for the daemon's eyes alone. With
    ``--url`` they may be missing. Raises BadConfiguration for settings that are needed and cannot be read.
    """
    settings = None
    try:
        settings = settings_of(context) if context.token is None else _server_and_store(context)
    except BadConfiguration:
        if context.url is None:
            raise
    if settings is None:
        return DaemonAddress((context.url or "").rstrip("/"), context.token or "", ca=context.ca)
    token = context.token
    if token is None:
        token = settings.auth.service_token.reveal() if settings.auth.service_token else ""
    certificate = _own_certificate(settings)
    if context.url is not None:
        return DaemonAddress(context.url.rstrip("/"), token, certificate, ca=context.ca)
    url = own_url(settings.server)
    return DaemonAddress(url, token, certificate, _certificate_name(settings.server, url), context.ca)


def own_url(server: ServerSettings) -> str:
    """The address of a daemon on this machine."""
    host, port = host_and_port(server.listen)
    host = _EVERYWHERE.get(host, f"[{host}]" if ":" in host else host)
    return f"{'http' if server.tls == 'off' else 'https'}://{host}:{port}"


def store_file(settings: Settings) -> Path:
    """The file of the store. Raises Failed for a store that is none."""
    try:
        return sqlite_path(settings.store)
    except StoreUnavailable as error:
        raise Failed(
            "this works on sqlite stores; a database server has tools of its own, memory keeps nothing"
        ) from error


def _named(context: Context) -> Path:
    """The settings file that the options or the default places name. Raises BadConfiguration when there is none."""
    path = context.config_path()
    if context.config is None and not path_exists(path):
        looked = " and ".join(str(place) for place in DEFAULT_PLACES)
        text = f"there are no settings at {looked}: name a file with --config, or begin with `ams-bridge init`"
        raise BadConfiguration(text)
    return path


def _server_and_store(context: Context) -> Settings:
    """The settings with nothing but these two sections."""
    path = _named(context)
    document = read_file(path)
    if isinstance(document.value, dict):
        said = {name: document.value[name] for name in ("server", "store") if name in document.value}
        document = replace(document, value=said)
    around = ReferenceSources(os.environ, credentials_folder(os.environ), path.parent.absolute())
    try:
        return settings_of_document(document, around)
    except ProblemsFound as error:
        raise BadConfiguration(as_lines(error.problems)) from error


def _certificate_name(server: ServerSettings, url: str) -> str:
    """A name that the daemon's certificate is for, when it is not for the host of ``url``; "" when it is.

    We ask at an address of this machine, and an authority signs for the name that people know: that of ``public_url``,
    or whatever the certificate says.
    """
    if not isinstance(server.tls, TlsFiles):
        return ""
    public = ascii_domain(urlsplit(server.public_url).hostname or "") if server.public_url else ""
    try:
        names = names_in(server.tls.certificate)
    except (OSError, ValueError):
        return public
    hosts = [urlsplit(url).hostname or "", public]
    fitting = next((host for host in hosts if host and any(covers(name, host) for name in names)), None)
    if fitting is None:
        return names[0].replace("*", "ams-bridge", 1) if names else public
    return fitting if fitting != hosts[0] else ""


def _own_certificate(settings: Settings) -> Path | None:
    if isinstance(settings.server.tls, TlsFiles):
        return settings.server.tls.certificate
    if settings.server.tls != "self-signed":
        return None
    try:
        return sqlite_path(settings.store).parent / CERTIFICATE_FILE
    except StoreUnavailable:
        return Path.cwd() / "state" / CERTIFICATE_FILE
