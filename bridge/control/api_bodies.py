"""What the API is sent, and the small answers that are of no use case but its own."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from bridge.control.api_values import MessageNames, PlainText, Seconds, SilenceMatchers, StateName
from bridge.operate.certificate_bindings import Binding
from bridge.operate.manifest import LARGEST_BYTES, Manifest
from bridge.operate.operator_deliveries import DeliveryFilter
from bridge.operate.operator_views import SilenceView
from broker.people import PersonRole


class NewBinding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A binding to make: the whole subject, in AMS's form, RFC 4514's or GOCDB's (``/C=GR/O=...``)."""

    subject: str
    user: str


class OldBinding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A binding to forget."""

    subject: str


class NewPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person to add; without ``password`` and token a trusted proxy says who it is."""

    name: str
    role: PersonRole = "viewer"
    password: str = ""
    with_token: bool = False


class NewRole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The role to give."""

    role: PersonRole


class NewPassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The password to give, empty for none."""

    password: str


class ToTakeOver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A manifest to take over; with ``dry_run`` nothing is made, and what would be is told."""

    manifest: Manifest
    dry_run: bool = False

    MOST_BYTES: ClassVar[int] = LARGEST_BYTES


class ToReserve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A topic, and the number that its next message gets at least."""

    topic: str
    offset: int


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which deliveries to change: by id, or by filter. Without ``state`` a filter takes the dead ones."""

    ids: list[str] = []
    state: StateName = ""
    destination: str = ""
    rule: str = ""
    topic: str = ""
    since_s: Seconds | None = None
    since: str = msgspec.field(default="", name="from")
    until: str = msgspec.field(default="", name="to")
    zone: str = ""

    @property
    def filter(self) -> DeliveryFilter:
        """The filter for deliveries, which may be open."""
        return DeliveryFilter(
            state=self.state,
            destination=self.destination,
            rule=self.rule,
            topic=self.topic,
            since_s=self.since_s,
            since=self.since,
            until=self.until,
            zone=self.zone,
        )


class ToTake(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which incident to take, and in whose name if not the asker's."""

    rule: str
    key: str
    who: str = ""


class ToGiveBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which incident is to be nobody's again."""

    rule: str
    key: str


class Replay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to replay: ``TOPIC:OFFSET`` or ``TOPIC:FIRST-LAST`` each. ``live`` takes the real state, and changes it."""

    messages: MessageNames
    live: bool = False


class NewSilence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A silence to add; it ends at ``until``, or ``for_s`` seconds after it starts; ``starts`` is now if not given."""

    matchers: SilenceMatchers
    until: str = ""
    for_s: Seconds | None = None
    starts: str = ""
    why: PlainText = ""
    who: PlainText = ""
    keep_waiting: bool = False


class SilenceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a silence is to end: at ``until``, in ``for_s`` seconds, or ``longer_s`` later than it would; or why."""

    until: str = ""
    for_s: Seconds | None = None
    longer_s: Seconds | None = None
    why: PlainText | None = None


class ToPreview(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The matchers of a silence that nobody added yet."""

    matchers: SilenceMatchers


class BindingAnswer(msgspec.Struct, frozen=True):
    """The binding as it now holds."""

    certificate: Binding


class CountAnswer(msgspec.Struct, frozen=True):
    """How many deliveries were changed."""

    count: int


class TakenAnswer(msgspec.Struct, frozen=True):
    """Whose the incident is now."""

    taken_by: str


class GivenBackAnswer(msgspec.Struct, frozen=True):
    """Who had the incident until now; "" when nobody had."""

    before: str


class SilenceAnswer(msgspec.Struct, frozen=True):
    """The silence as it now holds."""

    silence: SilenceView


class ToRollBack(msgspec.Struct, frozen=True, kw_only=True):
    """Which version is to be in force again; "" is the one of before."""

    version: str = ""


class ReloadAnswer(msgspec.Struct, frozen=True):
    """The version of the rules now in force, and what to look at all the same, one line each."""

    version: str
    warnings: list[str]


class EmptyAnswer(msgspec.Struct, frozen=True):
    """The answer to what is done, with no more to say."""
