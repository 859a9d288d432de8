"""How a command reaches the daemon, from the options and the settings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bridge.app.certificate import CERTIFICATE_FILE
from bridge.cli.command_context import Context
from bridge.cli.output import BadConfiguration
from bridge.cli.settings_place import find_settings_file
from bridge.core.domains import ascii_domain
from bridge.core.host_and_port import host_and_port
from bridge.core.references import ReferenceSources
from bridge.core.systemd import credentials_folder
from bridge.core.trust import covers, names_in
from bridge.settings.reach_settings import Reach, read_reach
from broker.engines import sqlite_path
from broker.errors import StoreUnavailable

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


def daemon_address(context: Context) -> DaemonAddress:
    """How to reach the daemon: ``--url`` and ``--token``, and what they leave open from the settings.

    With ``--token`` only the address is read from the settings: their secrets may be for the daemon's eyes alone. With
    ``--url`` they may be missing. Raises BadConfiguration for settings that are needed and cannot be read.
    """
    reach = None
    try:
        reach = _reach(context)
    except BadConfiguration:
        if context.url is None:
            raise
    if reach is None:
        return DaemonAddress((context.url or "").rstrip("/"), context.token or "", ca=context.ca)
    token = reach.token if context.token is None else context.token
    certificate = _own_certificate(reach)
    if context.url is not None:
        return DaemonAddress(context.url.rstrip("/"), token, certificate, ca=context.ca)
    url = own_url(reach)
    return DaemonAddress(url, token, certificate, _certificate_name(reach, url), context.ca)


def _reach(context: Context) -> Reach:
    """What the settings say of it. Raises BadConfiguration with every problem, once it cannot be read plainly."""
    path, with_token = find_settings_file(context), context.token is None
    around = ReferenceSources(os.environ, credentials_folder(os.environ), path.parent.absolute())
    read = read_reach(path, around, with_token=with_token)
    if read is None:
        from bridge.cli.setup import whole_reach

        read = whole_reach(context, with_token=with_token)
    return read


def own_url(reach: Reach) -> str:
    """The address of a daemon on this machine."""
    host, port = host_and_port(reach.listen)
    host = _EVERYWHERE.get(host, f"[{host}]" if ":" in host else host)
    return f"{'http' if reach.tls == 'off' else 'https'}://{host}:{port}"


def _certificate_name(reach: Reach, url: str) -> str:
    """A name that the daemon's certificate is for, when it is not for the host of ``url``; "" when it is.

    We ask at an address of this machine, and an authority signs for the name that people know: that of ``public_url``,
    or whatever the certificate says.
    """
    if not isinstance(reach.tls, Path):
        return ""
    public = ascii_domain(urlsplit(reach.public_url).hostname or "") if reach.public_url else ""
    try:
        names = names_in(reach.tls)
    except (OSError, ValueError):
        return public
    hosts = [urlsplit(url).hostname or "", public]
    fitting = next((host for host in hosts if host and any(covers(name, host) for name in names)), None)
    if fitting is None:
        return names[0].replace("*", "ams-bridge", 1) if names else public
    return fitting if fitting != hosts[0] else ""


def _own_certificate(reach: Reach) -> Path | None:
    if isinstance(reach.tls, Path):
        return reach.tls
    if reach.tls != "self-signed":
        return None
    try:
        return sqlite_path(reach.store).parent / CERTIFICATE_FILE
    except StoreUnavailable:
        return Path.cwd() / "state" / CERTIFICATE_FILE
