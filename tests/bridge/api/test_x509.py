"""Login with a certificate (ams-api.md D12, D13, section 13)."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bridge.api.x509 import fixed_form, subject_forms
from broker.records import User
from tests.fakes.ams_api import Answered, an_api

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
OIDS = {
    "E": NameOID.EMAIL_ADDRESS,
    "SERIALNUMBER": NameOID.SERIAL_NUMBER,
    "CN": NameOID.COMMON_NAME,
    "POSTALCODE": NameOID.POSTAL_CODE,
    "STREET": NameOID.STREET_ADDRESS,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "C": NameOID.COUNTRY_NAME,
    "DC": NameOID.DOMAIN_COMPONENT,
    "UID": NameOID.USER_ID,
}


def a_name(*parts):
    return x509.Name([x509.NameAttribute(OIDS[key], value) for key, value in (part.split("=", 1) for part in parts)])


ROBOT = a_name("C=GR", "O=Example", "OU=hosts", "CN=robot")


def a_certificate(name=ROBOT, begins=NOW - timedelta(days=1), ends=NOW + timedelta(days=1)):
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), x509.random_serial_number(), begins, ends)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


async def login(ams, der, host="ams.example.org"):
    sent = []

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(event):
        sent.append(event)

    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/v1/service-types/ams/hosts/{host}:authx509",
        "query_string": b"",
        "headers": [],
        "state": {"peer_der": der},
    }
    await ams.app(scope, receive, send)
    return Answered(sent[0]["status"], json.loads(sent[1]["body"]), {})


async def bound(subject="CN=robot,OU=hosts,O=Example,C=GR", **changed):
    ams = await an_api(**changed)
    await ams.user("robot")
    await ams.broker.certificates.bind(subject, ams.broker.cache.find(User, "robot"))
    return ams


@pytest.mark.parametrize(
    "subject",
    ["CN=robot,OU=hosts,O=Example,C=GR", "/C=GR/O=Example/OU=hosts/CN=robot"],
)
@pytest.mark.parametrize("host", ["ams.example.org", "ams.example.org:8443", "localhost", "127.0.0.1"])
async def test_a_bound_certificate_gets_its_users_token(subject, host):
    ams = await bound(subject)
    answered = await login(ams, a_certificate(), host)
    assert (answered.status, answered.json) == (200, {"token": ams.tokens["robot"]})


async def test_bindings_stand_in_the_settings_too():
    ams = await an_api(certificates={"/C=GR/O=Example/OU=hosts/CN=robot": "robot"})
    await ams.user("robot")
    assert (await login(ams, a_certificate())).json == {"token": ams.tokens["robot"]}


async def test_no_certificate_is_a_bad_request():
    assert (await login(await bound(), None)).error == (400, "BAD REQUEST", "No certificate provided")


@pytest.mark.parametrize(
    ("begins", "ends", "text"),
    [(-2, -1, "Your certificate has expired"), (1, 2, "Your certificate is not active yet")],
)
async def test_a_certificate_out_of_its_time_is_forbidden(begins, ends, text):
    der = a_certificate(begins=NOW + timedelta(days=begins), ends=NOW + timedelta(days=ends))
    assert (await login(await bound(), der)).error == (403, "ACCESS_FORBIDDEN", text)


async def test_an_unknown_host_is_not_found():
    ams = await bound(x509_hosts=frozenset({"ams.example.org"}))
    assert (await login(ams, a_certificate(), "other.example.org")).error == (404, "NOT FOUND", "Host was not found")
    assert (await login(ams, a_certificate(), "ams.example.org:443")).status == 200


@pytest.mark.parametrize(
    "name",
    [
        a_name("CN=robot"),
        a_name("C=GR", "O=Example", "OU=hosts", "CN=robot2"),
        a_name("C=GR", "O=Other", "OU=hosts", "CN=robot"),
        a_name("C=GR", "O=Example", "OU=hosts", "CN=robot", "CN=robot"),
        a_name("C=GR", "O=Example", "OU=hosts", "CN=robot", "UID=other"),
    ],
)
async def test_another_subject_is_not_bound(name):
    assert (await login(await bound(), a_certificate(name))).error == (404, "NOT FOUND", "Binding was not found")


async def test_a_binding_to_a_common_name_alone_matches_no_longer_subject():
    assert (await login(await bound("CN=robot"), a_certificate())).status == 404
    assert (await login(await bound("CN=robot"), a_certificate(a_name("CN=robot", "UID=x")))).status == 404


async def test_a_token_sealed_with_another_key_is_the_services_fault():
    ams = await bound()
    user = ams.broker.cache.find(User, "robot")
    await ams.broker.cache.change(
        user, lambda u: u.name, lambda u: msgspec.structs.replace(u, token_sealed=b"something else entirely")
    )
    answered = await login(ams, a_certificate())
    assert answered.error[:2] == (500, "INTERNAL_SERVER_ERROR")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        (a_name("C=GR", "O=Example", "OU=hosts", "CN=robot"), "CN=robot,OU=hosts,O=Example,C=GR"),
        (a_name("CN=robot", "C=GR", "OU=hosts", "O=Example"), "CN=robot,OU=hosts,O=Example,C=GR"),
        (a_name("C=GR", "OU=b", "OU=a", "CN=x"), "CN=x,OU=b+OU=a,C=GR"),
        (a_name("DC=org", "DC=example", "O=o", "CN=x"), "CN=x,O=o,DC=org+DC=example"),
        (a_name("C=GR", "CN=x", "E=a@b"), "E=a@b,CN=x,C=GR"),
        (
            a_name("C=GR", "L=l", "ST=st", "STREET=s", "POSTALCODE=p", "SERIALNUMBER=n", "CN=c", "O=o", "OU=u"),
            "SERIALNUMBER=n,CN=c,OU=u,O=o,POSTALCODE=p,STREET=s,L=l,ST=st,C=GR",
        ),
        (a_name('CN=a,b+c"d\\e<f>;g', "O= x "), 'CN=a\\,b\\+c\\"d\\\\e\\<f\\>\\;g,O=\\ x\\ '),
        (a_name("CN=#x"), "CN=\\#x"),
    ],
)
def test_the_fixed_form_has_its_own_order_whatever_the_certificates(name, form):
    assert fixed_form(name) == form


def test_a_subject_with_more_than_the_fixed_form_holds_has_the_other_forms_only():
    forms = subject_forms(a_name("C=GR", "CN=x", "UID=u"))
    assert "CN=x,C=GR" not in forms
    assert {"/C=GR/CN=x/UID=u", "UID=u,CN=x,C=GR"} <= set(forms)


def test_an_email_is_known_by_its_three_names():
    forms = subject_forms(a_name("C=GR", "CN=x", "E=a@b"))
    assert {"/C=GR/CN=x/emailAddress=a@b", "/C=GR/CN=x/Email=a@b", "emailAddress=a@b,CN=x,C=GR"} <= set(forms)


def test_several_addresses_are_joined_and_they_and_domains_stand_as_they_are():
    assert fixed_form(a_name("CN=x", "E=a+b@c", "E=d@e", "DC=o#rg")) == "E=a+b@c+E=d@e,CN=x,DC=o#rg"


def test_the_order_of_older_bindings_is_still_known():
    forms = subject_forms(a_name("C=GR", "O=o", "OU=u", "CN=c", "L=l"))
    assert forms[:2] == ["CN=c,OU=u,O=o,L=l,C=GR", "CN=c,L=l,OU=u,O=o,C=GR"]


def test_an_address_that_reads_as_further_attributes_passes_for_nobody():
    forms = subject_forms(a_name("C=GR", "E=a@b,CN=admin"))
    assert "E=a@b,CN=admin,C=GR" not in forms
    assert "E=a@b\\,CN=admin,C=GR" in forms
