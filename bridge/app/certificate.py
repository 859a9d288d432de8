"""The certificate of the server: files, or a self-signed one for trials, made once and kept in the state folder.

Every command of ours asks where it lies, and only the daemon makes it: so cryptography is imported there.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

CERTIFICATE_FILE = "certificate.pem"
KEY_FILE = "key.pem"
_LASTS = dt.timedelta(days=825)


@dataclass(frozen=True, slots=True)
class Tls:
    """The server's certificate and key, and whose client certificates are taken (optionally)."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


def fingerprint_of(certificate: Path) -> str:
    """The SHA-256 of a file's first certificate, as browsers and ``openssl x509 -fingerprint`` show it.

    Raises OSError, and ValueError for a file that holds none.
    """
    text = certificate.read_text("ascii", "replace")
    begin, end = text.find(ssl.PEM_HEADER), text.find(ssl.PEM_FOOTER)
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(text[max(begin, 0) : end + len(ssl.PEM_FOOTER)]))
    return ":".join(f"{byte:02X}" for byte in digest.digest())


def make_self_signed(folder: Path, hosts: list[str], now_us: int) -> tuple[Path, Path]:
    """Certificate and key in ``folder``, made now for ``hosts`` (and localhost) unless they stand there already.

    Raises OSError when the folder cannot be written.
    """
    certificate, key = folder / CERTIFICATE_FILE, folder / KEY_FILE
    if not (certificate.exists() and key.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        key_pem, certificate_pem = _make_certificate(hosts, now_us)
        _write(key, key_pem, 0o600)
        _write(certificate, certificate_pem, 0o644)
    return certificate, key


def _make_certificate(hosts: list[str], now_us: int) -> tuple[bytes, bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    from broker.clock import US_PER_S

    private = ec.generate_private_key(ec.SECP256R1())
    names = list(dict.fromkeys(["localhost", "127.0.0.1", "::1", *hosts]))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0] if hosts else "localhost")])
    now = dt.datetime.fromtimestamp(now_us / US_PER_S, dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + _LASTS)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    key_pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key_pem, signed.public_bytes(serialization.Encoding.PEM)


def _alternative(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write so that the file is never readable by more than ``mode`` says, not even for a moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
