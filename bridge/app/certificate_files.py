"""Every file of certificates that bridge.yaml names: what we show, and whom we trust."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bridge.app.certificate import CERTIFICATE_FILE
from bridge.app.state_folder import store_path
from bridge.core.tls_settings import TlsClientSettings
from bridge.observe.certificate_ends import CertificateFile
from bridge.settings.model import Settings, TlsFiles


def list_certificate_files(settings: Settings) -> list[CertificateFile]:
    """The files in the order of bridge.yaml; the trial certificate of ``tls: self-signed`` among them."""
    files = list(_of_the_server(settings))
    for place, asking in list_tls_clients(settings):
        files += _of_a_client(place, asking)
    return files


def list_tls_clients(settings: Settings) -> Iterator[tuple[str, TlsClientSettings]]:
    """Every part that asks others over TLS, with its place."""
    yield "push", settings.push
    yield "tracing", settings.tracing
    for part, named in (("sources", settings.sources), ("destinations", settings.destinations)):
        for name, config in named.items():
            asking: object = config  # mypy thinks that no record could be of both kinds
            if isinstance(asking, TlsClientSettings):
                yield f"{part}.{name}", asking


def _of_the_server(settings: Settings) -> Iterator[CertificateFile]:
    match settings.server.tls:
        case TlsFiles(certificate=certificate, client_ca=client_ca):
            yield CertificateFile("server.tls.certificate", certificate, is_shown=True)
            if client_ca is not None:
                yield CertificateFile("server.tls.client_ca", client_ca, is_shown=False)
        case "self-signed":
            store = store_path(settings.store)
            if store is not None:
                yield CertificateFile("server.tls", store.parent / CERTIFICATE_FILE, is_shown=True)


def _of_a_client(place: str, asking: TlsClientSettings) -> Iterator[CertificateFile]:
    for key in ("ca_file", "ca"):
        path = getattr(asking, key, None)
        if isinstance(path, Path):
            yield CertificateFile(f"{place}.{key}", path, is_shown=False)
    if asking.client_certificate is not None:
        yield CertificateFile(f"{place}.client_certificate", asking.client_certificate, is_shown=True)
