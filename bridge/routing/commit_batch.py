"""From decisions of the rules to one commit of the store: names, ids and books. Pure.

The first book counts messages by fate (``unmatched``, ``dropped``, ``decided``, ``unrouted``, ``expired``); the second
counts decided sends under ``sends/`` (semantics.md item 21, decide.py). What each rule did is counted beside
them, under ``rules/``: ``bridge/routing/rule_counts.py`` names and reads those. A message enters the first book once,
by a step of the table in ``message_fates.py``.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from bridge.core.posts import post_to_bytes
from bridge.routing.message_fates import (
    DECIDING_STEPS,
    MessageState,
    MessageStep,
    message_state_after,
)
from bridge.routing.rule_counts import counts_of
from broker.clock import Moment
from broker.model import (
    Commit,
    CursorMove,
    DecisionRecord,
    Message,
    NewDelivery,
    StateDelete,
    StatePut,
    StateRow,
)
from rules.deciding.quiet.restamp import restamp
from rules.model import Decision, Incoming, Judgement, Post, Send, StateChange, StateValue, Timer
from rules.rendering.markdown_escape import make_storable

if TYPE_CHECKING:
    from bridge.routing.batch_trace import BatchTrace

SENDS: Final = "sends/"
UNDECIDABLE: Final = "(undecidable)"
"""In place of rule and destination of a dead letter made of a message that could not be decided: a bug of ours."""

_SHOWN_PAYLOAD_RUNES: Final = 4_000


@dataclass(frozen=True, slots=True)
class RoutedTopic:
    """The topic whose messages are decided: its full name, and its uid, which names its books."""

    name: str
    uid: str


@dataclass(slots=True)
class Batch:
    """What a batch of decisions adds up to, in the order in which they were made; ``late`` marks its deliveries.

    ``failures`` are the rules of which a template failed, and why. ``told_at`` is when ``now_us`` was read.
    ``trace`` is there where traces are told.
    """

    topic: RoutedTopic
    version: str
    now_us: int
    late: bool = False
    told_at: Moment | None = None
    deliveries: list[NewDelivery] = field(default_factory=list)
    records: list[DecisionRecord] = field(default_factory=list)
    counters: Counter[tuple[str, str]] = field(default_factory=Counter)
    dead: list[NewDelivery] = field(default_factory=list)
    shadows: list[NewDelivery] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    trace: BatchTrace | None = None
    _states: dict[int, MessageState] = field(default_factory=dict)

    def add(self, decision: Decision, offset: int) -> None:
        """Take in what one message (or, with ``offset`` -1, one timer) led to; all of it, or nothing and raise.

        Raises NoSuchMessageStep for a message that has its fate already.
        """
        fate = None if decision.fate is None else self._state_after(offset, DECIDING_STEPS[decision.fate])
        deliveries = [self._delivery(send, offset) for send in decision.sends]
        shadows = [self._delivery(send, offset) for send in decision.shadows]
        records = [self._record(judgement, offset) for judgement in decision.judgements]
        tally = {SENDS + name: n for name, n in decision.tally.items()}
        # From here on nothing can fail.
        self.deliveries.extend(deliveries)
        self.shadows.extend(shadows)
        self.records.extend(records)
        if fate is not None:
            self._end(offset, fate)
        for name, n in tally.items():
            self._count(name, n)
        for name, n in counts_of(decision).items():
            self._count(name, n)
        self.failures.update(decision.failures)

    def add_undecidable(self, incoming: Incoming, reason: str) -> None:
        """Take in a message that broke the decision itself: it becomes a dead letter, and nothing behind it waits.

        Raises NoSuchMessageStep for a message that has its fate already.
        """
        fate = self._state_after(incoming.offset, "it cannot be decided, and becomes a dead letter")
        shown = make_storable(incoming.payload[:_SHOWN_PAYLOAD_RUNES])
        self._add_dead(
            incoming.origin, incoming.offset, f"This message could not be decided ({reason}):\n```\n{shown}\n```"
        )
        self._end(incoming.offset, fate)

    def add_unrouted(self, count: int) -> None:
        """Take in messages that were there before a rule heard their topic."""
        self._count(message_state_after("", "appended, and no rule hears its topic yet"), count)

    def add_expired(self, count: int) -> None:
        """Take in messages that were gone before they could be decided."""
        self._count(message_state_after("undecided", "retention removes it"), count)

    def add_unfired(self, timer: Timer, reason: str) -> None:
        """Take in a timer that is put off for good: a dead letter tells of it, and its row stays as it is."""
        shown = make_storable(timer.key[:_SHOWN_PAYLOAD_RUNES])
        text = (
            f"This timer of the rule {timer.rule} rests until other rules are in force ({reason}):\n```\n{shown}\n```"
        )
        self._add_dead(f"t/{timer.key}/{timer.due_us}", -1, text)

    def _add_dead(self, origin: str, offset: int, text: str) -> None:
        send = Send(
            origin=f"{origin}/0",
            rule=UNDECIDABLE,
            send=0,
            part=0,
            parts=1,
            destination=UNDECIDABLE,
            order_key=origin,
            post=Post(text=text, severity="error"),
            phase="message",
            key="",
            stands_for=1,
            priority=0,
            places={},
        )
        self.dead.append(self._delivery(send, offset))
        self._count(SENDS + "decided", 1)

    def _state_after(self, offset: int, step: MessageStep) -> MessageState:
        return message_state_after(self._states.get(offset, "undecided"), step)

    def _end(self, offset: int, fate: MessageState) -> None:
        self._states[offset] = fate
        self._count(fate, 1)

    def _count(self, name: str, n: int) -> None:
        if n:
            self.counters[self.topic.uid, name] += n

    def commit(
        self,
        cursors: Sequence[CursorMove],
        reads: Mapping[str, int],
        changes: Iterable[StateChange],
        rows: Mapping[str, StateRow],
    ) -> Commit:
        """Everything as one atomic batch; ``rows`` are the state rows as they were read."""
        return Commit(
            cursors=cursors,
            reads=reads,
            state=[self._state(change, rows.get(change.key)) for change in changes],
            deliveries=self.deliveries,
            decisions=self.records,
            counters=dict(self.counters),
            dead=self.dead,
            shadows=self.shadows,
            told_at=self.told_at,
        )

    def _state(self, change: StateChange, row: StateRow | None) -> StatePut | StateDelete:
        if change.value is None:
            return StateDelete(change.key)
        home = row.topic_uid if row is not None and row.topic_uid else self.topic.uid
        times = (change.expires_us, change.due_us, change.waits_for)
        return StatePut(change.key, change.value, change.rule, home, *times)

    def _delivery(self, send: Send, offset: int) -> NewDelivery:
        return NewDelivery(
            id=delivery_id(send),
            origin=send.origin,
            rule=send.rule,
            send=send.send,
            part=send.part,
            parts=send.parts,
            destination=send.destination,
            order_key=make_storable(send.order_key),
            priority=send.priority,
            post=post_to_bytes(send.post, self.trace.trace_of(send, offset) if self.trace is not None else None),
            phase=send.phase,
            key=make_storable(send.key),
            incident=make_storable(send.incident),
            stands_for=send.stands_for,
            topic_uid=self.topic.uid,
            offset=offset,
            version=self.version,
            places={make_storable(place): make_storable(value) for place, value in send.places.items()},
            severity=make_storable(send.post.severity),
            due_us=self.now_us,
            created_us=self.now_us,
            late=self.late,
        )

    def _record(self, judgement: Judgement, offset: int) -> DecisionRecord:
        return DecisionRecord(
            topic_uid=self.topic.uid,
            offset=offset,
            item=judgement.item,
            rule=judgement.rule,
            send=judgement.send,
            destination=judgement.destination,
            key=make_storable(judgement.key),
            outcome=judgement.outcome,
            by=judgement.by,
            at_us=self.now_us,
            version=self.version,
        )


def delivery_id(send: Send) -> str:
    """The delivery's id: the same whenever the same send is decided again, so a receiver can tell a repeat."""
    key = "\x00".join((send.origin, send.rule, str(send.send), str(send.part)))
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def incoming_of(topic: RoutedTopic, message: Message) -> Incoming:
    """A stored message as rules take it."""
    return Incoming(
        topic=topic.name,
        offset=message.offset,
        publish_time_us=message.publish_time_us,
        payload=message.data,
        attributes=message.attributes,
        origin=f"m/{topic.uid}/{message.offset}",
    )


def values_of(rows: Mapping[str, StateRow]) -> dict[str, StateValue]:
    """State rows as rules take them."""
    return {key: StateValue(present(row).value, row.version) for key, row in rows.items()}


def present(row: StateRow) -> StateRow:
    """The row with the times in its value as the wall clock tells them now."""
    if not row.behind_us or row.value is None:
        return row
    return replace(row, value=restamp(row.key, row.value, row.behind_us), behind_us=0)


def timer_of(row: StateRow) -> Timer:
    """A due row as rules take it."""
    if row.value is None or row.due_us is None:
        raise ValueError(f"the row {row.key!r} is not a timer")
    value = present(row).value or b""
    return Timer(row.key, value, row.version, row.rule, row.due_us, row.steady_due_us)
