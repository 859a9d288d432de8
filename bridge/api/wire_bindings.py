"""The JSON of argo-api-authn's bindings, as the scripts that read GOCDB and cloud-info send and read it."""

from __future__ import annotations

from bridge.api.wire import SnakeAnswer, SnakeRequest


class AuthnBindingRequest(SnakeRequest, frozen=True):
    """A binding to make or to change; what is left empty stays as it is in a change."""

    service_uuid: str = ""
    host: str = ""
    auth_identifier: str = ""
    unique_key: str = ""
    auth_type: str = ""
    name: str = ""


class AuthnBinding(SnakeAnswer, kw_only=True):
    """A binding: the subject is ``auth_identifier``, the user's uuid ``unique_key``."""

    name: str
    service_uuid: str
    host: str
    uuid: str
    auth_identifier: str
    unique_key: str
    auth_type: str
    created_on: str
    updated_on: str = ""


class AuthnBindings(SnakeAnswer):
    """All bindings, or the one that was asked for by its subject."""

    bindings: list[AuthnBinding]
