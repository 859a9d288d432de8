"""Signatures over texts, as CMS (PKCS #7) has them: whose they are, and whether they hold.

A signature holds when the text is what was signed, the signer's certificate was in its time when it was signed, and,
where authorities are given, one of them stands at the end of its chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from rules.events.der import INTEGER, OCTETS, SEQUENCE, SET, DerValue, NotDer, oid_text, read_der

_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
_KEY_IDENTIFIER: Final = 0x80
_FIELD_0: Final = 0xA0
_DIGESTS: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256,
    "2.16.840.1.101.3.4.2.2": hashes.SHA384,
    "2.16.840.1.101.3.4.2.3": hashes.SHA512,
}
_PSS: Final = "1.2.840.113549.1.1.10"
_MOST_CERTIFICATES: Final = 20
_LONGEST_CHAIN: Final = 10
_LARGEST_KEY_BITS: Final = 16_384
_UNREADABLE: Final = (
    *(NotDer, ValueError, TypeError, OverflowError, UnsupportedAlgorithm),
    *(x509.InvalidVersion, x509.DuplicateExtension, x509.ExtensionNotFound, x509.UnsupportedGeneralNameType),
)
"""What a certificate or signature that somebody made up may meet in the libraries."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Whose signature it is (the subject as GOCDB writes it), and why it does not hold, "" when it does."""

    signer: str
    why_not: str


class NoSignature(Exception):
    """The bytes are no signature that can be read."""


@dataclass(frozen=True, slots=True)
class _Signer:
    """What a signature says of itself, and the certificate that made it."""

    certificate: x509.Certificate
    digest: hashes.HashAlgorithm
    attributes: DerValue | None
    algorithm: str
    signature: bytes


def read_signature(
    signature: bytes, texts: Sequence[bytes], authorities: Sequence[x509.Certificate] | None
) -> Signature:
    """Judge a detached signature over one of ``texts``, which are ways to write the same; None trusts no authority.

    Raises NoSignature.
    """
    try:
        signer, certificates = _signer_of(signature)
        subject = subject_of(signer.certificate)
    except _UNREADABLE as error:
        raise NoSignature(f"the signature cannot be read: {error}") from error
    return Signature(subject, _why_not(signer, certificates, texts, authorities))


def subject_of(certificate: x509.Certificate) -> str:
    """A certificate's subject with slashes, ``/C=GR/O=Test/CN=ce.example.org``."""
    names = {"2.5.4.5": "serialNumber", "1.2.840.113549.1.9.1": "emailAddress"}
    parts = []
    for attribute in certificate.subject:
        name = names.get(attribute.oid.dotted_string) or attribute.rfc4514_attribute_name
        parts.append(f"/{name}={attribute.value if isinstance(attribute.value, str) else attribute.value.hex()}")
    return "".join(parts)


def _signer_of(signature: bytes) -> tuple[_Signer, list[x509.Certificate]]:
    content = read_der(signature).expect(SEQUENCE).members(least=2)
    if oid_text(content[0]) != _SIGNED_DATA:
        raise NotDer("it is no signed data")
    fields = read_der(content[1].content).expect(SEQUENCE).members(least=1)
    certificates = [
        x509.load_der_x509_certificate(der_value.whole)
        for field in fields
        if field.tag == _FIELD_0
        for der_value in field.members()[:_MOST_CERTIFICATES]
    ]
    signers = fields[-1].expect(SET).members()
    if len(signers) != 1:
        raise NotDer(f"{len(signers)} signers where one belongs")
    return _read_signer(signers[0].expect(SEQUENCE).members(least=3), certificates), certificates


def _read_signer(fields: Sequence[DerValue], certificates: Sequence[x509.Certificate]) -> _Signer:
    _, identifier, digest, *rest = fields
    attributes = rest.pop(0) if rest and rest[0].tag == _FIELD_0 else None
    if len(rest) < 2:
        raise NotDer("a signer without a signature")
    certificate = next((candidate for candidate in certificates if _is_of(candidate, identifier)), None)
    if certificate is None:
        raise NotDer("the signer's certificate is not in it")
    digest_name = oid_text(digest.expect(SEQUENCE).members(least=1)[0])
    if digest_name not in _DIGESTS:
        raise NotDer(f"a digest that proves nothing, or is not known: {digest_name}")
    algorithm = oid_text(rest[0].expect(SEQUENCE).members(least=1)[0])
    return _Signer(certificate, _DIGESTS[digest_name](), attributes, algorithm, rest[1].expect(OCTETS).content)


