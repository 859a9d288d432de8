"""Whom a TLS connection of ours trusts: the system's authorities, or those in a file that somebody names.

A file may hold the authority, one below it, or the very certificate that is shown: each is an end of the chain, as
people expect of a file they name. Python 3.13 also asks of authorities what many private ones lack (an identifier of
their key); a file holds under every Python alike.
"""

from __future__ import annotations

import ssl
from pathlib import Path


def trust_system(*more: Path) -> ssl.SSLContext:
    """The trust in what the system trusts (``SSL_CERT_FILE``, ``SSL_CERT_DIR``), and in what stands in ``more``.

    Raises OSError for a file that cannot be read or holds no certificate.
    """
    context = ssl.create_default_context()
    for file in more:
        _add(context, file)
    return context


def trust_file(file: Path) -> ssl.SSLContext:
    """The trust in what stands in ``file``, and nothing else.

    Raises OSError when it cannot be read or holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _add(context, file)
    return context


def explain_unusable(error: OSError) -> str:
    """Why a file of certificates cannot be used, in a few words."""
    return "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror or str(error)


def names_in(file: Path) -> tuple[str, ...]:
    """The names and addresses that the first certificate of a file is for. Raises OSError, ValueError."""
    from cryptography import x509  # takes a while, and only who has a certificate of an authority asks

    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names if isinstance(name, x509.DNSName | x509.IPAddress))


def covers(name: str, host: str) -> bool:
    """Whether a certificate for ``name``, which may begin with ``*.``, is one for ``host``."""
    first, dot, rest = host.lower().partition(".")
    return name.lower() == host.lower() or (bool(first and dot) and name.lower() == f"*.{rest}")


def _add(context: ssl.SSLContext, file: Path) -> None:
    context.load_verify_locations(file)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
