"""Certificate bindings as argo-api-authn serves them, so that its scripts keep them here unchanged.

There is one service type, ``ams``. Errors have that service's own texts and words.
"""

from __future__ import annotations

from typing import Final

from bridge.api.api_errors import ApiError
from bridge.api.api_times import zulu
from bridge.api.call import Call
from bridge.api.decoding import BadBody, decode_shape
from bridge.api.wire_bindings import AuthnBinding, AuthnBindingRequest, AuthnBindings
from broker.names import is_name
from broker.records import CertificateBinding, User

SERVICE_TYPE: Final = "ams"
SERVICE_UUID: Final = "616d7300-0000-5000-8000-000000000000"
"""The uuid under which the one service type is shown; requests may name another one, for nothing hangs on it."""
_X509: Final = "x509"
_REQUIRED: Final = ("service_uuid", "host", "auth_identifier", "unique_key", "auth_type")


async def list_all(call: Call) -> AuthnBindings:
    """Every binding, oldest first."""
    return AuthnBindings([_answer(call, binding) for binding in call.broker.cache.list_all(CertificateBinding)])


async def list_of_host(call: Call) -> AuthnBindings:
    """Every binding, or with ``authID`` the one of that subject."""
    if call.names["service_type"] != SERVICE_TYPE:
        raise _not_found("Service-type")
    host = call.names["host"]
    hosts = call.api.settings.x509_hosts
    if hosts and host not in hosts and host.rpartition(":")[0] not in hosts:
        raise _not_found("Host")
    subject = call.query("authID")
    if not subject:
        return AuthnBindings(
            [_answer(call, binding, host) for binding in call.broker.cache.list_all(CertificateBinding)]
        )
    bound = call.broker.cache.find(CertificateBinding, subject)
    if bound is None:
        raise _not_found("Binding")
    return AuthnBindings([_answer(call, bound, host)])


async def show(call: Call) -> AuthnBinding:
    """Show the binding of this name."""
    return _answer(call, _binding(call))


async def create(call: Call) -> AuthnBinding:
    """Bind a certificate's subject to a user, under a name that is free."""
    request = _request(call)
    for name in _REQUIRED:
        if not getattr(request, name):
            raise _unprocessable(f"binding object contains empty fields. empty value for field: {name}")
    _check_type(request)
    user = _user(call, request.unique_key)
    if call.broker.cache.find(CertificateBinding, request.auth_identifier) is not None:
        raise _conflict("auth_identifier", request.auth_identifier)
    name = call.names["binding"]
    if call.broker.certificates.find_by_name(name) is not None:
        raise _conflict("name", name)
    bound = await call.broker.certificates.bind(request.auth_identifier, user, call.caller.uid, name=name)
    return _answer(call, bound, request.host, request.service_uuid)


async def update(call: Call) -> AuthnBinding:
    """Give a binding another subject, user or name; what is not given stays."""
    bound, request = _binding(call), _request(call)
    _check_type(request)
    user = _user(call, request.unique_key or bound.user_uid)
    subject = request.auth_identifier or bound.subject
    name = request.name or call.names["binding"]
    if not is_name(name):
        raise _unprocessable("Field: name contains invalid data. letters, digits, - and _ are a name")
    if subject != bound.subject and call.broker.cache.find(CertificateBinding, subject) is not None:
        raise _conflict("auth_identifier", subject)
    holder = call.broker.certificates.find_by_name(name)
    if holder is not None and holder.uid != bound.uid:
        raise _conflict("name", name)
    changed = await call.broker.certificates.change(bound, subject, user, name)
    return _answer(call, changed, request.host, request.service_uuid)


def _request(call: Call) -> AuthnBindingRequest:
    try:
        return decode_shape(call.body, AuthnBindingRequest)
    except BadBody as wrong:
        raise ApiError(400, "BAD REQUEST", f"Poorly formatted JSON. {wrong}") from wrong


def _check_type(request: AuthnBindingRequest) -> None:
    if request.auth_type not in ("", _X509):
        raise _unprocessable(f"Auth type: {request.auth_type} is not yet supported.Supported:[{_X509}]")


def _binding(call: Call) -> CertificateBinding:
    bound = call.broker.certificates.find_by_name(call.names["binding"])
    if bound is None:
        raise _not_found("Binding")
    return bound


def _user(call: Call, uid: str) -> User:
    user = call.broker.cache.find_by_uid(User, uid)
    if user is None:
        raise _not_found("User")
    return user


def _not_found(what: str) -> ApiError:
    return ApiError(404, "NOT FOUND", f"{what} was not found")


def _conflict(field: str, value: str) -> ApiError:
    return ApiError(409, "CONFLICT", f"binding object with {field}: {value} already exists")


def _unprocessable(text: str) -> ApiError:
    return ApiError(422, "UNPROCESSABLE ENTITY", text)


def _answer(call: Call, bound: CertificateBinding, host: str = "", service_uuid: str = "") -> AuthnBinding:
    user = call.broker.cache.find_by_uid(User, bound.user_uid)
    changed = bound.modified_us > bound.created_us
    return AuthnBinding(
        name=bound.name or ("" if user is None else user.name),
        service_uuid=service_uuid or SERVICE_UUID,
        host=host or call.api.settings.hostname or call.api.settings.address.rpartition(":")[0],
        uuid=bound.uid,
        auth_identifier=bound.subject,
        unique_key=bound.user_uid,
        auth_type=_X509,
        created_on=zulu(bound.created_us),
        updated_on=zulu(bound.modified_us) if changed else "",
    )
