"""bridge.yaml as typed, frozen records: one class per section, every key with its meaning.

Defaults are safe. Reading a file into these records, with all problems at once, is ``settings_file.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, IPvAnyNetwork, SerializeAsAny, field_validator

from bridge.core.host_and_port import host_and_port
from bridge.core.model_base import SettingsRecord
from bridge.core.quantities import ByteSize, Duration, FilePath, LastingDuration
from bridge.core.secret import Secret
from bridge.core.tls_settings import TlsClientSettings
from bridge.destinations.config import DestinationConfig
from bridge.settings.calendar_settings import CalendarSettings
from bridge.settings.tracing_settings import TracingSettings
from bridge.sources.source_config import SourceConfig
from broker.attribute_filters import read_filter
from broker.errors import InvalidFilter

KIB, MIB, GIB = 1024, 1024**2, 1024**3
DAY_S = 86_400.0
_MOST_CONNECTIONS = 1_000_000
_STORES = ("sqlite:///", "postgresql://", "postgres://")


class TlsFiles(SettingsRecord):
    """Certificate and key of the server."""

    certificate: FilePath = Field(description="PEM file with the certificate and its chain")
    key: FilePath = Field(description="PEM file with the private key")
    client_ca: FilePath | None = Field(None, description="CA that signs client certificates; they stay optional")


class ServerTimeouts(SettingsRecord):
    """How long the server waits for whoever connects; then it answers 408, or closes."""

    handshake: LastingDuration = Field(10.0, description="For a TLS handshake")
    head: LastingDuration = Field(15.0, description="For a request's first line and headers, since it began")
    body: LastingDuration = Field(30.0, description="For 4 KiB more of a body, and for a reader to take some more")
    idle: LastingDuration = Field(75.0, description="For the next request of a connection")


class ServerSettings(SettingsRecord):
    """Where the daemon listens."""

    listen: str = Field("0.0.0.0:8443", description="Address and port of API, webhooks, pages and metrics")
    tls: TlsFiles | Literal["self-signed", "off"] = Field(
        "self-signed", description="Certificate files; self-signed makes one at first start, for trials"
    )
    x509_listen: str | None = Field(None, description="A second address for certificate login, such as 0.0.0.0:8444")
    public_url: str = Field("", description="The address people reach it by: for links and chat buttons")
    max_body: ByteSize = Field(10 * MIB, gt=0, description="Largest request body; more is answered 413")
    connections: int | None = Field(
        None,
        gt=0,
        le=_MOST_CONNECTIONS,
        description="Connections open at once; without it three quarters of the descriptors, 10,000 at most",
    )
    timeouts: ServerTimeouts = ServerTimeouts()
    metrics: Literal["open", "token"] = Field(
        "open", description="token: /metrics asks for one of the service, of a service_admin or of a metrics_viewer"
    )
    hsts: LastingDuration | Literal["off"] = Field(
        365 * DAY_S, description="With TLS: how long browsers remember to ask this host over TLS only"
    )

    @field_validator("public_url")
    @classmethod
    def _is_an_url(cls, text: str) -> str:
        if text and not text.startswith(("https://", "http://")):
            raise ValueError(f'"{text}" is no address for a browser, such as https://bridge.example.org')
        return text

    @field_validator("listen", "x509_listen")
    @classmethod
    def _is_an_address(cls, text: str | None) -> str | None:
        if text is not None:
            host_and_port(text)
        return text


class RetentionSettings(SettingsRecord):
    """How long things are kept."""

    messages: LastingDuration = Field(7 * DAY_S, description="Messages of a topic")
    deliveries: LastingDuration = Field(
        30 * DAY_S, description="Settled deliveries, their attempts, and what was decided"
    )
    audit: LastingDuration = Field(
        90 * DAY_S, description="The audit trail: who did what; of more than 100,000 entries the oldest go first"
    )
    size: ByteSize | None = Field(None, gt=0, description="Most that a topic's messages may take; the oldest go first")


class ProxyLoginSettings(SettingsRecord):
    """A proxy that knows who is there, and says it in a header."""

    header: str = Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$", description="The header with the person's name")
    networks: list[IPvAnyNetwork] = Field(
        alias="from", min_length=1, description="Addresses or networks of proxies; from others the header means nothing"
    )


class AuthSettings(SettingsRecord):
    """Who may do what."""

    service_token: Secret | None = Field(None, description="The first administrator; AMS's service token")
    token_from: Literal["header", "key", "both"] = Field("both", description="Where callers give their token")
    certificates: dict[str, str] = Field(default_factory=dict, description="Certificate subject to user name")
    proxy: ProxyLoginSettings | None = Field(None, description="A proxy that says who is there; without it: nobody's")


class TopicSettings(SettingsRecord):
    """A topic to provision."""

    schema_name: str | None = Field(None, alias="schema", description="A schema of the same project")
    decode: str = Field("auto", description="How rules read its payloads: auto, json, text, avro:NAME, gzip+json ...")


class SchemaSettings(SettingsRecord):
    """A schema to provision."""

    type: Literal["json", "avro"] = Field(description="json or avro")
    file: FilePath = Field(description="The schema itself, as JSON")


class PushToSettings(SettingsRecord):
    """Where a subscription to provision is pushed; what stands here needs no verification."""

    url: Secret = Field(description="The endpoint, or the incoming webhook of Mattermost")
    type: Literal["http_endpoint", "mattermost"] = Field("http_endpoint", description="What is there")
    max_messages: int = Field(
        1, ge=1, le=10_000, description="Messages per push; from 2 on the body is a list, as AMS sends it"
    )
    authorization: Secret | None = Field(None, description="The Authorization header, as it is; empty: none")
    retry: Literal["linear", "slowstart"] = Field("linear", description="How pauses grow, as in AMS")
    period: LastingDuration = Field(3.0, description="Pause between two pushes of retry: linear")
    base64_decode: bool = Field(False, description="Push the text behind the base64 of data")
    username: str = Field("", description="Mattermost: the name posts bear")
    channel: str = Field("", description="Mattermost: the channel")

    @field_validator("url")
    @classmethod
    def _leads_to_a_host(cls, url: Secret) -> Secret:
        try:
            parts = urlsplit(url.reveal())
            fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            fits = False
        if not fits or any(character <= " " for character in url.reveal()):
            raise ValueError("a push goes to an http or https URL with a host")
        return url

    @field_validator("authorization")
    @classmethod
    def _is_a_header(cls, authorization: Secret | None) -> Secret | None:
        text = "" if authorization is None else authorization.reveal()
        if not text.isprintable() or not text.isascii():
            raise ValueError("a header is printable ASCII on one line")
        return authorization


class SubscriptionSettings(SettingsRecord):
    """A subscription to provision."""

    topic: str = Field(description="A topic of the same project")
    ack_deadline_s: int = Field(10, ge=0, le=600, description="Seconds a consumer has to acknowledge")
    filter: str = Field("", description="Messages it is about, by attributes, in Google's language; empty: all")
    push: PushToSettings | None = Field(None, description="Where to push it; without it, it is pulled")

    @field_validator("filter")
    @classmethod
    def _can_be_read(cls, text: str) -> str:
        if text:
            try:
                read_filter(text)
            except InvalidFilter as error:
                raise ValueError(str(error)) from error
        return text


class UserSettings(SettingsRecord):
    """A user to provision."""

    roles: tuple[Literal["project_admin", "publisher", "consumer"], ...] = Field((), description="Roles in the project")
    topics: tuple[str, ...] = Field((), description="Topics it may publish to")
    subscriptions: tuple[str, ...] = Field((), description="Subscriptions it may pull from")
    token: Secret | None = Field(None, description="Its token; without one, one is made")
    email: str = Field("", description="Where to reach its owner")


class ProjectSettings(SettingsRecord):
    """A project to provision: created or brought up to date at start and on reload, never deleted."""

    description: str = Field("", description="What it is for")
    topics: dict[str, TopicSettings] = Field(default_factory=dict, description="Its topics")
    schemas: dict[str, SchemaSettings] = Field(default_factory=dict, description="Its schemas")
    subscriptions: dict[str, SubscriptionSettings] = Field(default_factory=dict, description="Its subscriptions")
    users: dict[str, UserSettings] = Field(default_factory=dict, description="Its users")


class PushSettings(TlsClientSettings):
    """AMS push subscriptions."""

    mode: Literal["internal", "external", "off"] = Field("internal", description="Who pushes: we, or an outside worker")
    give_up_after: LastingDuration | Literal["off"] = Field(
        "off",
        description="After this a message that cannot be pushed becomes a dead letter; off waits for ever, as AMS",
    )
    allow_private: bool = Field(False, description="Let endpoints given through the API reach private addresses")


class LogSettings(SettingsRecord):
    """What the daemon says."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least that is logged")
    format: Literal["json", "console", "auto"] = Field("auto", description="auto: console on a terminal, else json")


