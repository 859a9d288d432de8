"""The JSON of seeking and snapshots, which AMS does not have: as Google Pub/Sub writes it, names without a slash."""

from __future__ import annotations

from bridge.api.wire import WireAnswer, WireRequest


class SeekRequest(WireRequest, frozen=True):
    """Where a subscription is to go: one of the two."""

    time: str = ""
    snapshot: str = ""


class SnapshotRequest(WireRequest, frozen=True):
    """The subscription whose place is kept; labels are kept with it."""

    subscription: str = ""
    labels: dict[str, str] = {}


class SnapshotAnswer(WireAnswer, kw_only=True):
    """A snapshot with its topic, and until when it is kept."""

    name: str
    topic: str
    expire_time: str
    labels: dict[str, str] = {}


class SnapshotPage(WireAnswer):
    """A page of snapshots, the youngest first."""

    snapshots: list[SnapshotAnswer]
    next_page_token: str = ""


class SnapshotNames(WireAnswer):
    """The full names of a topic's snapshots."""

    snapshots: list[str]
