"""Who may pass: the checks before every handler, in AMS's order (ams-api.md section 2).

The first that fails answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from bridge.api.api_errors import forbidden, invalid_argument, not_found, unauthorized
from bridge.api.call import NOBODY, Api, Caller, TokenFrom
from bridge.api.route import ApiRoute
from broker.access import SERVICE_ADMIN, may, roles_in
from broker.names import is_name
from broker.records import Project
from broker.tokens import digest_of_token, match_digests

_KEY: Final = b"key="
_BLANKS: Final = b" \t"
"""What may stand around a header's value and is no part of it (RFC 9110, 5.5); the server strips it in front only."""
HOSTS: Final = frozenset({"host"})
"""Path variables that may hold dots and a port (D12)."""
SERVICE: Final = Caller((SERVICE_ADMIN,))
"""The caller with the service token."""


def check_names(names: Mapping[str, str]) -> None:
    """Check that every path variable but hosts is a name, judged in alphabetical order. Raises ApiError."""
    for variable in sorted(names.keys() - HOSTS):
        if not is_name(names[variable]):
            raise invalid_argument(f"Invalid {variable} name")


def token_of(headers: Iterable[tuple[bytes, bytes]], query_string: bytes, token_from: TokenFrom) -> bytes:
    """The token a request carries where the setting looks for it; empty when there is none."""
    if token_from != "key":
        for name, value in headers:
            if name == b"x-api-key" and (token := value.strip(_BLANKS)):
                return token
    if token_from == "header":
        return b""
    for part in query_string.split(b"&"):
        if part.startswith(_KEY):
            return unquote_to_bytes(part[len(_KEY) :].replace(b"+", b" "))
    return b""


def admit_call(api: Api, route: ApiRoute, project_name: str | None, token: bytes) -> tuple[Project | None, Caller]:
    """The project of the path and who asks, once both may pass. Raises ApiError, StoreUnavailable."""
    if route.is_open:
        return None, NOBODY
    api.broker.cache.check_fresh()
    if not token:
        raise unauthorized()
    return admit_caller(api, route, project_name, lambda project: caller_of(api, token, project))


def admit_caller(
    api: Api, route: ApiRoute, project_name: str | None, find_caller: Callable[[Project | None], Caller | None]
) -> tuple[Project | None, Caller]:
    """The project of the path, and the caller that ``find_caller`` gives in it, once both may pass. Raises ApiError."""
    project = None if project_name is None else api.broker.cache.project(project_name)
    if project is None and project_name is not None and route.needs_project:
        raise not_found("project doesn't exist")
    caller = find_caller(project)
    if caller is None or not caller.roles:
        raise unauthorized()
    if caller is not SERVICE and not may(caller.roles, route.roles):
        raise forbidden()
    return project, caller


def caller_of(api: Api, token: bytes, project: Project | None = None) -> Caller | None:
    """Who holds the token, with the roles that count in the project; None for an unknown one.

    Raises StoreUnavailable when the catalog at hand may be too old to say.
    """
    api.broker.cache.check_fresh()
    digest = digest_of_token(token)
    service = api.settings.service_token_digest
    if service and match_digests(digest, service):
        return SERVICE
    user = api.broker.cache.find_user_by_digest(digest)
    if user is None:
        return None
    return Caller(roles_in(user, None if project is None else project.uid), user)
