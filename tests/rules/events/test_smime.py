"""Clear-signed mails: what they say, who signed them, and whether that holds."""

from __future__ import annotations

import base64
import datetime as dt
import email
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from broker.clock import SystemClock
from broker.days import moment
from rules.events.cms import NoSignature, Signature, read_signature
from rules.events.decode import decode, read_spec
from rules.events.smime import read_authorities

TEXT = "APEL-summary-job-message: v0.4\nSite: SITE-A\nMonth: 1\nYear: 2026\n%%\n"
TEXT_ON_THE_WIRE = f"Content-Type: text/plain\n\n{TEXT}".replace("\n", "\r\n").encode()
NOW = moment(SystemClock().wall_us())  # the signature's own time is the machine's
DAY = dt.timedelta(days=1)


class Authority:
    """A made-up authority and what it signs."""

    def __init__(self, name: str, above: Authority | None = None) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (above or self).give(self.name, self.key.public_key(), is_authority=True)

    def give(self, name, key, *, is_authority=False, begin=NOW - 10 * DAY, end=NOW + 10 * DAY):
        made = x509.CertificateBuilder().subject_name(name).issuer_name(self.name).public_key(key)
        made = made.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
        made = made.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        return made.sign(self.key, hashes.SHA256())


class Signer:
    """A host with a certificate, that signs as auditor-apel-plugin does."""

    def __init__(self, authority: Authority, key=None, **times) -> None:
        self.key = key or rsa.generate_private_key(65537, 2048)
        self.name = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "GR"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"),
                x509.NameAttribute(NameOID.COMMON_NAME, "ce.example.org"),
            ]
        )
        self.certificate = authority.give(self.name, self.key.public_key(), **times)

    def sign(self, text=TEXT, *more, digest=None, options=(pkcs7.PKCS7Options.Text,)) -> bytes:
        made = pkcs7.PKCS7SignatureBuilder().set_data(text.encode())
        made = made.add_signer(self.certificate, self.key, digest or hashes.SHA256())
        for one in more:
            made = made.add_certificate(one)
        return made.sign(serialization.Encoding.SMIME, [pkcs7.PKCS7Options.DetachedSignature, *options])


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("Test CA")


@pytest.fixture(scope="module")
def signer(authority) -> Signer:
    return Signer(authority)


@pytest.fixture
def trusted(tmp_path, authority) -> Path:
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / "test-ca.0").write_bytes(pem(authority.certificate))
    (folder / "readme").write_text("not a certificate")
    return folder


def read(mail: bytes, spec: str = "smime"):
    return decode(base64.b64encode(mail).decode(), read_spec(spec, {}))


def test_text_signer_and_validity_are_told(signer, trusted):
    found = read(signer.sign(), f"smime:{trusted}")
    assert found.undecodable is None
    assert found.value == {"signer": "/C=GR/O=Test/CN=ce.example.org", "valid": True, "why": "", "text": TEXT}
    assert found.text == TEXT


def test_records_within_it_are_taken_apart(signer, trusted):
    found = read(signer.sign(), f"smime:{trusted}+records").value
    assert (found["valid"], found["head"]) == (True, "APEL-summary-job-message: v0.4")
    assert found["records"] == [{"Site": "SITE-A", "Month": "1", "Year": "2026"}]


def test_json_within_it_is_data(signer):
    assert read(signer.sign('{"a": 1}'), "smime+json").value["data"] == {"a": 1}


def test_without_a_folder_the_signature_alone_is_judged(signer):
    assert read(signer.sign()).value["valid"] is True


