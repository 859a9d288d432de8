"""The noise report: which keys told most, and what of it nobody needed. Read from deliveries and the audit trail.

What is noise is decided in docs/specification/noise-report.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from bridge.core.waiting import Turn
from bridge.operate.feedback import Feedback, count_feedback
from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_errors import InvalidInput
from bridge.operate.operator_times import ago_us, rfc3339
from broker.clock import US_PER_S
from broker.model import Delivery, DeliveryQuery
from rules.events.intervals import Interval
from rules.language.read_intervals import read_intervals
from rules.source.places import wrap_unplaced
from rules.source.words import suggest_of

NOISE_SINCE_S: Final = 7 * 86_400
_KEYS: Final = 50
_MOST_KEYS: Final = 1_000
_PAGE: Final = 1_000
_MOST_DELIVERIES: Final = 100_000
"""So many deliveries are looked at, the newest."""
_BRIEF_US: Final = 300 * US_PER_S
_FLAPS: Final = 4
_FLAPS_WITHIN_US: Final = 3600 * US_PER_S
_TURN_S: Final = 0.005
_TOLD: Final = ("delivered", "folded")
_ENDS: Final = ("resolved", "stale")
_QUIET_PHASES: Final = (*_ENDS, "calm")
WORKING_HOURS: Final[Mapping[str, Any]] = {"days": ["mon-fri"], "times": ["08:00-18:00"]}
"""What counts as hours where none are named: in UTC."""


class KeyNoise(msgspec.Struct, frozen=True, kw_only=True):
    """What one key of a rule told: how many posts, and of its incidents (``firings``) which nobody needed.

    ``brief`` ended by themselves within five minutes, ``never_taken`` were over, or are, without anybody's hand,
    ``outside_hours`` are posts. ``flapping`` is whether it came and went often within an hour.
    """

    rule: str
    key: str
    posts: int
    firings: int
    brief: int
    never_taken: int
    outside_hours: int
    flapping: bool
    last: str


class RuleNoise(msgspec.Struct, frozen=True, kw_only=True):
    """The same for all keys of a rule; ``useful`` and ``noise`` are what people said of its posts."""

    rule: str
    keys: int
    posts: int
    firings: int
    brief: int
    never_taken: int
    outside_hours: int
    flapping: int
    useful: int
    noise: int


class NoiseReport(msgspec.Struct, frozen=True, kw_only=True):
    """The noisiest keys and rules since a moment. ``complete`` is false where not all deliveries were looked at.

    ``hours`` names what ``outside_hours`` is measured by.
    """

    since: str
    hours: str
    deliveries: int
    complete: bool
    rules: list[RuleNoise]
    keys: list[KeyNoise]


@dataclass(slots=True)
class _Life:
    """An incident of a key, from its first firing to its end (0: it fires)."""

    began_us: int
    ended_us: int = 0


@dataclass(slots=True)
class _Course:
    """What one key told, in the order in which it was told."""

    posts: int = 0
    outside: int = 0
    last_us: int = 0
    flaps: bool = False
    origins: set[str] = field(default_factory=set)
    lives: list[_Life] = field(default_factory=list)

    def add(self, delivery: Delivery, hours: Interval) -> None:
        """Take in the next delivery."""
        new = delivery.new
        if new.part == 0:
            self.posts += 1
            self.last_us = new.created_us
            self.outside += new.phase not in _QUIET_PHASES and not hours.contains(new.created_us)
        self.flaps |= new.phase == "flapping"
        if new.phase == "firing" and new.origin not in self.origins:
            self.origins.add(new.origin)
            if not self.lives or self.lives[-1].ended_us:
                self.lives.append(_Life(new.created_us))
        elif new.phase in _ENDS and self.lives and not self.lives[-1].ended_us:
            self.lives[-1].ended_us = new.created_us

    @property
    def is_flapping(self) -> bool:
        """Whether it was told to flap, or fired anew often within an hour."""
        begun = [life.began_us for life in self.lives]
        ends = zip(begun, begun[_FLAPS - 1 :], strict=False)
        return self.flaps or any(last - first <= _FLAPS_WITHIN_US for first, last in ends)


async def report_noise(
    context: OperatorContext, *, since_s: float | None = None, hours: str = "", limit: int | None = None
) -> NoiseReport:
    """What told most since then, the noisiest first. Raises InvalidInput, StoreUnavailable."""
    since_us = ago_us(context.clock, since_s or NOISE_SINCE_S)
    name, interval = _hours_of(context, hours)
    deliveries, complete = await _read(context, since_us)
    courses: dict[tuple[str, str], _Course] = defaultdict(_Course)
    turn = Turn(context.clock, _TURN_S)
    for delivery in deliveries:
        courses[delivery.new.rule, delivery.new.key].add(delivery, interval)
        await turn.give()
    takes, votes = await _read_takes(context, since_us), await count_feedback(context, since_us)
    keys = [_of_key(rule, key, course, takes) for (rule, key), course in courses.items()]
    keys.sort(key=lambda noise: (-noise.posts, noise.rule, noise.key))
    return NoiseReport(
        since=rfc3339(since_us),
        hours=name,
        deliveries=len(deliveries),
        complete=complete,
        rules=_of_rules(keys, votes),
        keys=keys[: min(limit or _KEYS, _MOST_KEYS)],
    )


def _hours_of(context: OperatorContext, name: str) -> tuple[str, Interval]:
    """The interval of the settings that is named, else working hours in UTC. Raises InvalidInput."""
    intervals = context.settings().intervals
    if name and name not in intervals:
        raise InvalidInput("hours", f'there is no interval "{name[:80]}"{suggest_of(name, intervals, "intervals")}')
    written = {name: intervals[name]} if name else {"mon-fri 08:00-18:00 UTC": dict(WORKING_HOURS)}
    read = read_intervals(written, wrap_unplaced({"intervals": written}, "bridge.yaml"), ("intervals",), [])
    return next(iter(read.items()))


async def _read(context: OperatorContext, since_us: int) -> tuple[list[Delivery], bool]:
    """The deliveries that were told, the oldest first, and whether these are all."""
    deliveries: list[Delivery] = []
    before: int | None = None
    while True:
        page = await context.store.outbox.find(DeliveryQuery(since_us=since_us, before_seq=before, limit=_PAGE))
        deliveries += [_slim(delivery) for delivery in page if delivery.state in _TOLD and delivery.new.rule]
        if len(page) < _PAGE:
            return deliveries[::-1], True
        if len(deliveries) >= _MOST_DELIVERIES:
            return deliveries[::-1], False
        before = page[-1].seq


def _slim(delivery: Delivery) -> Delivery:
    """Without the post, of which a hundred thousand would be too much to hold."""
    return replace(delivery, new=replace(delivery.new, post=b""))


async def _read_takes(context: OperatorContext, since_us: int) -> Mapping[str, Sequence[int]]:
    """When each incident was taken, by ``RULE: KEY``."""
    takes: dict[str, list[int]] = defaultdict(list)
    async for at_us, target in _entries(context, since_us, "incident.take"):
        takes[target].append(at_us)
    return takes


async def _entries(context: OperatorContext, since_us: int, what: str) -> AsyncIterator[tuple[int, str]]:
    before: int | None = None
    while context.audit is not None:
        page, before = await context.audit.list_newest(_PAGE, before=before, since_us=since_us, wanted={"what": what})
        for stored in page:
            if stored.entry.outcome == "done":
                yield stored.at_us, stored.entry.target
        if before is None:
            return


def _of_key(rule: str, key: str, course: _Course, takes: Mapping[str, Sequence[int]]) -> KeyNoise:
    taken = takes.get(f"{rule}: {key}", ())
    untaken = [life for life in course.lives if not _is_taken(life, taken)]
    return KeyNoise(
        rule=rule,
        key=key,
        posts=course.posts,
        firings=len(course.lives),
        brief=sum(0 < life.ended_us - life.began_us <= _BRIEF_US for life in untaken if life.ended_us),
        never_taken=len(untaken),
        outside_hours=course.outside,
        flapping=course.is_flapping,
        last=rfc3339(course.last_us),
    )


def _is_taken(life: _Life, taken: Iterable[int]) -> bool:
    return any(life.began_us <= at_us and (not life.ended_us or at_us <= life.ended_us) for at_us in taken)


def _of_rules(keys: Sequence[KeyNoise], votes: Mapping[str, Feedback]) -> list[RuleNoise]:
    by_rule: dict[str, list[KeyNoise]] = {name: [] for name in votes}
    for noise in keys:
        by_rule.setdefault(noise.rule, []).append(noise)
    rules = [
        RuleNoise(
            rule=name,
            keys=len(entries),
            posts=sum(noise.posts for noise in entries),
            firings=sum(noise.firings for noise in entries),
            brief=sum(noise.brief for noise in entries),
            never_taken=sum(noise.never_taken for noise in entries),
            outside_hours=sum(noise.outside_hours for noise in entries),
            flapping=sum(noise.flapping for noise in entries),
            useful=votes.get(name, Feedback()).useful,
            noise=votes.get(name, Feedback()).noise,
        )
        for name, entries in by_rule.items()
    ]
    return sorted(rules, key=lambda noise: (-noise.posts, noise.rule))
