"""The rows of state that quiet rules keep: their keys, and what stands in them.

Six kinds: ``k/<rule>/<key>`` what is known of one key (dedupe, incident, flapping); ``g/<rule>/<values>`` a group
being collected; ``t/<rule>`` the posts a throttled rule made lately and what waits behind them;
``f/<rule>/<places>`` which incidents of an inhibiting rule fire now; ``w/<rule>`` since when a rule with ``expect:``
watches; ``s/<rule>`` when a rule with ``schedule:`` reports next. A row is MessagePack; records are fresh objects of
the decision that read them, so they may be changed in place. Times are microseconds since the epoch.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, TypeAlias

import msgspec

from rules.model import Phase

LONGEST_NAME: Final = 200
"""Keys beyond this many runes stand in row names by their hash."""
LONGEST_KEY: Final = 500
"""Keys, states and values to compare beyond this many runes end in a hash: rows and records stay small."""


class Notified(msgspec.Struct, array_like=True):
    """A destination believes that the incident fires. ``overrides`` are kept for the day its send entry is gone."""

    at_us: int
    to: str
    send: int
    overrides: dict[str, Any] = {}
    shadow: bool = False


class Incident(msgspec.Struct, omit_defaults=True):
    """The life of one alert, from firing until everybody told has been told that it is over.

    ``since_us`` is what people are told, ``began_us`` the same for counting: it moves when the clock is set. ``hidden``
    says, by slot, what kept a firing from being told; ``told`` holds the slots that were, ``told_us`` when the first of
    them was, for counting. ``step_us`` is when to look again at a step of the escalation that is hidden. ``event`` is
    the last one that fired (``quiet/state_rows.py``), ``same`` the values that inhibited rules compare, by places, read
    from the opening one. ``enough`` is whether it has come as often as ``count:`` asks for. ``ended`` is "" while it
    fires, then ``resolved`` or ``stale``.
    """

    since_us: int
    seen_us: int
    event: bytes
    version: str
    judging: str
    told: dict[str, Notified] = {}
    hidden: dict[str, str] = {}
    same: dict[str, str] = {}
    ended: str = ""
    over_us: int = 0
    remind_us: int = 0
    look_us: int = 0  # when to look again whether it may be told now
    taken_by: str = ""
    began_us: int = 0
    enough: bool = False
    told_us: int = 0
    step_us: int = 0

    @property
    def fires(self) -> bool:
        """Whether it is not over."""
        return not self.ended


class Flaps(msgspec.Struct, omit_defaults=True):
    """How often a key's state changed lately.

    ``since_us`` is 0 while it is calm; ``told`` are to hear of the calm, ``hidden`` says, by slot, what keeps it from
    them.
    """

    state: str = ""
    seen_us: int = 0
    changes: list[int] = []
    since_us: int = 0
    count: int = 0
    told: dict[str, Notified] = {}
    calm_us: int = 0
    event: bytes = b""
    hidden: dict[str, str] = {}


class LastSent(msgspec.Struct, array_like=True):
    """The last post of a key that passed to one slot, for dedupe."""

    state: str
    at_us: int
    shadow: bool = False


class EndedLife(msgspec.Struct, array_like=True):
    """When the life of an alert began that is over, as its sender says; remembered for stragglers till ``until_us``."""

    began_us: int
    until_us: int


class Beat(msgspec.Struct, array_like=True):
    """The last sign of life of a key, or, if none was ``heard`` yet, since when it is expected.

    ``look_us`` is when to look whether the key is missing.
    """

    at_us: int
    event: bytes
    look_us: int
    heard: bool = True


class KeyRow(msgspec.Struct, omit_defaults=True):
    """All that a rule remembers of one key.

    ``waits`` says, by slot, in which row a post waits, and till when; ``counted`` is when its last events came.
    """

    key: str
    waits: dict[str, tuple[str, int]] = {}
    sent: dict[str, LastSent] = {}
    incident: Incident | None = None
    flaps: Flaps | None = None
    ended: EndedLife | None = None
    counted: list[int] = []
    beat: Beat | None = None


class HeldEvent(msgspec.Struct, array_like=True):
    """An event that waits in a group, and the slots it is for: to each its destination and send number."""

    event: bytes
    phase: Phase
    key: str
    notes: dict[str, str]
    slots: dict[str, tuple[str, int]]
    broken: str = ""
    since_us: int = 0


class GroupRow(msgspec.Struct, omit_defaults=True):
    """A group being collected; ``posted_us`` is when its last post went, 0 before the first.

    ``firing`` are the events, by key, that were told to fire and not yet to be over: kept for bodies that list them.
    ``posts`` is how many posts it made in a row, none of them longer after the one before than its longest gap.
    """

    name: str
    held: list[HeldEvent] = []
    since_us: int = 0
    posted_us: int = 0
    shadow: bool = False
    firing: dict[str, bytes] = {}
    posts: int = 0


class WaitingPost(msgspec.Struct, array_like=True):
    """One rendered post of a delayed event: which send it is, and what it stands for."""

    to: str
    send: int
    post: bytes
    stands_for: int
    fallback: str = ""


class ThrottledPost(msgspec.Struct, array_like=True):
    """What one event (or group) had to say when its rule's throttle had no room: by slot the post."""

    key: str
    phase: Phase
    order_key: str
    incident: str
    places: dict[str, str]
    posts: dict[str, WaitingPost]


