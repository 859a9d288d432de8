"""One request on its way to its handler, and what handlers may count on: the broker, the settings, the outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar
from urllib.parse import parse_qsl

from bridge.api.api_errors import not_found
from bridge.api.push_worker import WorkerPulls
from bridge.core.tracing import TraceContext, Tracer
from broker.access import SERVICE_ADMIN
from broker.beside import LARGE_BYTES, Beside
from broker.broker import Broker
from broker.records import Project, Schema, Subscription, Topic, User

TokenFrom: TypeAlias = Literal["key", "header", "both"]
Result = TypeVar("Result")
PushMode: TypeAlias = Literal["internal", "external", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """How the API behaves.

    Digests are ``broker.tokens.digest_of`` of the token; "" means there is none. ``push_worker_digest`` names the
    outside push worker; without it the first user with the service role push_worker is taken. ``address`` is
    ``host:port`` as clients reach us, for ``/status``. ``x509_hosts`` are the host names that may be asked to log in
    with a certificate (none: any), ``certificates`` bind subjects to user names.
    """

    service_token_digest: str = ""
    token_from: TokenFrom = "both"
    per_resource_auth: bool = True
    push_mode: PushMode = "internal"
    push_worker_digest: str = ""
    hostname: str = ""
    address: str = "localhost:8443"
    max_publish_bytes: int = 64 * 1024 * 1024
    max_body_bytes: int = 10 * 1024 * 1024
    x509_hosts: frozenset[str] = frozenset()
    certificates: Mapping[str, str] = field(default_factory=dict)
    release: str = ""
    build_time: str = ""


@dataclass(frozen=True, slots=True)
class VerificationAnswer:
    """What a push endpoint answered when asked for its verification hash."""

    status: int
    body: bytes


class Unreachable(Exception):
    """A push endpoint could not be asked, or must not be; the text says why."""


@dataclass(frozen=True, slots=True)
class NodeUsage:
    """How busy a node is, in percent."""

    node: str
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPorts:
    """What the API asks of the rest of the daemon.

    ``fetch`` GETs a URL without following redirects, within 30 s and the address rules of pushes (D22), and raises
    Unreachable. ``push_status`` is the state of one push subscription in AMS's words, "" when unknown. ``nodes`` is
    the load of every known node.
    """

    fetch: Callable[[str], Awaitable[VerificationAnswer]]
    push_status: Callable[[Subscription], str]
    nodes: Callable[[], list[NodeUsage]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the roles that count here, and the user, None for the service token."""

    roles: tuple[str, ...]
    user: User | None = None

    @property
    def uid(self) -> str:
        """The user's uid, "" for the service token."""
        return "" if self.user is None else self.user.uid

    @property
    def is_service_admin(self) -> bool:
        """Whether the caller sees everything."""
        return SERVICE_ADMIN in self.roles


NOBODY = Caller(())
"""The caller of an open route."""


@dataclass(frozen=True, slots=True)
class Api:
    """What every handler works with."""

    broker: Broker
    settings: ApiSettings
    outside: ApiPorts
    worker_pulls: WorkerPulls = field(default_factory=WorkerPulls)
    beside: Beside = field(default_factory=Beside)
    tracer: Tracer | None = None


@dataclass(slots=True)
class Call:
    """One request, admitted: its path variables, query, body, headers, and who asks.

    ``trace`` is set by the handler of a call that is part of a trace.
    """

    api: Api
    names: Mapping[str, str]
    caller: Caller
    project_or_none: Project | None = None
    query_string: bytes = b""
    token: bytes = b""
    body: bytes = b""
    headers: Iterable[tuple[bytes, bytes]] = ()
    trace: TraceContext | None = field(default=None, init=False)
    _query: dict[str, str] | None = field(default=None, init=False)

    @property
    def broker(self) -> Broker:
        """The broker that the call is about."""
        return self.api.broker

    @property
    def project(self) -> Project:
        """The project of the path. Raises ApiError where the path has none."""
        if self.project_or_none is None:
            raise not_found("ProjectUUID doesn't exist")
        return self.project_or_none

    def query(self, name: str, default: str = "") -> str:
        """A query parameter, the first of several; the default when it is absent."""
        if self._query is None:
            pairs = parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True, errors="replace")
            self._query = dict(reversed(pairs))
        return self._query.get(name, default)

    def asks_for(self, name: str) -> bool:
        """Whether a query parameter says ``true``, in whatever case (D26)."""
        return self.query(name).lower() == "true"

    async def read(self, step: Callable[[], Result]) -> Result:
        """What ``step`` makes of the body; beside the event loop when that is large."""
        return await self.api.beside.run(step, large=len(self.body) > LARGE_BYTES)

    def topic(self) -> Topic:
        """The topic of the path. Raises ApiError."""
        topic = self.broker.cache.topic(self.project.uid, self.names["topic"])
        if topic is None:
            raise not_found("Topic doesn't exist")
        return topic

    def subscription(self) -> Subscription:
        """The subscription of the path. Raises ApiError."""
        subscription = self.broker.cache.subscription(self.project.uid, self.names["subscription"])
        if subscription is None:
            raise not_found("Subscription doesn't exist")
        return subscription

    def schema(self) -> Schema:
        """The schema of the path. Raises ApiError."""
        schema = self.broker.cache.schema(self.project.uid, self.names["schema"])
        if schema is None:
            raise not_found("Schema doesn't exist")
        return schema

    def user(self) -> User:
        """The user of the path. Raises ApiError."""
        user = self.broker.cache.find(User, self.names["user"])
        if user is None:
            raise not_found("User doesn't exist")
        return user


Handler: TypeAlias = Callable[[Call], Awaitable[object]]
"""Answers a call: with what goes out as JSON (None is ``{}``), or by raising ApiError or a broker error."""
