"""Clear-signed mails (S/MIME, ``multipart/signed``), as accounting sends them.

What comes of one is the text, who signed it, and whether that holds.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_LINE_END: Final = re.compile(rb"\r?\n")
_SIGNED: Final = "multipart/signed"
_ENCRYPTED: Final = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class SignedText:
    """A text, the subject of its signer, and why the signature does not hold, "" when it does."""

    text: str
    signer: str
    why_not: str


def read_signed(mail: bytes, authorities: Sequence[Certificate] | None) -> SignedText:
    """Take a clear-signed mail apart: its text and its signature. Raises ValueError for anything else."""
    from rules.events.cms import NoSignature, read_signature  # with its library, only where a topic asks for it

    head = BytesParser(policy=policy.default).parsebytes(mail, headersonly=True)
    assert isinstance(head, EmailMessage)  # noqa: S101 - the policy says so
    if head.get_content_type() in _ENCRYPTED:
        raise ValueError("encrypted S/MIME; only clear-signed messages are read")
    boundary = head.get_boundary()
    if head.get_content_type() != _SIGNED or not boundary:
        raise ValueError("not S/MIME: it is no multipart/signed")
    content, signature = _parts(mail, boundary.encode("ascii", "replace"))
    try:
        result = read_signature(_der_of(signature), (_LINE_END.sub(b"\r\n", content), content), authorities)
    except NoSignature as error:
        raise ValueError(f"S/MIME, but {error}") from error
    return SignedText(_text_of(content), result.signer, result.why_not)


def read_authorities(folder: str) -> Sequence[Certificate]:
    """The certificates of a folder, in PEM, whatever the files are called. Raises ValueError."""
    from cryptography import x509

    certificates: list[Certificate] = []
    try:
        files = sorted(path for path in Path(folder).iterdir() if path.is_file())
        for file in files:
            content = file.read_bytes()
            if _CERTIFICATE in content:
                certificates += x509.load_pem_x509_certificates(content)
    except OSError as error:
        raise ValueError(f"the folder of authorities {folder} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{folder}: a certificate cannot be read: {error}") from error
    if not certificates:
        raise ValueError(f"there is no certificate in {folder}")
    return certificates


def _parts(mail: bytes, boundary: bytes) -> tuple[bytes, bytes]:
    """What was signed, byte for byte, and the part behind it. Raises ValueError."""
    marker = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(?:--)?[ \t]*(?:\r?\n|\Z)")
    places = list(marker.finditer(mail))
    if len(places) < 3:
        raise ValueError("S/MIME that is cut short")
    first, second, third = places[:3]
    return mail[first.end() : second.start()], mail[second.end() : third.start()]


def _der_of(part: bytes) -> bytes:
    """The signature of its part, which is base64. Raises ValueError."""
    parsed = BytesParser(policy=policy.default).parsebytes(part)
    body = parsed.get_payload(decode=True)
    if not isinstance(body, bytes) or not body:
        raise ValueError("S/MIME without a signature")
    if parsed["content-transfer-encoding"] is None and body[:1] != b"\x30":
        try:
            return binascii.a2b_base64(body)
        except binascii.Error as error:
            raise ValueError("S/MIME whose signature is not base64") from error
    return body


def _text_of(content: bytes) -> str:
    """The text of the signed part, its own headers and encoding taken off. Raises ValueError."""
    parsed = BytesParser(policy=policy.default).parsebytes(content)
    body = parsed.get_payload(decode=True)
    if not isinstance(body, bytes):
        raise ValueError("S/MIME over several parts; one text is read")  # noqa: TRY004 - of the mail, not of a type
    try:
        return body.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8 text") from error
