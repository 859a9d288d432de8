"""The router of one topic: read -> decide -> commit. The only place where messages become deliveries.

It reads a batch behind its own cursor, decides each message with the pure functions of the rules, and commits
everything that follows in one transaction: cursor, deliveries, state, decision records, books. A crash before the
commit repeats the batch; a crash after it repeats nothing. Due timers of the topic take the same way, with the cursor
unchanged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog

from bridge.deciding import FATES, Batch, Topic, incoming_of, timer_of, values_of
from bridge.waiting import wait_for_first
from broker.clock import US_PER_S, Clock, us
from broker.errors import CursorMoved, OutcomeUnknown, StateMoved
from broker.model import Commit, Cursor, CursorMove, Message, StatePut, StateRow
from broker.names import router_cursor
from broker.store import Store
from rules.decide import decide
from rules.draft import DecideContext
from rules.fire import fire, needs_for
from rules.match import match
from rules.matches import Matches
from rules.model import Decision, Incoming, StateChange, Timer
from rules.overlay import Overlay
from rules.ruleset import RuleSet

_BATCH_MESSAGES: Final = 200
_BATCH_BYTES: Final = 4 * 1024 * 1024
_TIMERS: Final = 100
_TURN_S: Final = 0.005  # how long deciding may keep the event loop from others
_LONGEST_REST_S: Final = 60.0
_PUT_OFF_S: Final = 300.0

log = structlog.get_logger("router")


class Current(Protocol):
    """What is in force now: rules, silences and the like, as they change under way."""

    @property
    def rule_set(self) -> RuleSet:
        """The rules in force."""

    @property
    def since_us(self) -> int:
        """When they came into force."""

    def context(self, now_us: int) -> DecideContext:
        """What a decision at ``now_us`` may know beside rules, event and state."""

    async def wait_change(self, seen: str) -> None:
        """Return once the rule set's version is another than ``seen``."""


@dataclass(frozen=True, slots=True)
class Routed:
    """What one batch came to, as told to whoever keeps count."""

    topic: str
    messages: int
    deliveries: int
    counts: Mapping[str, int]
    took_s: float


class Nudges:
    """Lets a router that set a timer for another topic wake that topic's router."""

    def __init__(self) -> None:
        self._events: dict[str, asyncio.Event] = {}

    def of(self, topic_uid: str) -> asyncio.Event:
        """The event of a topic; its router clears it before it looks."""
        return self._events.setdefault(topic_uid, asyncio.Event())

    def tell(self, commit: Commit, own_uid: str) -> None:
        """Wake the routers of other topics whose timers this commit set."""
        for change in commit.state:
            if isinstance(change, StatePut) and change.due_us is not None and change.topic_uid != own_uid:
                self.of(change.topic_uid).set()


