"""What rules of a topic do without messages: those with ``expect:`` watch it, those with ``schedule:`` report.

Both have a row of their own that is a timer of the topic; here it is begun, and what its firing must know is looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from bridge.routing.commit_batch import RoutedTopic, present
from bridge.routing.report_gathering import gather_report
from broker.clock import Clock, Moment, moment_of
from broker.conflicts import retry_on_conflict
from broker.errors import StateMoved
from broker.model import Commit, OwnerToken, StatePut, StateRow
from broker.store import Store
from rules.deciding.decision_builder import DecideContext
from rules.deciding.fire import rule_for
from rules.deciding.quiet.watch import begin_watch, watch_names
from rules.deciding.report_facts import ReportFacts
from rules.deciding.scheduled import begin_schedule, report_since_us, schedule_names
from rules.deciding.state_keys import Names
from rules.model import StateChange, Timer
from rules.ruleset import Rule, RuleSet

_ONE_MESSAGE_BYTES: Final = 1


class Watches:
    """The watches of one topic's rules, as its router needs them."""

    def __init__(
        self, topic: RoutedTopic, store: Store, clock: Clock, token: Callable[[], OwnerToken | None] = lambda: None
    ) -> None:
        self._topic = topic
        self._store = store
        self._clock = clock
        self._token = token
        self._begun: RuleSet | None = None
        self._are_there = False

    async def begin(self, rule_set: RuleSet) -> None:
        """Let the rules that hear the topic watch and report. The first time nobody watched since their last tick.

        Raises StoreUnavailable, OutcomeUnknown.
        """
        if rule_set is self._begun:
            return
        heard = [rule for rule in rule_set.rules if not rule.retired and rule.topics.covers(self._topic.name)]
        rules = [rule for rule in heard if rule.quiet.expects is not None]
        reporting = [rule for rule in heard if rule.scheduled is not None]
        if rules:
            await retry_on_conflict(lambda: self._write(rules), what="a watch", on=StateMoved)
        if reporting:
            await retry_on_conflict(lambda: self._write_schedules(reporting), what="a schedule", on=StateMoved)
        self._begun, self._are_there = rule_set, bool(rules)

    async def context_of(
        self, rule_set: RuleSet, timers: Sequence[Timer], context: DecideContext, offset: int
    ) -> DecideContext:
        """What decisions about these timers may know; ``offset`` is up to where all is decided.

        Raises StoreUnavailable.
        """
        reports: dict[str, ReportFacts] = {}
        for timer in timers:
            if timer.key.startswith("s/"):
                since_us = report_since_us(rule_for(rule_set, timer.key), timer.value, timer.key, context.now_us)
                if since_us is not None:
                    reports[timer.key] = await gather_report(self._store, self._clock, since_us)
        return replace(context, decided_until_us=await self._decided_until_us(offset), reports=reports)

    async def _decided_until_us(self, offset: int) -> int | None:
        """Up to when all that was published has been decided, seen from the cursor's offset; None is now."""
        if not self._are_there:
            return None
        undecided = await self._store.log.read(self._topic.uid, offset, 1, _ONE_MESSAGE_BYTES)
        return undecided[0].publish_time_us if undecided else None

    async def _write(self, rules: list[Rule]) -> None:
        now, anew = moment_of(self._clock), self._begun is None

        def begin(rule: Rule, row: StateRow) -> StateChange:
            return begin_watch(rule, row.key, row.value, self._topic.name, now.wall_us, anew=anew)

        await self._put([(rule, watch_names(rule)) for rule in rules], begin, now)

    async def _write_schedules(self, rules: list[Rule]) -> None:
        now = moment_of(self._clock)

        def begin(rule: Rule, row: StateRow) -> StateChange | None:
            return begin_schedule(rule, row.key, row.value, self._topic.name, now.wall_us)

        await self._put([(rule, schedule_names(rule)) for rule in rules], begin, now)

    async def _put(
        self,
        names: Sequence[tuple[Rule, Names]],
        begin: Callable[[Rule, StateRow], StateChange | None],
        now: Moment,
    ) -> None:
        """Write the row of each rule, under the name under which it stands. Raises StateMoved."""
        wanted = [name for _, own in names for name in own]
        rows = await self._store.state.read(wanted)
        puts: list[StatePut] = []
        for rule, own in names:
            row = present(next((rows[name] for name in own if rows[name].value is not None), rows[own[0]]))
            change = begin(rule, row)
            if change is not None:
                value, due_us = change.value or b"", change.due_us
                put = StatePut(
                    change.key, value, change.rule, self._topic.uid, change.expires_us, due_us, change.waits_for
                )
                puts.append(put)
        reads = {name: rows[name].version for name in wanted}
        await self._store.commit(Commit(reads=reads, state=puts, owner=self._token(), told_at=now))
