"""What a start would stumble over although the settings can be read: a store without an engine, TLS files."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

from bridge.settings.model import Settings, TlsFiles
from broker.engines import check_url
from broker.errors import StoreUnusable


def fault_lines(settings: Settings) -> list[str]:
    """Every such fault, in a line each; none when a start gets past them."""
    faults = []
    try:
        check_url(settings.store)
    except StoreUnusable as error:
        faults.append(f"store: {error.reason}")
    tls = settings.server.tls
    if isinstance(tls, TlsFiles):
        faults += [f"server.tls: {why}" for why in _unusable_pair(tls.certificate, tls.key)]
    return faults + find_unusable_authorities(settings)


def find_unusable_authorities(settings: Settings) -> list[str]:
    """Every file of authorities that cannot be used, in a line each with its place."""
    return [f"{place}: {why}" for place, path in _authorities(settings) for why in _unusable_ca(path)]


def _authorities(settings: Settings) -> Iterator[tuple[str, Path]]:
    tls = settings.server.tls
    if isinstance(tls, TlsFiles) and tls.client_ca is not None:
        yield "server.tls.client_ca", tls.client_ca
    if settings.push.ca_file is not None:
        yield "push.ca_file", settings.push.ca_file
    for part, named in (("sources", settings.sources), ("destinations", settings.destinations)):
        for name, config in named.items():
            for key in ("ca", "ca_file"):
                path = getattr(config, key, None)
                if isinstance(path, Path):
                    yield f"{part}.{name}.{key}", path


def _unusable_pair(certificate: Path, key: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # nobody is there to be asked
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        yield f"the certificate {certificate} and the key {key} cannot be used: {_why(error)}"


def _unusable_ca(path: Path) -> Iterator[str]:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ValueError) as error:
        yield f"{path} cannot be used: {_why(error)}"


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "it is no PEM file").lower().replace("_", " ")
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
