"""The records of the Catalog: what exists, apart from messages and what becomes of them.

Each kind has one frozen record. References between records are by ``uid``, which is never reused, so a
rename changes one record and nothing that points to it. Lists are tuples; times are microseconds, UTC.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec


class CatalogRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that every record of the catalog has. ``uid`` is a UUIDv4 text."""

    uid: str
    created_us: int
    modified_us: int
    created_by: str = ""  # uid of the user, "" for the service token or provisioning


class Project(CatalogRecord, frozen=True, kw_only=True):
    """A project: a tenant of the service. Catalog key: its name."""

    name: str
    description: str = ""


class Membership(msgspec.Struct, frozen=True):
    """A user's roles in one project."""

    project_uid: str
    roles: tuple[str, ...] = ()


class User(CatalogRecord, frozen=True, kw_only=True):
    """A user: somebody with a token. Catalog key: the name. The token itself is kept sealed, and found by digest."""

    name: str
    token_digest: str  # SHA-256 of the token, hex
    token_sealed: bytes
    first_name: str = ""
    last_name: str = ""
    organization: str = ""
    description: str = ""
    email: str = ""
    service_roles: tuple[str, ...] = ()
    memberships: tuple[Membership, ...] = ()


class Topic(CatalogRecord, frozen=True, kw_only=True):
    """A topic of a project. Catalog key: ``<project uid>/<name>``. ``uid`` names its log."""

    project_uid: str
    name: str
    schema_uid: str = ""
    acl: tuple[str, ...] = ()  # user uids
    decode: str = "auto"


class PushConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a push subscription delivers (ams-api.md 4.4). ``type`` "" is a pull subscription."""

    type: Literal["", "http_endpoint", "mattermost"] = ""
    endpoint: str = ""
    max_messages: int = 0
    authorization_type: Literal["", "autogen", "disabled"] = ""
    authorization_value: str = ""
    retry_type: Literal["", "linear", "slowstart"] = ""
    retry_period_ms: int = 0
    verification_hash: str = ""
    verified: bool = False
    mattermost_url: str = ""
    mattermost_username: str = ""
    mattermost_channel: str = ""
    base64_decode: bool = False


class Subscription(CatalogRecord, frozen=True, kw_only=True):
    """A subscription to a topic. Catalog key: ``<project uid>/<name>``. Its cursor's id is ``s/<uid>``.

    The topic is held by name: recreating a deleted topic re-attaches its subscriptions (ams-api.md 7.6).
    """

    project_uid: str
    name: str
    topic_name: str
    ack_deadline_s: int = 10
    acl: tuple[str, ...] = ()
    push: PushConfig = PushConfig()
    filter: str = ""  # which messages it is about (broker/attribute_filters.py); "" is all


class Snapshot(CatalogRecord, frozen=True, kw_only=True):
    """A place in a topic that subscriptions can be moved to. Catalog key: ``<project uid>/<name>``."""

    project_uid: str
    name: str
    topic_name: str
    topic_uid: str
    offset: int
    expires_us: int
    labels: dict[str, str] = {}


class Schema(CatalogRecord, frozen=True, kw_only=True):
    """A JSON or Avro schema. Catalog key: ``<project uid>/<name>``."""

    project_uid: str
    name: str
    type: Literal["json", "avro"]
    definition: dict[str, Any]


class Registration(CatalogRecord, frozen=True, kw_only=True):
    """A request to become a user (ams-api.md 9.5). Catalog key: the uid."""

    name: str
    first_name: str = ""
    last_name: str = ""
    organization: str = ""
    description: str = ""
    email: str = ""
    status: Literal["pending", "accepted", "declined"] = "pending"
    decline_comment: str = ""
    activation_token: str = ""
    modified_by: str = ""


class SilenceRecord(CatalogRecord, frozen=True, kw_only=True):
    """A silence (rules-language.md section 5). Catalog key: the uid."""

    matchers: dict[str, Any]
    starts_us: int
    until_us: int
    who: str
    why: str


class RuleSetRecord(CatalogRecord, frozen=True, kw_only=True):
    """A rule set that was current once, kept whole. Catalog key: its version (a content hash)."""

    version: str
    sources: bytes


class CertificateBinding(CatalogRecord, frozen=True, kw_only=True):
    """A certificate subject bound to a user, for X.509 login. Catalog key: the subject in its fixed form."""

    subject: str
    user_uid: str
    name: str = ""  # as argo-api-authn names its bindings; "" for one that was made by its subject alone


class Person(CatalogRecord, frozen=True, kw_only=True):
    """A person with a role on the pages and in the operators' API. Catalog key: the name, in lower case."""

    name: str
    role: Literal["viewer", "responder", "admin"]
    password_hash: str = ""  # argon2id; "" for nobody's: such a person logs in by other means
    token_digest: str = ""  # of the token for the API, which itself is kept nowhere; "" for none


class SessionRecord(CatalogRecord, frozen=True, kw_only=True):
    """A session of the pages. Catalog key: the digest of its cookie, which itself is kept nowhere."""

    cookie_digest: str
    name: str
    token_digest: str  # of the token it was begun with, or of what else proved it: it ends when that changes
    until_us: int
    person_uid: str = ""  # whose it is, "" where it was begun with the token of the service or of a user
    how: Literal["token", "password", "proxy"] = "token"
    address: str = ""  # where it was begun from


class ServiceNote(CatalogRecord, frozen=True, kw_only=True):
    """A small named fact of the service itself, such as the version of the current rule set. Key: its name."""

    name: str
    value: str


AnyRecord: TypeAlias = (
    Project
    | User
    | Topic
    | Subscription
    | Snapshot
    | Schema
    | Registration
    | SilenceRecord
    | RuleSetRecord
    | CertificateBinding
    | Person
    | SessionRecord
    | ServiceNote
)

KINDS: Final[dict[str, type[AnyRecord]]] = {
    "project": Project,
    "user": User,
    "topic": Topic,
    "subscription": Subscription,
    "snapshot": Snapshot,
    "schema": Schema,
    "registration": Registration,
    "silence": SilenceRecord,
    "ruleset": RuleSetRecord,
    "certificate": CertificateBinding,
    "person": Person,
    "session": SessionRecord,
    "note": ServiceNote,
}
"""Kind name to record type: the one table that engines use to write and read records."""


def kind_of(record: AnyRecord) -> str:
    """The kind name of a record."""
    return _NAMES[type(record)]


_NAMES: Final[dict[type[AnyRecord], str]] = {record_type: name for name, record_type in KINDS.items()}
_DECODERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    name: msgspec.json.Decoder(record_type) for name, record_type in KINDS.items()
}
_ENCODER: Final = msgspec.json.Encoder()


def record_to_bytes(record: AnyRecord) -> bytes:
    """A record as JSON, for an engine to keep."""
    return _ENCODER.encode(record)


def record_from_bytes(kind: str, body: bytes) -> AnyRecord:
    """The record that ``record_to_bytes`` wrote; fields added since take their defaults."""
    record: AnyRecord = _DECODERS[kind].decode(body)
    return record