class MoveTo(SettingsRecord):
    """Where waiting deliveries of a removed destination go."""

    move_to: str = Field(description="A destination that stays")


class ReloadSettings(SettingsRecord):
    """What a reload that brings other rules does before they are in force, and after."""

    confirm: Literal["never", "changes"] = Field(
        "never", description="changes: one that would have told something else waits for reload --yes"
    )
    look_back: LastingDuration = Field(
        DAY_S, description="How far back is tried what other rules would have told; 20,000 messages at most"
    )
    shadow: LastingDuration | Literal["off"] = Field(
        "off", description="How long both decide and the old rules tell, before the new ones come into force"
    )
    roll_back: LastingDuration | Literal["off"] = Field(
        600.0, description="How long after it dead letters and undecidable messages of the new rules are watched"
    )
    roll_back_at: int = Field(
        5, ge=1, le=1_000_000, description="So many of these, and twice as many as before, put the old rules back"
    )


class RemovedDestination(SettingsRecord):
    """A destination that is going: what becomes of what waits for it (semantics.md item 16)."""

    removed: Literal["dead"] | MoveTo = Field(description="dead, or {move_to: NAME}")


class Settings(SettingsRecord):
    """The whole of bridge.yaml."""

    server: ServerSettings = ServerSettings()
    store: str = Field(
        "sqlite:///var/lib/ams-bridge/bridge.db",
        description="sqlite:///PATH (or sqlite:PATH, relative to this file), postgresql://..., or memory",
    )
    node: str = Field(
        "", description="This daemon's name among those that share a PostgreSQL store; empty: the machine's name"
    )
    retention: RetentionSettings = RetentionSettings()
    auth: AuthSettings = AuthSettings()
    projects: dict[str, ProjectSettings] = Field(default_factory=dict, description="What must exist")
    sources: dict[str, SerializeAsAny[SourceConfig]] = Field(
        default_factory=dict, description="Where messages come from"
    )
    destinations: dict[str, SerializeAsAny[DestinationConfig]] = Field(
        default_factory=dict, description="Where deliveries go"
    )
    removed: dict[str, RemovedDestination] = Field(default_factory=dict, exclude=True)
    rules: FilePath | tuple[FilePath, ...] = Field(
        Path("rules.d"), validate_default=True, description="A folder (all *.yaml by name) or files"
    )
    templates: FilePath = Field(Path("templates"), validate_default=True, description="Folder of your own templates")
    tables: dict[str, FilePath] = Field(default_factory=dict, description="Lookup tables: YAML, JSON or CSV files")
    intervals: dict[str, Any] = Field(default_factory=dict, description="Named time intervals for hours and not_hours")
    rota: dict[str, Any] = Field(
        default_factory=dict, description="Who is on call: turns of people, or a calendar, for on_call in templates"
    )
    calendars: dict[str, CalendarSettings] = Field(
        default_factory=dict, description="Calendars of iCalendar that rota and intervals look at"
    )
    push: PushSettings = PushSettings()
    search: bool = Field(
        True, description="Keep an index of words, so that messages and deliveries are found by what they say"
    )
    reload: ReloadSettings = ReloadSettings()
    log: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()
    drain: Duration = Field(10.0, description="How long deliveries under way may take to finish when the daemon stops")

    @field_validator("store")
    @classmethod
    def _is_a_store(cls, text: str) -> str:
        if text != "memory" and not text.startswith(_STORES):
            raise ValueError("no such store: write sqlite:///PATH, sqlite:PATH, postgresql://... or memory")
        return text