class Router:
    """Decides the messages of one topic."""

    def __init__(
        self,
        topic: Topic,
        created_us: int,
        store: Store,
        current: Current,
        clock: Clock,
        nudges: Nudges,
        told: Callable[[Routed], None] = lambda routed: None,
    ) -> None:
        self.topic = topic
        self._created_us = created_us
        self._store = store
        self._current = current
        self._clock = clock
        self._nudges = nudges
        self._told = told
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End after the batch under way."""
        self._stopping.set()

    async def run(self) -> None:
        """Decide until ``stop``. Raises StoreUnavailable when the store does; nothing is lost, only begun again."""
        cursor = await self._cursor()
        while not self._stopping.is_set():
            self._nudges.of(self.topic.uid).clear()
            version = self._current.rule_set.version
            fired = await self._fire_due()
            messages = await self._store.log.read(self.topic.uid, cursor.offset, _BATCH_MESSAGES, _BATCH_BYTES)
            if messages:
                cursor = await self._decide(messages, cursor)
            elif not fired:
                await self._rest(cursor.offset, version)

    async def _cursor(self) -> Cursor:
        """Where the router stands. A first one begins at the topic's end (semantics.md item 14).

        It begins at 0 for a topic that is younger than the rules in force. What it passes over is entered as unrouted.
        """
        cursor_id = router_cursor(self.topic.uid)
        while True:
            cursor = await self._store.cursors.get(cursor_id)
            if cursor is not None:
                return cursor
            counters = await self._store.counters(self.topic.uid)
            counted = sum(counters.get((self.topic.uid, fate), 0) for fate in FATES)
            bounds = await self._store.log.bounds(self.topic.uid)
            young = self._created_us >= self._current.since_us and counted == 0
            start = bounds.first if young else bounds.end
            batch = Batch(self.topic, self._current.rule_set.version, self._clock.wall_us())
            batch.count("unrouted", start - counted)
            try:
                await self._store.commit(batch.commit([CursorMove(Cursor(cursor_id, start))], {}, (), {}))
            except (CursorMoved, OutcomeUnknown):
                continue

    async def _decide(self, messages: Sequence[Message], cursor: Cursor) -> Cursor:
        """Decide a batch and commit it; returns the cursor behind it, or the one that somebody else moved."""
        while True:
            began = self._clock.monotonic()
            rule_set, now_us = self._current.rule_set, self._clock.wall_us()
            found = await self._matched(rule_set, [incoming_of(self.topic, message) for message in messages], now_us)
            keys = dict.fromkeys(key for matches, _ in found for key in matches.needs)
            rows = await self._store.state.read(tuple(keys)) if keys else {}
            overlay = Overlay(values_of(rows))
            batch = Batch(self.topic, rule_set.version, now_us)
            counts = await self._entered(rule_set, found, overlay, batch, now_us)
            batch.count("expired", messages[-1].offset + 1 - cursor.offset - len(messages))
            moved = replace(cursor, offset=messages[-1].offset + 1)
            commit = batch.commit([CursorMove(moved)], overlay.reads, overlay.changes, rows)
            try:
                await self._store.commit(commit)
            except StateMoved:
                continue
            except (CursorMoved, OutcomeUnknown) as error:
                log.warning("reading the cursor again", topic=self.topic.name, error=str(error))
                return await self._cursor()
            self._nudges.tell(commit, self.topic.uid)
            took_s = self._clock.monotonic() - began
            self._told(Routed(self.topic.name, len(messages), len(batch.deliveries), counts, took_s))
            return replace(moved, rev=cursor.rev + 1)

    async def _matched(self, rule_set: RuleSet, incoming: Sequence[Incoming], now_us: int) -> list[tuple[Matches, str]]:
        """Matches of each message with, where matching itself broke, the reason."""
        found: list[tuple[Matches, str]] = []
        turn_ends = self._clock.monotonic() + _TURN_S
        for one in incoming:
            try:
                found.append((match(rule_set, one, now_us), ""))
            except Exception as error:  # a bug must cost one message, not the topic
                log.exception("matching broke", topic=self.topic.name, offset=one.offset)
                found.append((Matches(one), type(error).__name__))
            turn_ends = await self._give_turn(turn_ends)
        return found

    async def _entered(
        self,
        rule_set: RuleSet,
        found: Sequence[tuple[Matches, str]],
        overlay: Overlay,
        batch: Batch,
        now_us: int,
    ) -> dict[str, int]:
        """Decide each message in order, each seeing the changes of those before it; what went wrong is counted."""
        context = self._current.context(now_us)
        counts: dict[str, int] = {}
        turn_ends = self._clock.monotonic() + _TURN_S
        for matches, broken in found:
            if not broken:
                try:
                    decision = decide(rule_set, matches, overlay, context)
                except Exception as error:  # as above
                    log.exception("deciding broke", topic=self.topic.name, offset=matches.incoming.offset)
                    broken = type(error).__name__
                else:
                    overlay.apply(decision)
                    batch.add(decision, matches.incoming.offset)
                    for name, n in decision.counts.items():
                        counts[name] = counts.get(name, 0) + n
            if broken:
                batch.add_undecidable(matches.incoming, broken)
                counts["undecidable"] = counts.get("undecidable", 0) + 1
            turn_ends = await self._give_turn(turn_ends)
        return counts

    async def _fire_due(self) -> bool:
        """Fire the topic's due timers; True when there were any."""
        now_us = self._clock.wall_us()
        due = await self._store.state.due(self.topic.uid, now_us, _TIMERS)
        if not due:
            return False
        rule_set = self._current.rule_set
        timers = [timer_of(row) for row in due]
        keys = dict.fromkeys(key for timer in timers for key in needs_for(rule_set, timer))
        rows = await self._store.state.read(tuple(keys))
        overlay = Overlay(values_of(rows))
        batch = Batch(self.topic, rule_set.version, now_us)
        context = self._current.context(now_us)
        for timer in timers:
            try:
                decision = fire(rule_set, timer, overlay, context)
            except Exception:  # a bug must not stop the topic's other timers
                log.exception("firing broke", topic=self.topic.name, timer=timer.key)
                decision = _put_off(timer, rows[timer.key], now_us)
            overlay.apply(decision)
            batch.add(decision, -1)
        commit = batch.commit((), overlay.reads, overlay.changes, rows)
        try:
            await self._store.commit(commit)
        except (StateMoved, OutcomeUnknown) as error:
            log.info("timers are looked at again", topic=self.topic.name, error=str(error))
        else:
            self._nudges.tell(commit, self.topic.uid)
        return True

    async def _rest(self, offset: int, version: str) -> None:
        """Wait for a message, a timer, other rules, or a nudge."""
        due_us = await self._store.state.next_due_us(self.topic.uid)
        wait_s = _LONGEST_REST_S
        if due_us is not None:
            wait_s = min(wait_s, (due_us - self._clock.wall_us()) / US_PER_S)
        await wait_for_first(
            self._clock,
            max(0.001, wait_s),
            self._store.log.wait_for(self.topic.uid, offset),
            self._nudges.of(self.topic.uid).wait(),
            self._current.wait_change(version),
            self._stopping.wait(),
        )

    async def _give_turn(self, turn_ends: float) -> float:
        """Let others have the loop once our turn is over."""
        if self._clock.monotonic() < turn_ends:
            return turn_ends
        await self._clock.sleep(0)
        return self._clock.monotonic() + _TURN_S


def _put_off(timer: Timer, row: StateRow, now_us: int) -> Decision:
    """The timer as it stands, due again later."""
    later = StateChange(timer.key, timer.value, timer.rule, row.expires_us, now_us + us(_PUT_OFF_S))
    return Decision(changes=(later,), reads={timer.key: row.version}, counts={"undecidable": 1})
