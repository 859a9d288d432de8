"""The router of one topic: read -> decide -> commit. The only place where messages become deliveries.

It reads a batch behind its own cursor, decides each message with the pure functions of the rules, and commits
everything that follows in one transaction: cursor, deliveries, state, decision records, books. A crash before the
commit repeats the batch; a crash after it repeats nothing. Due timers take the same way, with the cursor unchanged.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeAlias

import structlog

from bridge.core.poison import PoisonGuard, message_name, timer_name
from bridge.core.tracing import TraceContext, Tracer
from bridge.core.waiting import RepeatedWait, Turn
from bridge.delivery.handover import Handover
from bridge.routing.active_config import ActiveConfig
from bridge.routing.commit_batch import Batch, RoutedTopic, incoming_of, timer_of, values_of
from bridge.routing.isolation import enter, enter_fired, is_large, keys_of, matches_of, postpone_timer
from bridge.routing.message_fates import FATES
from bridge.routing.nudges import Nudges
from bridge.routing.watches import Watches
from broker.clock import US_PER_S, Clock, moment_of
from broker.errors import BrokerError, CursorMoved, OutcomeUnknown, StateMoved
from broker.gaps import count_missing
from broker.model import Commit, Cursor, CursorMove, Message, OwnerToken
from broker.names import router_cursor
from broker.store import Store
from rules.deciding.batch_state import Overlay
from rules.deciding.decision_builder import DecideContext
from rules.deciding.matches import Matches
from rules.ruleset import RuleSet

_BATCH_MESSAGES: Final = 200
_BATCH_BYTES: Final = 4 * 1024 * 1024
_TIMERS: Final = 100
_TURN_S: Final = 0.005  # how long deciding may keep the event loop from others
_LONGEST_REST_S: Final = 60.0

KeepRoom: TypeAlias = Callable[[Mapping[str, int]], Handover]
"""Asks couriers for room: how many deliveries a commit brings, by destination."""

log = structlog.get_logger("router")


@dataclass(frozen=True, slots=True)
class Routed:
    """What one batch came to. ``rules`` took an event; of those in ``failures`` a template failed, and why."""

    topic: str
    messages: int
    deliveries: int
    counts: Mapping[str, int]
    took_s: float
    rules: frozenset[str] = frozenset()
    failures: Mapping[str, str] = field(default_factory=dict)
    trace: TraceContext | None = None


class Router:
    """Decides the messages of one topic."""

    def __init__(
        self,
        topic: RoutedTopic,
        created_us: int,
        store: Store,
        current: ActiveConfig,
        clock: Clock,
        nudges: Nudges,
        notify: Callable[[Routed], None] = lambda routed: None,
        guard: PoisonGuard | None = None,
        keep_room: KeepRoom = lambda deliveries: Handover(),
        token: Callable[[], OwnerToken | None] = lambda: None,
        tracer: Tracer | None = None,
    ) -> None:
        self.topic = topic
        self._created_us = created_us
        self._store = store
        self._current = current
        self._clock = clock
        self._nudges = nudges
        self._notify = notify
        self._keep_room = keep_room
        self._token, self._tracer = token, tracer
        self._stopping = asyncio.Event()
        self._waiting = RepeatedWait(clock)
        self._guard = guard or PoisonGuard(clock)
        self._watches = Watches(topic, store, clock, token)
        self._desk = self._guard.open_desk(f"decide:{topic.name}")

    def stop(self) -> None:
        """End after the batch under way."""
        self._stopping.set()
        self._nudges.event_for(self.topic.uid).set()

    @property
    def is_aside(self) -> bool:
        """Whether it is deciding something large beside the event loop."""
        return self._desk.under_way

    async def run(self) -> None:
        """Decide until ``stop``. Raises StoreUnavailable when the store does; nothing is lost, only begun again."""
        try:
            await self._run()
        finally:
            self._waiting.close()
            self._desk.close()

    async def _run(self) -> None:
        cursor = await self.take_place()
        while not self._stopping.is_set():
            self._nudges.event_for(self.topic.uid).clear()
            news = self._current.watch_news()
            await self._watches.begin(self._current.rule_set)
            fired = await self._fire_due(cursor)
            messages = await self._store.log.read(self.topic.uid, cursor.offset, _BATCH_MESSAGES, _BATCH_BYTES)
            if messages:
                cursor = await self._decide(messages, cursor)
                if len(messages) < _BATCH_MESSAGES:  # all there was, most likely: waiting looks whether there is more
                    await self._rest(cursor.offset, news)
                continue
            first = (await self._store.log.bounds(self.topic.uid)).first
            if first > cursor.offset:
                cursor = await self._pass_over(first, cursor)
            elif not fired:
                await self._rest(cursor.offset, news)

    async def take_place(self) -> Cursor:
        """Where the router stands, from the store. A first one begins at the topic's end (semantics.md item 14).

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
            batch = self._batch()
            if not young:
                batch.add_unrouted(await self._missing(0, bounds.end, counted))
            start = 0 if young else bounds.end
            try:
                await self._store.commit(batch.commit([CursorMove(Cursor(cursor_id, start))], {}, (), {}))
            except (CursorMoved, OutcomeUnknown):
                continue

    async def _pass_over(self, first: int, cursor: Cursor) -> Cursor:
        """Move behind messages that are gone before they could be decided, with none left to decide in their place."""
        batch = self._batch()
        expired = await self._missing(cursor.offset, first, 0)
        batch.add_expired(expired)
        try:
            await self._store.commit(batch.commit([CursorMove(replace(cursor, offset=first))], {}, (), {}))
        except (CursorMoved, OutcomeUnknown) as error:
            log.warning("reading the cursor again", topic=self.topic.name, error=str(error))
        else:
            if expired:
                log.warning("messages expired undecided", topic=self.topic.name, messages=expired)
        return await self.take_place()

    async def _missing(self, first: int, end: int, known: int) -> int:
        return await count_missing(self._store, self.topic.uid, first, end, known)

    async def _decide(self, messages: Sequence[Message], cursor: Cursor) -> Cursor:
        """Decide a batch and commit it; returns the cursor behind it, or the one that somebody else moved.

        A message whose decision the store cannot take is not decided: it becomes a dead letter.
        """
        broken = ""  # why it is not decided
        while True:
            began, offset_us = self._clock.monotonic(), self._store.steady.read().offset_us
            rule_set, batch = self._current.rule_set, self._batch(messages)
            context = self._current.context(batch.now_us)
            pairs = await self._match(rule_set, messages, batch.now_us)
            keys = dict.fromkeys(key for matches, _ in pairs for key in matches.needs)
            rows = await self._store.state.read(tuple(keys)) if keys else {}
            overlay = Overlay(values_of(rows))
            counts = await self._enter(rule_set, pairs, overlay, batch, context, broken)
            batch.add_expired(await self._missing(cursor.offset, messages[-1].offset + 1, len(messages)))
            moved = replace(cursor, offset=messages[-1].offset + 1)
            commit = batch.commit([CursorMove(moved)], overlay.reads, overlay.changes, rows)
            behind = replace(moved, rev=cursor.rev + 1)
            if self._is_overtaken(rule_set, context, offset_us):
                continue
            try:
                await self._commit(commit)
            except StateMoved:
                continue
            except CursorMoved as error:
                log.warning("the cursor was moved by somebody else", topic=self.topic.name, error=str(error))
                return await self.take_place()
            except OutcomeUnknown as error:
                log.warning("the cursor says whether the batch is in", topic=self.topic.name, error=str(error))
                self._nudges.tell(commit, self.topic.uid)
                if (current := await self.take_place()) != behind:
                    return current
            except BrokerError:
                raise
            except Exception as error:  # something in it that the store cannot take must not stop the topic
                if broken:
                    raise
                log.exception("committing broke", topic=self.topic.name, offset=messages[0].offset)
                if len(messages) > 1:
                    return await self._decide(messages[: len(messages) // 2], cursor)
                broken = type(error).__name__
                continue
            self._tell(commit, len(messages), counts, began, behind.offset, batch)
            return behind

    async def _match(
        self, rule_set: RuleSet, messages: Sequence[Message], now_us: int
    ) -> Sequence[tuple[Matches, str]]:
        """Matches of each message with, where matching itself broke, the reason."""
        pairs: list[tuple[Matches, str]] = []
        turn = Turn(self._clock, _TURN_S)
        for message in messages:
            incoming, name = incoming_of(self.topic, message), message_name(self.topic.uid, message.offset)
            if why_not := self._guard.explain_set_aside(name):
                pairs.append((Matches(incoming), why_not))
                continue
            step = partial(matches_of, rule_set, incoming, now_us)
            pairs.append(await self._desk.run(name, step, large=is_large(message.data)))
            await turn.give()
        return pairs

    async def _enter(
        self,
        rule_set: RuleSet,
        pairs: Sequence[tuple[Matches, str]],
        overlay: Overlay,
        batch: Batch,
        context: DecideContext,
        broken: str,
    ) -> Counter[str]:
        """Decide each message in order, each seeing the changes of those before it; what went wrong is counted."""
        counts: Counter[str] = Counter()
        turn = Turn(self._clock, _TURN_S)
        for matches, unmatched in pairs:
            name = message_name(self.topic.uid, matches.incoming.offset)
            step = partial(enter, rule_set, matches, broken or unmatched, overlay, batch, context)
            counts.update(await self._desk.run(name, step, large=is_large(matches.incoming.payload)))
            await turn.give()
        return counts

    async def _fire_due(self, cursor: Cursor) -> bool:
        """Fire the topic's due timers, with all before the cursor decided; True when there were any."""
        began, offset_us = self._clock.monotonic(), self._store.steady.read().offset_us
        rule_set, batch = self._current.rule_set, self._batch()
        timers = [timer_of(row) for row in await self._store.state.due(self.topic.uid, batch.now_us, _TIMERS)]
        if not timers:
            return False
        context = await self._watches.context_of(rule_set, timers, self._current.context(batch.now_us), cursor.offset)
        keys = dict.fromkeys([timer.key for timer in timers])
        names = {timer.key: timer_name(self.topic.uid, timer.key, rule_set.version) for timer in timers}
        for timer in timers:
            if not self._guard.explain_set_aside(names[timer.key]):
                keys |= dict.fromkeys(await self._desk.run(names[timer.key], partial(keys_of, rule_set, timer)))
        rows = await self._store.state.read(tuple(keys))
        overlay = Overlay(values_of(rows))
        counts: Counter[str] = Counter()
        turn = Turn(self._clock, _TURN_S)
        for timer in timers:
            name = names[timer.key]
            if why_not := self._guard.explain_set_aside(name):
                counts.update(
                    postpone_timer(timer, rows, overlay, batch, context, "" if self._guard.is_told(name) else why_not)
                )
                continue
            step = partial(enter_fired, rule_set, timer, rows, overlay, batch, context)
            counts.update(await self._desk.run(name, step))
            await turn.give()
        commit = batch.commit((), overlay.reads, overlay.changes, rows)
        if self._is_overtaken(rule_set, context, offset_us):
            return True
        try:
            await self._commit(commit)
        except (StateMoved, OutcomeUnknown) as error:
            log.info("timers are looked at again", topic=self.topic.name, error=str(error))
            self._nudges.tell(commit, self.topic.uid)
        else:
            self._guard.settle_timers(self.topic.name, names)
            self._tell(commit, 0, counts, began, 0, batch)
        return True

    async def _commit(self, commit: Commit) -> None:
        """Commit, and hand over to couriers that have room what it brings for them."""
        handover = self._keep_room(Counter([new.destination for new in commit.deliveries]))
        try:
            await self._store.commit(replace(commit, leases=handover.requests, owner=self._token()), handover.take)
        finally:
            handover.end()

    async def _rest(self, offset: int, news: asyncio.Event) -> None:
        """Wait for a message, a timer, other rules or silences, or a nudge, as ``stop`` gives one too."""
        due_us = await self._store.state.next_due_us(self.topic.uid)
        wait_s = _LONGEST_REST_S
        if due_us is not None:
            wait_s = min(wait_s, (due_us - self._clock.wall_us()) / US_PER_S)
        message = self._store.log.wait_for(self.topic.uid, offset)
        await self._waiting.wait(max(0.001, wait_s), message, self._nudges.event_for(self.topic.uid), news)

    def _is_overtaken(self, rule_set: RuleSet, context: DecideContext, offset_us: int) -> bool:
        """Whether other rules, silences or another wall clock came into force while this was decided: decide it again.

        Asked right before the commit. So once a reload or a silence is answered, nothing more comes of what was before.
        """
        now = self._current
        is_other = now.rule_set is not rule_set or now.context(context.now_us).silences is not context.silences
        return is_other or self._store.steady.read().offset_us != offset_us

    def _batch(self, messages: Sequence[Message] = ()) -> Batch:
        now, trace = moment_of(self._clock), None
        if self._tracer is not None:
            from bridge.routing.batch_trace import BatchTrace  # only where traces are told

            trace = BatchTrace(self._tracer, self.topic.name, now.wall_us, messages)
        return Batch(self.topic, self._current.rule_set.version, now.wall_us, told_at=now, trace=trace)

    def _tell(self, commit: Commit, taken: int, counts: Counter[str], began: float, before: int, batch: Batch) -> None:
        """A commit is in: wake whom it concerns, and say what it came to. It decided all ``before`` this offset."""
        self._guard.settle_messages(self.topic.name, self.topic.uid, before)
        self._nudges.tell(commit, self.topic.uid)
        took_s, rules = self._clock.monotonic() - began, frozenset([record.rule for record in commit.decisions])
        sent, trace = len(commit.deliveries), batch.trace.end(self._clock) if batch.trace is not None else None
        self._notify(Routed(self.topic.name, taken, sent, counts, took_s, rules, batch.failures, trace))
