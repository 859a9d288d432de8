"""Plays messages of the store through two rule sets beside the event loop: a look back, then as they come.

Both are built anew of their sources and begin from empty state, so nothing is shared with the rules at work. A message
that a rule set cannot decide is counted and passed over.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from bridge.core.offload import Offload
from bridge.operate.operator_times import rfc3339
from bridge.operate.rule_previews import PreviewSample, ReloadPreview, RulePreview
from bridge.routing.commit_batch import RoutedTopic, incoming_of
from broker.clock import Clock
from broker.store import Store
from rules.deciding.batch_state import InMemoryState
from rules.language.read import rebuild
from rules.language.sources import World, sources_from_bytes
from rules.model import Incoming
from rules.workbench.backtest import BacktestResult, RuleDifference, RulePair
from rules.workbench.dry_run import DryRunStep, Rehearsal

MOST_MESSAGES: Final = 20_000
"""So many messages of the look back are played at most, the newest."""
_MOST_BYTES: Final = 64 * 1024 * 1024
_BATCH: Final = 500
_BATCH_BYTES: Final = 4 * 1024 * 1024
_AT_ONCE: Final = 200
_MOST_LINES: Final = 1_000
_MOST_DIFF: Final = 40

log = structlog.get_logger("reload")


@dataclass(slots=True)
class _Reading:
    """How far the topics were read, by uid, and whether all that was asked for was there."""

    topics: Mapping[str, RoutedTopic]
    positions: dict[str, int] = field(default_factory=dict)
    complete: bool = True


class RuleComparison:
    """Two rule sets beside each other; ``result`` and ``undecidable`` tell what differed since they were cleared."""

    def __init__(
        self, store: Store, clock: Clock, names: Mapping[str, str], old: bytes, new: bytes, world: World
    ) -> None:
        """``names`` are the full names of topics by uid, ``old`` and ``new`` the sources of rule sets."""
        self._store = store
        self._clock = clock
        self._offload = Offload(clock, "compare rules")
        self._reading = _Reading({uid: RoutedTopic(name, uid) for uid, name in names.items()})
        self._build = partial(_pair_of, old, new, world)
        self._pair: RulePair | None = None
        self._last_us = 0
        self.undecidable = 0
        self.cause = ""
        self.texts = list_differing_lines(old, new)

    async def look_back(self, since_us: int) -> None:
        """Play what came since then, the newest of it, and let timers run until now. Raises StoreError."""
        self._pair = await self._offload.run(self._build, large=True)
        old, new = self._pair.before.rule_set, self._pair.after.rule_set
        heard = {*old.list_heard_topics(self._names()), *new.list_heard_topics(self._names())}
        messages: list[Incoming] = []
        for uid, topic in self._reading.topics.items():
            if topic.name not in heard:
                continue
            first, bounds = await self._store.log.offset_at(uid, since_us), await self._store.log.bounds(uid)
            begins = bounds.end if first is None else max(first, bounds.end - MOST_MESSAGES)
            self._reading.complete &= first is None or (begins == first and not 0 < first == bounds.first)
            self._reading.positions[uid] = begins
        messages = await self._read_on()
        self._reading.complete &= len(messages) <= MOST_MESSAGES
        await self._play(messages[-MOST_MESSAGES:])

    async def follow(self) -> None:
        """Play what came since the last call, and the timers until now. Raises StoreError."""
        await self._play(await self._read_on())

    def clear(self) -> None:
        """Count from here on."""
        pair = self._pair
        if pair is not None:
            pair.result = BacktestResult(pair.result.old_version, pair.result.new_version)
        self.undecidable, self.cause = 0, ""

    def close(self) -> None:
        """Let the thread end."""
        self._offload.close()

    def preview(self, since_us: int) -> ReloadPreview:
        """What differed, as operators are shown it."""
        result = self._pair.result if self._pair is not None else BacktestResult("", "")
        rules = [_view(rule) for rule in result.changed]
        return ReloadPreview(
            old_version=result.old_version,
            new_version=result.new_version,
            since=rfc3339(since_us),
            messages=result.messages,
            complete=self._reading.complete,
            differences=sum(rule.now_sends + rule.no_longer_sends + rule.text_changed for rule in rules),
            undecidable=self.undecidable,
            rules=rules,
            texts=self.texts,
        )

    def _names(self) -> list[str]:
        return [topic.name for topic in self._reading.topics.values()]

    async def _read_on(self) -> list[Incoming]:
        """What stands behind the positions, by publish time; of a topic the newest that fit."""
        messages: list[Incoming] = []
        for uid, position in list(self._reading.positions.items()):
            end, size = (await self._store.log.bounds(uid)).end, 0
            while position < end and size < _MOST_BYTES:
                batch = await self._store.log.read(uid, position, _BATCH, _BATCH_BYTES)
                messages += [incoming_of(self._reading.topics[uid], message) for message in batch]
                size += sum(len(message.data) for message in batch)
                position = batch[-1].offset + 1 if batch else end
            self._reading.complete &= position >= end
            self._reading.positions[uid] = max(position, end)
        return sorted(messages, key=lambda message: message.publish_time_us)

    async def _play(self, messages: Sequence[Incoming]) -> None:
        now_us = self._clock.wall_us()
        for first in range(0, len(messages), _AT_ONCE):
            await self._offload.run(partial(self._take, messages[first : first + _AT_ONCE]), large=True)
        await self._offload.run(partial(self._advance, now_us), large=True)

    def _take(self, messages: Sequence[Incoming]) -> None:
        pair = self._pair
        for incoming in messages if pair is not None else ():
            now_us = max(self._last_us, incoming.publish_time_us)
            self._advance(now_us)
            if pair is not None:
                pair.result.messages += 1
                self._compare(pair, incoming, now_us)

    def _compare(self, pair: RulePair, incoming: Incoming, now_us: int) -> None:
        before, _ = _try(pair.before, incoming, now_us)
        after, why = _try(pair.after, incoming, now_us)
        if before is not None and after is not None:
            pair.compare(before, after)
        elif before is not None:
            self.undecidable += 1
            self.cause = self.cause or f"{incoming.topic}:{incoming.offset} cannot be decided: {why}"

    def _advance(self, now_us: int) -> None:
        """Fire the timers of both."""
        if self._pair is not None:
            self._pair.run_to(now_us)
        self._last_us = max(self._last_us, now_us)


def list_differing_lines(old: bytes, new: bytes) -> list[str]:
    """The lines of rule files and templates in which two rule sets differ, as a unified diff."""
    return list(_differing(_texts(old), _texts(new)))[:_MOST_LINES]


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name, ""), after.get(name, "")
        if old != new:
            yield from difflib.unified_diff(old.splitlines(), new.splitlines(), name, name, lineterm="", n=2)


def _texts(sources: bytes) -> dict[str, str]:
    read = sources_from_bytes(sources)
    return {file.name: file.text for file in (*read.files, *read.templates)}


def _pair_of(old: bytes, new: bytes, world: World) -> RulePair:
    """The two, built anew. Raises ProblemsFound."""
    before, after = rebuild(old, world), rebuild(new, world)
    return RulePair(before, after, InMemoryState, BacktestResult(before.version, after.version))


def _try(rehearsal: Rehearsal, incoming: Incoming, now_us: int) -> tuple[DryRunStep | None, str]:
    """What a rule set makes of a message, or None and why not: a bug costs one message, as in a router."""
    try:
        return rehearsal.take(incoming, now_us), ""
    except Exception as error:
        log.warning("a message cannot be decided by other rules", topic=incoming.topic, offset=incoming.offset)
        return None, type(error).__name__


def _view(difference: RuleDifference) -> RulePreview:
    return RulePreview(
        rule=difference.rule,
        before=difference.old,
        now=difference.new,
        now_sends=difference.differences.get("now sends", 0),
        no_longer_sends=difference.differences.get("no longer sends", 0),
        text_changed=difference.differences.get("text changed", 0),
        samples=[
            PreviewSample(
                kind=sample.kind,
                origin=sample.origin,
                destination=sample.destination,
                diff=sample.diff()[:_MOST_DIFF],
                why=sample.why,
            )
            for sample in difference.samples
        ],
    )
