"""Subjects as GOCDB writes them become the form that certificates are compared in."""

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from bridge.api.x509 import fixed_form
from bridge.core.subject_names import subject_of_slash_form


@pytest.mark.parametrize(
    ("slashed", "subject"),
    [
        ("/C=GR/O=Test/OU=hosts/CN=ce.example.org", "CN=ce.example.org,OU=hosts,O=Test,C=GR"),
        (
            "/DC=org/DC=terena/DC=tcs/C=DE/O=hosts/O=GermanGrid/OU=DESY/CN=host/example.com",
            "CN=host/example.com,OU=DESY,O=hosts+O=GermanGrid,C=DE,DC=org+DC=terena+DC=tcs",
        ),
        ("/C=GR/O=A, B/CN=x/emailAddress=a@b.example", "E=a@b.example,CN=x,O=A\\, B,C=GR"),
        (
            "/C=GR/ST=Attica/L=Athens/street=S 1/postalCode=1/CN=x",
            "CN=x,POSTALCODE=1,STREET=S 1,L=Athens,ST=Attica,C=GR",
        ),
        ("/C=GR/O=a+b/CN=x", "CN=x,O=a\\+b,C=GR"),
        ("  /C=GR/CN=x \n", "CN=x,C=GR"),
        ("/C=GR/CN=a/b=c", "/C=GR/CN=a/b=c"),
        ("/C=GR/UID=42/CN=x", "/C=GR/UID=42/CN=x"),
        ("CN=x,C=GR", ""),
        ("/", ""),
        ("", ""),
        ("/C=GR/CN=", ""),
        ("nonsense", ""),
    ],
)
def test_a_slash_form_becomes_the_fixed_form(slashed: str, subject: str) -> None:
    assert subject_of_slash_form(slashed) == subject


def test_it_is_the_form_that_a_certificate_is_compared_in() -> None:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "org"),
            x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "terena"),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'A "quoted", odd; one'),
            x509.NameAttribute(NameOID.LOCALITY_NAME, " blank "),
            x509.NameAttribute(NameOID.COMMON_NAME, "host/ce.example.org"),
            x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@b.example"),
        ]
    )
    slashed = '/DC=org/DC=terena/C=DE/O=A "quoted", odd; one/L= blank /CN=host/ce.example.org/emailAddress=a@b.example'
    assert subject_of_slash_form(slashed) == fixed_form(subject)