@pytest.mark.parametrize("wire", ["as it is", "base64", "gzip"])
def test_it_comes_as_it_is_in_base64_or_packed(signer, wire):
    import gzip

    mail = signer.sign()
    payload = {
        "as it is": mail.decode(),
        "base64": base64.b64encode(mail).decode(),
        "gzip": base64.b64encode(gzip.compress(mail)).decode(),
    }[wire]
    assert decode(payload, read_spec("gzip+smime" if wire == "gzip" else "smime", {})).value["valid"] is True


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 3072)])
@pytest.mark.parametrize("digest", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_keys_and_digests_of_every_common_kind(authority, trusted, key, digest):
    assert read(Signer(authority, key).sign(digest=digest), f"smime:{trusted}").value["valid"] is True


def test_what_openssl_signs_is_read_as_ssm_sends_it(tmp_path, signer, trusted):
    (tmp_path / "text").write_text(TEXT)
    (tmp_path / "cert.pem").write_bytes(pem(signer.certificate))
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(signer.key.private_bytes(*form))
    words = ["openssl", "smime", "-sign", "-text", "-in", "text", "-inkey", "key.pem", "-signer", "cert.pem"]
    mail = subprocess.run(words, cwd=tmp_path, capture_output=True, check=True).stdout
    found = read(mail, f"smime:{trusted}+records").value
    assert (found["valid"], found["why"], found["signer"]) == (True, "", "/C=GR/O=Test/CN=ce.example.org")
    assert found["records"][0]["Site"] == "SITE-A"


def test_a_chain_over_one_between_leads_to_the_authority(tmp_path, authority, trusted):
    between = Authority("Between", authority)
    signer = Signer(between)
    assert read(signer.sign(TEXT, between.certificate), f"smime:{trusted}").value["valid"] is True
    missing = read(signer.sign(), f"smime:{trusted}").value
    assert (missing["valid"], missing["why"]) == (False, "no trusted authority stands at the end of its chain")


def test_a_text_that_was_changed_is_told_and_still_read(signer, trusted):
    mail = signer.sign().replace(b"SITE-A", b"SITE-B")
    found = read(mail, f"smime:{trusted}").value
    assert (found["valid"], found["why"]) == (False, "the text is not the one that was signed")
    assert "SITE-B" in found["text"]


def test_a_signature_of_somebody_else_is_told(authority, signer, trusted):
    other = Signer(Authority("Other"))
    found = read(other.sign(), f"smime:{trusted}").value
    assert (found["valid"], "authority" in found["why"]) == (False, True)
    forged = Signer(authority)
    forged.certificate = signer.certificate  # a key that is not the certificate's
    assert read(forged.sign(), f"smime:{trusted}").value["why"] == "the signature does not fit the certificate"


def test_one_who_is_no_authority_gives_no_certificates(tmp_path, authority, trusted):
    host = Signer(authority, ec.generate_private_key(ec.SECP256R1()))
    pretender = Authority("x")
    pretender.key, pretender.name = host.key, host.name
    below = Signer(pretender)
    found = read(below.sign(TEXT, host.certificate), f"smime:{trusted}").value
    assert (found["valid"], "authority" in found["why"]) == (False, True)


def test_a_certificate_out_of_its_time_is_told(authority, trusted):
    late = Signer(authority, begin=NOW - 9 * DAY, end=NOW - DAY)
    found = read(late.sign(), f"smime:{trusted}").value
    assert (found["valid"], found["why"].startswith("the certificate was not in its time")) == (False, True)


@pytest.mark.parametrize(
    ("mail", "why"),
    [
        (b"", "not S/MIME"),
        (b"Site: SITE-A\n", "not S/MIME"),
        (b"Content-Type: text/plain\n\nx", "not S/MIME"),
        (b"Content-Type: application/pkcs7-mime\n\nMIIB", "encrypted S/MIME"),
        (b'Content-Type: multipart/signed; boundary="b"\n\n--b\nx\n', "cut short"),
        (b'Content-Type: multipart/signed; boundary="b"\n\n--b\n\nx\n--b\n\n!!!!\n--b--\n', "S/MIME"),
        (b'Content-Type: multipart/signed; boundary="b"\n\n--b\n\nx\n--b\n\nMAA=\n--b--\n', "cannot be read"),
    ],
)
def test_what_is_none_says_so_and_is_left_whole(mail, why):
    found = read(mail)
    assert why in (found.undecodable or "")
    assert found.text == base64.b64encode(mail).decode()


def test_a_mail_that_is_cut_anywhere_never_raises(signer, trusted):
    mail = signer.sign()
    spec = read_spec(f"smime:{trusted}+records", {})
    for end in range(0, len(mail), 37):
        found = decode(base64.b64encode(mail[:end]).decode(), spec)
        assert found.undecodable or found.value["valid"] in (True, False)


@pytest.mark.filterwarnings("ignore:Attribute's length", "ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize("flip", [0x01, 0x10, 0x80, 0xFF])
def test_no_byte_of_a_signature_that_is_changed_raises_or_makes_it_another_signers(signer, trusted, flip):
    whole = email.message_from_bytes(signer.sign())
    der = whole.get_payload()[1].get_payload(decode=True)
    text = TEXT_ON_THE_WIRE
    authorities = read_authorities(str(trusted))
    assert read_signature(der, (text,), authorities) == Signature("/C=GR/O=Test/CN=ce.example.org", "")
    for place in range(len(der)):
        changed = der[:place] + bytes([der[place] ^ flip]) + der[place + 1 :]
        try:
            found = read_signature(changed, (text,), authorities)
        except NoSignature:
            continue
        assert found.why_not or found.signer == "/C=GR/O=Test/CN=ce.example.org"


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_a_value_without_the_members_that_belong_in_it_is_told_as_unreadable(signer, trusted):
    der = email.message_from_bytes(signer.sign()).get_payload()[1].get_payload(decode=True)
    whys = []
    for place in range(len(der)):
        length = der[place + 1] if place + 1 < len(der) and der[place] == 0x30 else 0
        if not 2 <= length < 0x80 or place + 2 + length > len(der):
            continue
        emptied = b"\x30\x00\x04" + bytes([length - 2]) + der[place + 4 : place + 2 + length]
        try:
            read_signature(der[:place] + emptied + der[place + 2 + length :], (TEXT_ON_THE_WIRE,), None)
        except NoSignature as error:
            whys.append(str(error))
    assert {why for why in whys if "0 members where 1 belong" in why}


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("smime:/no/such/folder", "cannot be read: No such file"),
        ("json+smime", "only base64 and gzip stand before"),
        ("auto+smime", "must stand alone|only base64"),
        ("smime+gzip", "behind"),
        ("smime+auto", "behind"),
        ("smime+smime", "twice"),
        ("smimes", 'did you mean "smime"'),
    ],
)
def test_specs_that_cannot_be_are_refused_with_what_would_help(spec, why):
    with pytest.raises(ValueError, match=why):
        read_spec(spec, {})


def test_a_folder_without_certificates_is_refused(tmp_path):
    with pytest.raises(ValueError, match="there is no certificate in"):
        read_spec(f"smime:{tmp_path}", {})
