"""What a start would stumble over although the settings can be read: a store without an engine, TLS files, an extra."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

from bridge.app.certificate_files import list_certificate_files, list_tls_clients
from bridge.app.tracer_choice import LACKS_EXTRA, lacks_extra
from bridge.core.trust import ClientPair, load_pair
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
    return faults + find_unusable_files(settings)


def find_unusable_files(settings: Settings) -> list[str]:
    """Every file of certificates or keys that cannot be used, and what is not installed; a line each with its place."""
    tls = settings.server.tls
    faults = [f"tracing.endpoint: {LACKS_EXTRA}"] if lacks_extra(settings.tracing) else []
    if isinstance(tls, TlsFiles):
        faults += _unusable_pair("server.tls", ClientPair(tls.certificate, tls.key))
    for file in list_certificate_files(settings):
        if not file.is_shown:
            faults += [f"{file.place}: {why}" for why in _unusable_ca(file.path)]
    for place, asking in list_tls_clients(settings):
        if asking.client_pair is not None:
            faults += _unusable_pair(f"{place}.client_certificate", asking.client_pair)
    return faults


def _unusable_pair(place: str, pair: ClientPair) -> Iterator[str]:
    why_not = load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pair)
    if why_not:
        key = f" and the key {pair.key}" if pair.key is not None else ""
        yield f"{place}: the certificate {pair.certificate}{key} cannot be used: {why_not}"


def _unusable_ca(path: Path) -> Iterator[str]:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ValueError) as error:
        yield f"{path} cannot be used: {_why(error)}"


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "it is no PEM file").lower().replace("_", " ")
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
