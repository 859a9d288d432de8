"""The nouns of the rule language: what goes into a decision and what comes out of one.

A decision is three pure steps and one read (no I/O, no clock, no randomness of their own)::

    match(rule_set, incoming, now_us)         -> Matches   what may act, and ``needs``: the state keys to read
    State.read(keys)                          -> the caller's one batched read
    decide(rule_set, matches, state, context) -> Decision  sends, state changes, a trace
    needs_for(rule_set, timer), fire(...)     -> Decision  the same for a due timer

Everything here is a frozen value. The bridge turns a Decision into one atomic ``commit`` of the
store; explain, simulate, backtest and the tests of rule files call the same functions with a clock
and a state of their own. Times are integer microseconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Severity: TypeAlias = Literal["critical", "error", "warning", "info", "ok"]
Phase: TypeAlias = Literal[
    "message",
    "firing",
    "resolved",
    "reminder",
    "escalation",
    "group",
    "digest",
    "flapping",
    "calm",
    "stale",
    "report",
]
"""Why a send exists: ``message`` for a rule without ``resolved:``; ``firing`` and ``resolved`` open and end an
incident; ``reminder`` is ``repeat:``, ``escalation`` a step of ``escalate:``; ``stale`` says that nothing was heard
of an incident for ``forget_after``, ``report`` is what a rule with ``schedule:`` tells."""


# --- what goes in ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it stands in a topic, before decoding.

    ``payload`` is the text the publisher sent (on an AMS wire usually base64). ``topic`` is the full name
    ``projects/P/topics/T``. ``origin`` is the first part of every delivery key that comes of this message
    (semantics.md item 1): ``m/<topic uid>/<offset>`` or ``r/<replay id>``; the item number is added here.
    """

    topic: str
    offset: int
    publish_time_us: int
    payload: str
    attributes: Mapping[str, str]
    origin: str
    late: bool = False


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What ``message.NAME`` shows to rules. ``id`` is the decimal offset, ``topic`` and ``project`` short names."""

    id: str
    offset: int
    topic: str
    project: str
    publish_time_us: int


@dataclass(frozen=True, slots=True)
class MessageAtHand(MessageFacts):
    """The facts of a message that is at hand, with ``data``: its payload as it was published, for who passes it on.

    An event that state kept (state_rows.py) has none, so a template that asks for it there fails.
    """

    data: str


@dataclass(frozen=True, slots=True)
class Event:
    """A message (or one item of it, with ``for_each``) as rules see it.

    ``data`` is the decoded payload, or the item; ``parent`` is the whole payload when ``data`` is an item.
    ``undecodable`` says why a payload could not be decoded as declared; ``data`` is then the text.
    """

    data: Any
    text: str
    attributes: Mapping[str, str]
    message: MessageFacts
    vars: Mapping[str, Any] = field(default_factory=dict)
    parent: Any = None
    undecodable: str | None = None
    item: int = 0


# --- what a rule set needs to know of the world outside ---------------------------------------------


@dataclass(frozen=True, slots=True)
class DestinationFacts:
    """What rules may know of a destination: enough to check a rule file and to split a text.

    ``max_text_runes`` None means no limit. ``overrides`` are the keys a send entry may set beside ``to``.
    ``takes_body`` says that ``body:`` (an exact payload) makes sense there. ``reserved_headers`` are header names, in
    lower case, that the destination alone sets: no send entry may.
    """

    name: str
    kind: str
    max_text_runes: int | None = None
    long_text: Literal["split", "cut"] = "split"
    overrides: frozenset[str] = frozenset()
    takes_body: bool = False
    reserved_headers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Silence:
    """While it holds, matching sends are suppressed.

    ``matchers`` are conditions in the rule language's own form over the names ``rule topic destination key severity``
    and places of the event; all must hold.
    """

    id: str
    matchers: Mapping[str, Any]
    starts_us: int
    until_us: int
    who: str
    why: str


# --- posts and sends ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Field:
    """One labelled value of a post; ``short`` ones may stand side by side."""

    title: str
    value: str
    short: bool = True


@dataclass(frozen=True, slots=True)
class Post:
    """A rendered message in neutral form; every destination draws it its own way.

    All texts are Markdown with event values already escaped (semantics.md item 31), except ``body``: the exact payload
    for destinations that take one (a JSON value, or None). ``overrides`` are the send entry's other keys, rendered.
    ``broken`` says why a program must not be given this: what its rule asks for could not be made. It is a dead letter.
    """

    text: str
    title: str = ""
    url: str = ""
    severity: str = ""
    color: str = ""
    icon: str = ""
    fields: tuple[Field, ...] = ()
    footer: str = ""
    mention: str = ""
    body: Any = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    broken: str = ""


@dataclass(frozen=True, slots=True)
class Send:
    """One part of one send to one destination: what becomes a delivery.

    (``origin``, ``rule``, ``send``, ``part``) is unique for ever. ``order_key`` names what must stay in order at the
    destination: the rule's key, else the topic. ``stands_for`` is how many decided (event, rule, send) triples this
    part carries in the books: all of them on the last part, 0 on earlier ones. ``priority`` is 0 (low) to 3 (critical).
    ``places`` are the event values a later silence may match, bounded (``silences.py`` writes and
    reads them). ``incident`` is the key of the incident told, or "".
    """

    origin: str
    rule: str
    send: int
    part: int
    parts: int
    destination: str
    order_key: str
    post: Post
    phase: Phase
    key: str
    stands_for: int
    priority: int
    places: Mapping[str, str]
    incident: str = ""
    fallback: str = ""  # why the plain built-in rendering was used, or ""


# --- state --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StateValue:
    """A row of keyed state as read: ``version`` 0 and ``value`` None when there is no such row."""

    value: bytes | None
    version: int


@dataclass(frozen=True, slots=True)
class StateChange:
    """Write (or with ``value`` None delete) one row. ``due_us`` makes it a timer of its home topic.

    Every row expires: ``expires_us`` is required for a write. ``rule`` serves counting and renames. ``waits_for`` names
    what keeps something in the row from being told (``silence:ID``, ``hours:NAME`` ...), so that it can be looked at as
    soon as that ends before its time.
    """

    key: str
    value: bytes | None
    rule: str
    expires_us: int
    due_us: int | None = None
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timer:
    """A due row of state, as the store hands it to the router.

    ``true_due_us`` names the firing: nobody sets the clock that told it, so it is never the same twice. None is
    ``due_us``.
    """

    key: str
    value: bytes
    version: int
    rule: str
    due_us: int
    true_due_us: int | None = None

    @property
    def origin(self) -> str:
        """What the posts of this firing come from (semantics.md item 1)."""
        return f"t/{self.key}/{self.due_us if self.true_due_us is None else self.true_due_us}"


# --- what comes out -----------------------------------------------------------------------------------

JudgementOutcome: TypeAlias = Literal["sent", "held", "suppressed", "dropped", "shadow", "updated"]
"""What became of one (event, rule, send) triple. ``updated``: the rule took the event (an incident moved on),
and nothing was due to anyone, such as a resolve of an incident nobody was told of."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of one matched (event, rule, send), stored compactly and shown by explain.

    ``by`` names what suppressed or held it: ``duplicate``, ``silence:ID``, ``hours:NAME``, ``inhibited:RULE``,
    ``throttle``, ``flapping``, ``count``, ``for``, ``group``, ``drop:RULE``, ``told-nobody`` ...; "" when sent.
    ``destination`` is "" for ``drop``.
    """

    item: int
    rule: str
    send: int
    destination: str
    key: str
    outcome: JudgementOutcome
    by: str = ""


MessageFate: TypeAlias = Literal["unmatched", "dropped", "decided"]


@dataclass(frozen=True, slots=True)
class Decision:
    """All that follows from one message or one timer.

    ``fate`` is the message's place in the first book (None for a timer). ``tally`` are additions to the second
    book, by name: ``decided``, ``suppressed/<by>``, ``held`` (may be negative: a group was posted),
    ``dropped/<rule>``, ``updated``; ``decide.py`` says exactly how they balance. Deliveries count themselves.
    ``shadows`` are what rules in shadow would have sent, and carry what they stand for as sends do. ``counts`` are
    additions to metrics that are not books (``template_errors``, ``max_keys``). ``failures`` are the templates that
    failed, by rule, the first of each. ``reads`` are the versions of every
    state row the decision rests on, absent rows (0) included.
    """

    sends: tuple[Send, ...] = ()
    shadows: tuple[Send, ...] = ()
    changes: tuple[StateChange, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    fate: MessageFate | None = None
    tally: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    reads: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
