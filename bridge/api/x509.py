"""Login with a certificate: the subject names a user, the user's token is the answer (ams-api.md D12, D13, section 13).

Subjects are compared as whole names, in one of three forms: the fixed one of argo-api-authn, RFC 4514, and the slash
form of GOCDB. The TLS layer has checked the chain by then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from bridge.api.api_errors import ApiError, internal
from bridge.api.call import Api
from bridge.api.wire_people import TokenAnswer
from broker.days import moment
from broker.records import User

PREFIX: Final = "/v1/service-types/ams/hosts/"
SUFFIX: Final = ":authx509"

_FIXED_ORDER: Final[Mapping[ObjectIdentifier, str]] = {
    NameOID.SERIAL_NUMBER: "SERIALNUMBER",
    NameOID.COMMON_NAME: "CN",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.POSTAL_CODE: "POSTALCODE",
    NameOID.STREET_ADDRESS: "STREET",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.COUNTRY_NAME: "C",
}
_OLDER_ORDER: Final = ("SERIALNUMBER", "CN", "POSTALCODE", "STREET", "ST", "L", "OU", "O", "C")
"""The order in which bindings were made before ours was held against the original's own function."""
_MORE_NAMES: Final = re.compile(r"[,+][^,+]*=")
"""What would read as further attributes where a value stands as it is."""
_UNESCAPED: Final = frozenset({NameOID.EMAIL_ADDRESS, NameOID.DOMAIN_COMPONENT})
_FIXED_ALL: Final = {*_FIXED_ORDER, NameOID.EMAIL_ADDRESS, NameOID.DOMAIN_COMPONENT}
_SLASH_NAMES: Final[Mapping[ObjectIdentifier, str]] = {
    **_FIXED_ORDER,
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.POSTAL_CODE: "postalCode",
    NameOID.STREET_ADDRESS: "street",
    NameOID.DOMAIN_COMPONENT: "DC",
    NameOID.USER_ID: "UID",
    NameOID.GIVEN_NAME: "GN",
    NameOID.SURNAME: "SN",
    NameOID.TITLE: "title",
}
_EMAIL_NAMES: Final = ("emailAddress", "Email", "E")
_ESCAPED: Final = frozenset(',+"\\<>;')


def host_of(path: str) -> str | None:
    """The host a login path names, or None when it is no login path; dots and ``:port`` may stand in it."""
    if not path.startswith(PREFIX) or not path.endswith(SUFFIX):
        return None
    host = path[len(PREFIX) : -len(SUFFIX)]
    return host if host and "/" not in host else None


def login(api: Api, host: str, peer_der: bytes | None) -> TokenAnswer:
    """The token of the user whom the certificate's subject is bound to. Raises ApiError."""
    if peer_der is None:
        raise ApiError(400, "BAD REQUEST", "No certificate provided")
    api.broker.cache.check_fresh()
    certificate = x509.load_der_x509_certificate(peer_der)
    now = moment(api.broker.clock.wall_us())
    if now > certificate.not_valid_after_utc:
        raise ApiError(403, "ACCESS_FORBIDDEN", "Your certificate has expired")
    if now < certificate.not_valid_before_utc:
        raise ApiError(403, "ACCESS_FORBIDDEN", "Your certificate is not active yet")
    known_hosts = api.settings.x509_hosts
    if known_hosts and host not in known_hosts and host.rpartition(":")[0] not in known_hosts:
        raise ApiError(404, "NOT FOUND", "Host was not found")
    user = _user_of(api, certificate.subject)
    if user is None:
        raise ApiError(404, "NOT FOUND", "Binding was not found")
    token = api.broker.users.token_of(user)
    if token is None:
        raise internal("Internal Error: the token was sealed with another key; refresh it")
    return TokenAnswer(token)


def _user_of(api: Api, subject: x509.Name) -> User | None:
    """Bindings from the settings come first, then those made through the API."""
    for form in subject_forms(subject):
        name = api.settings.certificates.get(form)
        user = api.broker.cache.find(User, name) if name else api.broker.certificates.user_of(form)
        if user is not None:
            return user
    return None


def subject_forms(subject: x509.Name) -> list[str]:
    """Every way to write the whole subject, the fixed form first.

    A subject with attributes that the fixed form would drop has no fixed form, and neither has one whose address would
    read as further attributes: it must not pass for another one.
    """
    fixed = []
    if all(attribute.oid in _FIXED_ALL for attribute in subject):
        fixed = [_older_form(subject)]
        if not any(_MORE_NAMES.search(_text(attribute)) for attribute in subject if attribute.oid in _UNESCAPED):
            fixed.insert(0, fixed_form(subject))
    rfc4514 = [subject.rfc4514_string({NameOID.EMAIL_ADDRESS: name}) for name in _EMAIL_NAMES]
    slash = [_slash_form(subject, name) for name in _EMAIL_NAMES]
    return list(dict.fromkeys([*fixed, *rfc4514, *slash]))


def fixed_form(subject: x509.Name) -> str:
    """``E=..,CN=..,OU=a+OU=b,O=..,C=..,DC=a+DC=b``, whatever the certificate's own order.

    As the original writes it, E and DC stand as they are, everything else is escaped.
    """
    parts = [_join("E", _values(subject, NameOID.EMAIL_ADDRESS))]
    parts += [_join(name, map(_escape, _values(subject, oid))) for oid, name in _FIXED_ORDER.items()]
    parts.append(_join("DC", _values(subject, NameOID.DOMAIN_COMPONENT)))
    return ",".join(part for part in parts if part)


def _older_form(subject: x509.Name) -> str:
    """The fixed form as it was written at first: another order, one address only, and everything escaped."""
    oids = {name: oid for oid, name in _FIXED_ORDER.items()} | {"DC": NameOID.DOMAIN_COMPONENT}
    parts = [_join("E", map(_escape, _values(subject, NameOID.EMAIL_ADDRESS)[:1]))]
    parts += [_join(name, map(_escape, _values(subject, oids[name]))) for name in (*_OLDER_ORDER, "DC")]
    return ",".join(part for part in parts if part)


def _join(name: str, values: Iterable[str]) -> str:
    return "+".join(f"{name}={value}" for value in values)


def _slash_form(subject: x509.Name, email_name: str) -> str:
    names = {**_SLASH_NAMES, NameOID.EMAIL_ADDRESS: email_name}
    return "".join(f"/{names.get(a.oid, a.oid.dotted_string)}={_text(a)}" for a in subject)


def _values(subject: x509.Name, oid: ObjectIdentifier) -> list[str]:
    return [_text(attribute) for attribute in subject.get_attributes_for_oid(oid)]


def _text(attribute: x509.NameAttribute[str | bytes]) -> str:
    return attribute.value if isinstance(attribute.value, str) else attribute.value.hex()


def _escape(text: str) -> str:
    """As Go writes names: specials with a backslash, and blanks and ``#`` where they would be lost."""
    escaped = "".join(f"\\{character}" if character in _ESCAPED else character for character in text)
    if escaped[:1] in (" ", "#"):
        escaped = "\\" + escaped
    if len(text) > 1 and escaped.endswith(" "):
        escaped = escaped[:-1] + "\\ "
    return escaped
