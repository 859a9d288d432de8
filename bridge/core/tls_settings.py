"""The settings of whoever asks others over TLS: whom to trust, and which certificate to show."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from bridge.core.model_base import SettingsRecord
from bridge.core.quantities import FilePath
from bridge.core.trust import ClientPair, digest_files


class TlsClientSettings(SettingsRecord):
    """What every part that asks others over TLS can be told. Files are read again with each reload."""

    ca_file: FilePath | None = Field(
        None, description="PEM file of the CA that signs the other side's certificate; empty: what the system trusts"
    )
    client_certificate: FilePath | None = Field(
        None, description="PEM file of the certificate to show, with its chain, where the other side asks for one"
    )
    client_key: FilePath | None = Field(
        None, description="PEM file of its key, without a password; empty: the key stands in client_certificate"
    )

    @model_validator(mode="after")
    def _has_a_certificate_for_its_key(self) -> Self:
        if self.client_key is not None and self.client_certificate is None:
            raise ValueError('"client_key" needs the "client_certificate" that it is for')
        return self

    @property
    def client_pair(self) -> ClientPair | None:
        """The certificate to show, and its key."""
        return None if self.client_certificate is None else ClientPair(self.client_certificate, self.client_key)

    @property
    def tls_files(self) -> tuple[Path, ...]:
        """Every file named here."""
        named = (self.ca_file, self.client_certificate, self.client_key)
        return tuple(file for file in named if file is not None)


def digest_tls(config: object) -> bytes:
    """What changes when a certificate that ``config`` names was renewed in its place."""
    return digest_files(config.tls_files) if isinstance(config, TlsClientSettings) else b""