def _is_of(certificate: x509.Certificate, identifier: DerValue) -> bool:
    if identifier.tag == _KEY_IDENTIFIER:
        try:
            extension = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        except x509.ExtensionNotFound:
            return False
        return extension.value.digest == identifier.content
    issuer, serial = identifier.expect(SEQUENCE).members(least=2)[:2]
    number = int.from_bytes(serial.expect(INTEGER).content, "big", signed=True)
    return certificate.serial_number == number and certificate.issuer.public_bytes() == issuer.whole


def _why_not(
    signer: _Signer,
    certificates: Sequence[x509.Certificate],
    texts: Sequence[bytes],
    authorities: Sequence[x509.Certificate] | None,
) -> str:
    try:
        signed = _signed_bytes(signer, texts)
        if signed is None:
            return "the text is not the one that was signed"
        _verify(signer, signed)
        return _why_not_trusted(signer, certificates, authorities)
    except InvalidSignature:
        return "the signature does not fit the certificate"
    except _UNREADABLE as error:
        return f"the signature cannot be verified: {error}"


def _why_not_trusted(
    signer: _Signer, certificates: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate] | None
) -> str:
    at, own = _signing_time(signer.attributes), signer.certificate
    if at is not None and not own.not_valid_before_utc <= at <= own.not_valid_after_utc:
        return f"the certificate was not in its time when it was signed ({at:%Y-%m-%d})"
    if authorities is not None and not _leads_to(own, certificates, authorities):
        return "no trusted authority stands at the end of its chain"
    return ""


def _signed_bytes(signer: _Signer, texts: Sequence[bytes]) -> bytes | None:
    """What the signature is over: the attributes, when their digest is that of one of the texts, or the text itself."""
    if signer.attributes is None:
        for text in texts:
            try:
                _verify(signer, text)
            except InvalidSignature:
                continue
            return text
        return None
    der_value = _attribute(signer.attributes, _MESSAGE_DIGEST)
    wanted = None if der_value is None else der_value.expect(OCTETS).content
    if not any(_digest_of(text, signer.digest) == wanted for text in texts):
        return None
    return bytes([SET]) + signer.attributes.whole[1:]


def _attribute(attributes: DerValue, name: str) -> DerValue | None:
    for der_value in attributes.members():
        parts = der_value.expect(SEQUENCE).members()
        if len(parts) == 2 and oid_text(parts[0]) == name:
            values = parts[1].expect(SET).members()
            return values[0] if len(values) == 1 else None
    return None


def _signing_time(attributes: DerValue | None) -> datetime | None:
    der_value = None if attributes is None else _attribute(attributes, _SIGNING_TIME)
    if der_value is None:
        return None
    text = der_value.content.decode("ascii", "replace")
    form = "%y%m%d%H%M%SZ" if len(text) == 13 else "%Y%m%d%H%M%SZ"
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None


def _digest_of(text: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(text)
    return digest.finalize()


def _verify(signer: _Signer, signed: bytes) -> None:
    """Raises InvalidSignature, and ValueError for a kind of key that is not known."""
    key = signer.certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size <= _LARGEST_KEY_BITS:
        scheme: padding.AsymmetricPadding = padding.PKCS1v15()
        if signer.algorithm == _PSS:
            scheme = padding.PSS(padding.MGF1(signer.digest), padding.PSS.AUTO)
        key.verify(signer.signature, signed, scheme, signer.digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signer.signature, signed, ec.ECDSA(signer.digest))
    else:
        raise ValueError("a key of this kind is not known")


def _leads_to(
    certificate: x509.Certificate, between: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate]
) -> bool:
    """Whether the certificate was given by one of the authorities, or by one that was given by them."""
    current = certificate
    for _ in range(_LONGEST_CHAIN):
        if any(_gave(authority, current) for authority in authorities):
            return True
        above = next((candidate for candidate in between if candidate != current and _gave(candidate, current)), None)
        if above is None:
            return False
        current = above
    return False


def _gave(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        if not authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, *_UNREADABLE):
        return False
    return True
