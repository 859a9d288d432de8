"""Until when the certificates hold that we show or trust, as far as they are files that the settings name."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bridge.observe.finding import Finding, LookState
from broker.clock import US_PER_S

if TYPE_CHECKING:
    from cryptography import x509

_WARN_DAYS: Final = 14


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """A PEM file of certificates, and the key of bridge.yaml that names it.

    Of a chain that we show every link must hold; of several authorities that we trust, one that holds is enough.
    """

    place: str
    path: Path
    is_shown: bool


@dataclass(frozen=True, slots=True)
class CertificateEnd:
    """From when and until when what stands in a file holds; the certificate that decides it is one of ``count``."""

    begins: dt.datetime
    ends: dt.datetime
    count: int


def read_end(file: CertificateFile) -> CertificateEnd:
    """When a file's certificates end. Raises OSError, and ValueError for one that holds no certificate."""
    from cryptography import x509  # takes a while, and only who has certificates asks

    certificates = x509.load_pem_x509_certificates(file.path.read_bytes())

    def end(certificate: x509.Certificate) -> dt.datetime:
        return certificate.not_valid_after_utc

    decides = min(certificates, key=end) if file.is_shown else max(certificates, key=end)
    return CertificateEnd(decides.not_valid_before_utc, decides.not_valid_after_utc, len(certificates))


def judge_certificate(file: CertificateFile, now_us: int) -> Finding:
    """Whether a file's certificates can be read, and for how long they hold."""
    try:
        read = read_end(file)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no PEM certificate"
        return Finding("certificate", "wrong", f"{file.place}: {file.path} cannot be read: {why}")
    named = f"{file.place}: {file.path}"
    now = dt.datetime.fromtimestamp(now_us / US_PER_S, dt.UTC)
    if now < read.begins:
        return Finding("certificate", "wrong", f"{named} is valid from {read.begins:%Y-%m-%d %H:%M} UTC on only")
    if now > read.ends:
        return Finding("certificate", "wrong", f"{named} expired on {read.ends:%Y-%m-%d %H:%M} UTC; renew it")
    days = (read.ends - now).days
    state: LookState = "ok" if days >= _WARN_DAYS else "warning"
    return Finding("certificate", state, f"{named} is valid until {read.ends:%Y-%m-%d}, {days} days")