class PostTimes(msgspec.Struct, omit_defaults=True):
    """When a rule's last posts were, for one window more: ``[end of a slice of the window, count]``."""

    posts: list[tuple[int, int]] = []


class ThrottleRow(msgspec.Struct, omit_defaults=True):
    """When a rule's last posts were (``[end of a slice of the window, count]``), and what waits behind them.

    ``more`` is the same for each further window.

    ``lines`` is what the next digest lists, by slot; ``stands_for`` how many triples it stands for, listed or not.
    """

    posts: list[tuple[int, int]] = []
    queue: list[ThrottledPost] = []
    lines: dict[str, list[str]] = {}
    stands_for: dict[str, int] = {}
    event: bytes = b""
    shadow: bool = False
    more: list[PostTimes] = []


class FiringRow(msgspec.Struct, omit_defaults=True):
    """Incidents that fire now, by the values others ask for: values -> key -> when it is forgotten at the latest.

    ``waiting`` are the row keys of incidents that these keep quiet, to be looked at when they end.
    """

    firing: dict[str, dict[str, int]] = {}
    waiting: dict[str, list[str]] = {}


class WatchRow(msgspec.Struct, omit_defaults=True):
    """When the bridge was last seen to run, and the gaps (from, until) in which it did not, the oldest first.

    ``topic`` is the one in whose name keys are told that were never heard. ``roster`` is a digest of the keys that are
    expected though never heard, ``entered`` how many of them have a row.
    """

    seen_us: int
    topic: str
    gaps: list[tuple[int, int]] = []
    roster: str = ""
    entered: int = 0


class ScheduleRow(msgspec.Struct, omit_defaults=True):
    """When a rule reports next, and when it did last (or since when it could): what its next report is about.

    ``digest`` is that of the schedule that says so; ``topic`` the one in whose name it reports.
    """

    next_us: int
    since_us: int
    digest: str
    topic: str


QuietRow: TypeAlias = KeyRow | GroupRow | ThrottleRow | FiringRow | WatchRow | ScheduleRow

_RECORDS: Final[dict[str, type[QuietRow]]] = {
    "k": KeyRow, "g": GroupRow, "t": ThrottleRow, "f": FiringRow, "w": WatchRow, "s": ScheduleRow,
}  # fmt: skip
_DECODERS: Final = {kind: msgspec.msgpack.Decoder(record) for kind, record in _RECORDS.items()}
_ENCODER: Final = msgspec.msgpack.Encoder()


def key_row(rule: str, key: str) -> str:
    """The name of the row that holds what a rule remembers of ``key``."""
    return f"k/{rule}/{_short(key)}"


def group_row(rule: str, values: str) -> str:
    """The name of the row of the group with these values."""
    return f"g/{rule}/{_short(values)}"


def throttle_row(rule: str) -> str:
    """The name of the row of a rule's throttle."""
    return f"t/{rule}"


def firing_row(rule: str, same_text: str) -> str:
    """The name of the row of a rule's firing incidents as asked for by these places."""
    return f"f/{rule}/{_short(same_text)}"


def watch_row(rule: str) -> str:
    """The name of the row of the watch of a rule with ``expect:``."""
    return f"w/{rule}"


def schedule_row(rule: str) -> str:
    """The name of the row of a rule with ``schedule:``."""
    return f"s/{rule}"


def rule_of(row: str) -> str:
    """The rule in a row's name."""
    return row.split("/", 2)[1]


def row_to_bytes(row: QuietRow) -> bytes:
    """A row as it is stored."""
    return _ENCODER.encode(row)


def row_from_bytes(key: str, value: bytes) -> QuietRow:
    """The row that ``row_to_bytes`` wrote; the kind is read from the key."""
    row: QuietRow = _DECODERS[key[0]].decode(value)
    return row


def shorten_key(text: str, longest: int = LONGEST_KEY) -> str:
    """The text in at most so many runes; what is longer ends in its hash, so that different ones stay different."""
    if len(text) <= longest:
        return text
    return f"{text[: longest - 33]}~{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:32]}"


def _short(name: str) -> str:
    return shorten_key(name, LONGEST_NAME)
