"""Lets rules with ``expect:`` watch a topic: from when on, and up to when all that was published has been decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bridge.routing.commit_batch import RoutedTopic, present
from broker.clock import Clock, moment_of
from broker.conflicts import retry_on_conflict
from broker.errors import StateMoved
from broker.model import Commit, OwnerToken, StatePut
from broker.store import Store
from rules.deciding.quiet.watch import begin_watch, watch_names
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
        """Let the rules that hear the topic watch. The first time nobody did since their last tick: that is a gap.

        Raises StoreUnavailable, OutcomeUnknown.
        """
        if rule_set is self._begun:
            return
        rules = [rule for rule in rule_set.rules if _watches(rule) and rule.topics.covers(self._topic.name)]
        if rules:
            await retry_on_conflict(lambda: self._write(rules), what="a watch", on=StateMoved)
        self._begun, self._are_there = rule_set, bool(rules)

    async def decided_until_us(self, offset: int) -> int | None:
        """Up to when all that was published has been decided, seen from the cursor's offset; None is now."""
        if not self._are_there:
            return None
        undecided = await self._store.log.read(self._topic.uid, offset, 1, _ONE_MESSAGE_BYTES)
        return undecided[0].publish_time_us if undecided else None

    async def _write(self, rules: list[Rule]) -> None:
        now, anew = moment_of(self._clock), self._begun is None
        names = [name for rule in rules for name in watch_names(rule)]
        rows = await self._store.state.read(names)
        puts: list[StatePut] = []
        for rule in rules:
            own = watch_names(rule)
            row = present(next((rows[name] for name in own if rows[name].value is not None), rows[own[0]]))
            change = begin_watch(rule, row.key, row.value, self._topic.name, now.wall_us, anew=anew)
            times = (change.expires_us, now.wall_us, ())
            put = StatePut(change.key, change.value or b"", change.rule, self._topic.uid, *times)
            puts.append(put)
        reads = {name: rows[name].version for name in names}
        await self._store.commit(Commit(reads=reads, state=puts, owner=self._token(), told_at=now))


def _watches(rule: Rule) -> bool:
    return rule.quiet.expects is not None and not rule.retired
