"""Query parameters as records: what a GET may be asked with, each with its bound and its place in an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from msgspec.structs import FieldInfo

from bridge.control.api_values import Count, MessageName, SecondsBack, StateName, SubjectName
from bridge.operate.operator_errors import InvalidInput
from rules.source.bounds import LARGEST_COUNT, count_of

_YES: Final = ("1", "true", "yes")

Q = TypeVar("Q", bound=msgspec.Struct)


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries of the audit trail: what their fields begin with, how far back, and which page."""

    who: str = ""
    what: str = ""
    address: str = ""
    target: str = ""
    since_s: SecondsBack | None = None
    since: str = msgspec.field(default="", name="from")
    until: str = msgspec.field(default="", name="to")
    zone: str = ""
    limit: Count | None = None
    before: Count | None = None


class BundleQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What the bundle is about: ``TOPIC:OFFSET``, or the id of a delivery or incident, or its beginning."""

    subject: SubjectName


class DeliveriesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries, how far back, and which page."""

    state: StateName = ""
    destination: str = ""
    rule: str = ""
    topic: str = ""
    into: str = ""
    since_s: SecondsBack | None = None
    since: str = msgspec.field(default="", name="from")
    until: str = msgspec.field(default="", name="to")
    zone: str = ""
    limit: Count | None = None
    before: Count | None = None


class ExplainQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which message: ``TOPIC:OFFSET``."""

    message: MessageName


class FindQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for: words, a kind, a fate, what it is about, from when until when, and which page."""

    q: str = ""
    kind: str = ""
    fate: str = ""
    topic: str = ""
    rule: str = ""
    destination: str = ""
    key: str = ""
    since: str = msgspec.field(default="", name="from")
    until: str = msgspec.field(default="", name="to")
    zone: str = ""
    before: str = ""
    limit: Count | None = None


class IncidentsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Incidents of which rule, and how many."""

    rule: str = ""
    limit: Count | None = None


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The key of a rule, "" where the rule has none."""

    rule: str
    key: str = ""


class ManifestQuery(msgspec.Struct, frozen=True):
    """Whether tokens and headers of pushes are shown too."""

    secrets: bool = False


class LedgerQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How far back what came and went is counted."""

    since_s: SecondsBack | None = None


class MessagesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of which topic, from when until when, and which page."""

    topic: str = ""
    since: str = msgspec.field(default="", name="from")
    until: str = msgspec.field(default="", name="to")
    zone: str = ""
    limit: Count | None = None
    before: Count | None = None


class QuietQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What was kept quiet: about what, by what, from when until when, and which page."""

    outcome: str = ""
    by: str = ""
    topic: str = ""
    rule: str = ""
    destination: str = ""
    key: str = ""
    since: str = msgspec.field(default="", name="from")
    until: str = msgspec.field(default="", name="to")
    zone: str = ""
    limit: Count | None = None
    before: Count | None = None


class NoiseQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How far back, by which interval of the settings hours are measured, and how many keys."""

    since_s: SecondsBack | None = None
    hours: str = ""
    limit: Count | None = None


class ReloadQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a change of what would have been told is meant."""

    confirmed: bool = False


class SilencesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the expired ones too."""

    all: bool = False


class SubscriptionsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Subscriptions of which project."""

    project: str = ""


class TailQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of which topic, and whether only those that a rule acted on."""

    topic: str = ""
    matched: bool = False


class TimelineQuery(msgspec.Struct, frozen=True, kw_only=True):
    """From when until when, by whose clock, about what, and which page of keys."""

    since: str = msgspec.field(default="", name="from")
    until: str = msgspec.field(default="", name="to")
    zone: str = ""
    topic: str = ""
    rule: str = ""
    destination: str = ""
    key: str = ""
    after: str = ""
    limit: Count | None = None


def decode_query(given: Mapping[str, str], shape: type[Q]) -> Q:
    """The parameters that a shape has; others are passed over, and "" stands for absent. Raises InvalidInput."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    asked = {name: given.get(name, "") for name, field in fields.items() if given.get(name) or field.required}
    return shape(**{fields[name].name: _value(name, text, fields[name]) for name, text in asked.items()})


def _value(name: str, text: str, field: FieldInfo) -> str | bool | int:
    if field.type is bool:
        return text.lower() in _YES
    if field.required or isinstance(field.default, str):
        return text
    number, most = count_of(text), _limit_of(field)
    if number is None or number > most:
        raise InvalidInput(name, f"{name} must be a whole number from 0 to {most}, not {text[:40]!r}")
    return number


def _limit_of(field: FieldInfo) -> int:
    """The largest number that a field may hold."""
    kinds = msgspec.inspect.type_info(field.type)
    numbers = kinds.types if isinstance(kinds, msgspec.inspect.UnionType) else (kinds,)
    bounds = (kind.le for kind in numbers if isinstance(kind, msgspec.inspect.IntType))
    return next((bound for bound in bounds if bound is not None), LARGEST_COUNT)
