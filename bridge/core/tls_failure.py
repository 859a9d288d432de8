"""Why TLS failed, in words: the certificate's own reason, whose it is, who signed it, until when it holds.

The handshake that failed does not give the certificate away, so it is asked for once more, without trusting it and
without sending anything. The system's number for the failure is that of "operation not permitted", which says nothing.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Final

_LOOK_TIMEOUT_S: Final = 0.7  # for each of two steps: a try has two seconds more than its timeout
_DEEPEST: Final = 6
_MOST_NAMES: Final = 4
_LONGEST_NAME: Final = 120
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"})


def tls_fault(error: BaseException) -> ssl.SSLError | None:
    """The failure of TLS that an error stands for, if it does."""
    cause: BaseException | None = error
    for _ in range(_DEEPEST):
        carried: object = getattr(cause, "os_error", None)  # aiohttp's own errors are both at once
        if isinstance(carried, BaseException):
            cause = carried
        elif cause is None or isinstance(cause, ssl.SSLError):
            return cause
        else:
            cause = cause.__cause__ or cause.__context__  # httpcore's pool raises its own error "from None"
    return None


def tls_text(fault: ssl.SSLError) -> str:
    """What went wrong, as the library says it."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {fault.verify_message.rstrip('.') or 'it cannot be verified'}"
    reason = str(getattr(fault, "reason", None) or "")
    if not reason:
        return f"TLS failed: {fault.strerror or 'the connection ended'}"
    text = f"TLS failed: {reason.lower().replace('_', ' ')}"
    return f"{text} (is it TLS that is spoken there?)" if reason in _NO_TLS else text


def look_at_certificate(host: str, port: int, may_reach: Callable[[str], bool] = lambda address: True) -> str:
    """Subject, names, issuer and validity of the certificate shown there; "" when it cannot be had.

    Blocks for seconds at most, so call it beside the loop. Addresses that ``may_reach`` denies are not asked.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is looked at, and nothing is said to it
    with contextlib.suppress(OSError, ValueError):
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[:1]:
            if not may_reach(str(address[0])):
                return ""
            with socket.socket(family, kind, protocol) as line:
                line.settimeout(_LOOK_TIMEOUT_S)
                line.connect(address)
                with context.wrap_socket(line, server_hostname=host) as shown:
                    der = shown.getpeercert(binary_form=True)
            return _describe(der) if der else ""
    return ""


def _describe(der: bytes) -> str:
    from cryptography import x509  # takes a while, and TLS seldom fails

    certificate = x509.load_der_x509_certificate(der)
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    parts = [f"subject {_show(certificate.subject.rfc4514_string())}"]
    with contextlib.suppress(x509.ExtensionNotFound, ValueError):
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        texts = [str(name.value) for name in names][:_MOST_NAMES]
        parts.append(f"for {_show(', '.join(texts))}")
    parts.append(f"issuer {_show(certificate.issuer.rfc4514_string())}")
    parts.append(f"valid from {begins:%Y-%m-%d} until {ends:%Y-%m-%d}")
    return ", ".join(parts)


def _show(name: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in name)[:_LONGEST_NAME] or "-"
