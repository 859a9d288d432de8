"""Whom a TLS connection of ours trusts: the system's authorities, or those in a file that somebody names; and who asks.

A file may hold the authority, one below it, or the very certificate that is shown: each is an end of the chain, as
people expect of a file they name. Python 3.13 also asks of authorities what many private ones lack (an identifier of
their key); a file holds under every Python alike.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ClientPair:
    """The certificate that says who we are, and its key, as PEM files; without ``key`` it stands in the same file."""

    certificate: Path
    key: Path | None = None


class UnusableTls(OSError):
    """A file of certificates cannot be used; the text says which, and why."""


def trust_as(ca_file: Path | None, pair: ClientPair | None) -> ssl.SSLContext | None:
    """The trust in what stands in ``ca_file`` (empty: what the system trusts), asking as ``pair``; None without both.

    Raises UnusableTls.
    """
    if ca_file is None and pair is None:
        return None
    try:
        context = trust_system() if ca_file is None else trust_file(ca_file)
    except OSError as error:
        raise UnusableTls(f"the ca_file {ca_file} cannot be used: {explain_unusable(error)}") from error
    if pair is not None:
        why_not = load_pair(context, pair)
        if why_not:
            raise UnusableTls(f"the client_certificate {pair.certificate} cannot be used: {why_not}")
    return context


def load_pair(context: ssl.SSLContext, pair: ClientPair) -> str:
    """Let connections of ``context`` show a certificate; says why it cannot be used, "" when it can."""
    try:
        context.load_cert_chain(pair.certificate, pair.key, password=lambda: "")  # nobody is there to be asked
    except ssl.SSLError as error:
        return (error.reason or "it is no PEM file").lower().replace("_", " ")
    except OSError as error:
        return error.strerror or str(error)
    except ValueError as error:  # a password that is asked for and not given
        return str(error)
    return ""


def digest_files(files: Iterable[Path]) -> bytes:
    """What changes when a file is replaced by another, be it under the same name; a missing file counts as empty."""
    digest = hashlib.sha256()
    for file in files:
        try:
            content = file.read_bytes()
        except OSError:
            content = b""
        digest.update(len(content).to_bytes(8) + content)
    return digest.digest()


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
