"""The rules, ready to run: what ``read.py`` makes of files, and what ``match``, ``decide`` and ``fire`` trust.

Everything is compiled and checked; nothing here is looked at twice. A RuleSet is named by its ``version``, a hash of
all it was built from (semantics.md item 17), and ``sources`` is enough to build it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

from rules.case import Case
from rules.conditions.conditions import Condition, compile_match
from rules.conditions.event_places import EventPlace
from rules.conditions.jsonpath import CompiledPath
from rules.events.calendars import CalendarShelf
from rules.events.decode import DecodeSpec
from rules.events.intervals import Interval
from rules.events.rotas import RotaBook
from rules.events.schedules import Scheduled
from rules.events.topic_filter import TopicFilter, select_covered
from rules.model import DestinationFacts
from rules.rendering.environment import CompiledExpression, CompiledTemplate
from rules.source.places import wrap_unplaced
from rules.source.problems import Place, Problem
from rules.source.words import Rate

Making: TypeAlias = "CompiledTemplate | str | int | float | bool | dict[str, Any] | list[Any] | None"
"""A value with templates in it: a mapping or list of such values, a template, or a constant."""

Overflow: TypeAlias = Literal["digest", "drop", "delay"]
SilencedEnds: TypeAlias = Literal["tell", "wait"]
"""Whether the end of what was told is told while a silence holds, or waits until it is over."""


Unless: TypeAlias = Literal["taken", "over"]
"""What stops a step of an escalation beside the end of the incident."""

GONE: Final = "gone"
"""The kind of a destination of which only the name is known any more: it lets everything be overridden."""
FORGET_AFTER_S: Final = 7 * 86_400.0
MAX_KEYS: Final = 100_000
GROUP_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class FieldMaking:
    """How one field of a post is made."""

    title: CompiledTemplate
    value: CompiledTemplate
    short: bool = True


@dataclass(frozen=True, slots=True)
class PostMaking:
    """How a rule's post is made; a part that is None is left to the built-in rendering or left out."""

    text: CompiledTemplate | None = None
    parts: Mapping[str, CompiledTemplate] = field(default_factory=dict)
    fields: tuple[FieldMaking, ...] = ()
    body: Making = None
    has_body: bool = False

    @property
    def knows_groups(self) -> bool:
        """Whether the text lists ``events`` itself."""
        return self.text is not None and "events" in self.text.names


@dataclass(frozen=True, slots=True)
class SendEntry:
    """One entry of ``send``: a destination, and how posts to it are made.

    ``slot`` names it over edits of the rule: ``<n>:<destination>``, n counting repeats.
    """

    index: int
    slot: str
    to: DestinationFacts
    overrides: Mapping[str, Making] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """``group:``: collect events with the same values at ``by``, and send one post for them.

    ``gaps_s`` are the least gaps behind its first post, its second and so on; the last holds for all further ones.
    ``headline`` and ``table`` make the text of a post about several.
    """

    by: tuple[EventPlace, ...]
    wait_s: float
    gaps_s: tuple[float, ...] = (0.0,)
    max: int = GROUP_MAX
    headline: CompiledTemplate | None = None
    table: tuple[FieldMaking, ...] = ()

    def gap_us(self, posts: int) -> int:
        """The least gap behind the last of so many posts in a row."""
        return round(self.gaps_s[min(max(posts, 1), len(self.gaps_s)) - 1] * 1_000_000)

    @property
    def longest_us(self) -> int:
        """How long a group must have been quiet to begin anew."""
        return round(max(self.gaps_s) * 1_000_000)


@dataclass(frozen=True, slots=True)
class Throttle:
    """``throttle:``: at most so many posts in each of several windows, and what becomes of those beyond."""

    rates: tuple[Rate, ...]
    overflow: Overflow = "digest"


@dataclass(frozen=True, slots=True)
class Flapping:
    """``flapping:``: so many changes of state within so many seconds."""

    changes: int
    within_s: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """``count:``: so many events of a key within so many seconds."""

    at_least: int
    within_s: float


@dataclass(frozen=True, slots=True)
class Expects:
    """``expect:``: a sign of life of each key so often, or so much later.

    ``keys`` are those expected even if they were never heard, and no others, sorted; None is every key once heard.
    ``digest`` names them.
    """

    every_s: float
    grace_s: float
    keys: tuple[str, ...] | None = None
    digest: str = ""
    members: frozenset[str] = frozenset()

    @property
    def whole_us(self) -> int:
        """How long after its last sign of life a key is missing."""
        return round((self.every_s + self.grace_s) * 1_000_000)

    def covers(self, key: str) -> bool:
        """Whether the key is one that is expected."""
        return self.keys is None or key in self.members


@dataclass(frozen=True, slots=True)
class Inhibitor:
    """``inhibited_by:``: quiet while an incident of ``rule`` fires with the same values at ``same``.

    ``condition`` picks the events that may be kept quiet; None is all of the rule's.
    """

    rule: str
    same: tuple[EventPlace, ...]
    condition: Condition | None = field(default=None, compare=False, repr=False)

    @property
    def same_text(self) -> str:
        """The places as text: which row of state holds the inhibitor's firing incidents by these values."""
        return ",".join(place.text for place in self.same)


@dataclass(frozen=True, slots=True)
class Hours:
    """A named interval within which (or, with ``outside``, outside which) a rule may speak."""

    interval: Interval
    outside: bool


@dataclass(frozen=True, slots=True)
class Quiet:
    """How one rule keeps quiet: section 5 of the rule language."""

    dedupe_s: float | None = None
    state: CompiledTemplate | None = None
    resolved: Condition | None = None
    since: CompiledTemplate | None = None
    group: Group | None = None
    throttle: Throttle | None = None
    repeat_s: float | None = None
    flapping: Flapping | None = None
    lasts_s: float | None = None
    threshold: Threshold | None = None
    expects: Expects | None = None
    hours: tuple[Hours, ...] = ()
    inhibited_by: tuple[Inhibitor, ...] = ()
    shadow: bool = False
    forget_after_s: float = FORGET_AFTER_S
    max_keys: int = MAX_KEYS
    silenced_ends: SilencedEnds = "tell"

    @property
    def per_key(self) -> bool:
        """Whether anything is remembered for each key."""
        counts = self.flapping is not None or self.threshold is not None
        return self.dedupe_s is not None or self.has_life or counts

    @property
    def has_life(self) -> bool:
        """Whether its alerts begin and end: its keys have incidents."""
        return self.resolved is not None or self.expects is not None


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """One step of ``escalate:``: whom it tells, so long after the first post, and who is called there.

    ``unless`` says what stops it: ``taken`` (or over), or ``over`` alone.
    """

    after_s: float
    entry: SendEntry
    unless: Unless = "taken"
    mention: CompiledTemplate | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; ``position`` is its place in file order over all files.

    ``judging`` changes when an edit could make an incident's end look different (topic, decode, for_each, set, key,
    resolved). ``retired`` rules are of an older rule set and judge only whether their told incidents are over.
    """

    name: str
    place: Place
    position: int
    topics: TopicFilter
    condition: Condition
    about: str = ""
    was: tuple[str, ...] = ()
    decode: DecodeSpec | None = None
    for_each: CompiledPath | None = None
    when: CompiledExpression | None = None
    sets: tuple[tuple[str, CompiledTemplate], ...] = ()
    asks_vars: bool = False  # match or resolved look at vars, so set comes first
    key: CompiledTemplate | None = None
    making: PostMaking = PostMaking()
    sends: tuple[SendEntry, ...] = ()
    steps: tuple[EscalationStep, ...] = ()
    scheduled: Scheduled | None = None
    stop: bool = False
    drop: bool = False
    quiet: Quiet = Quiet()
    path: str = ""  # rules[1]
    key_places: Mapping[str, Place] = field(default_factory=dict, repr=False, compare=False)
    judging: str = ""
    version: str = ""
    retired: bool = False

    @property
    def entries(self) -> tuple[SendEntry, ...]:
        """Everybody the rule may tell: its sends, and behind them the steps of its escalation."""
        return (*self.sends, *(step.entry for step in self.steps)) if self.steps else self.sends


@dataclass(frozen=True, slots=True, eq=False)
class RuleSet:
    """All rules in the order in which they act, and what they share. Build one with ``read_rules``."""

    rules: tuple[Rule, ...]
    version: str
    sources: bytes
    tables: Mapping[str, Any] = field(default_factory=dict)
    rotas: RotaBook = field(default_factory=RotaBook)
    shelf: CalendarShelf = field(default_factory=CalendarShelf, repr=False)
    decode: Mapping[str, DecodeSpec] = field(default_factory=dict)
    destinations: Mapping[str, DestinationFacts] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    same_places: Mapping[str, tuple[Inhibitor, ...]] = field(default_factory=dict)
    """Rule name -> how other rules ask for its firing incidents."""
    gone: Mapping[str, str] = field(default_factory=dict)
    """Destination that was taken away -> the one that takes its posts, "" when nobody does."""
    cases: tuple[Case, ...] = ()
    by_name: Mapping[str, Rule] = field(default_factory=dict)
    views: dict[Any, Any] = field(default_factory=dict, repr=False)
    """Memory of ``match``: per topic, the rules that hear it with their index. Not part of the value."""

    def list_heard_topics(self, topics: Iterable[str]) -> list[str]:
        """The topics among ``topics`` (full names) that some rule hears: the ones that need a router."""
        return select_covered({rule.topics for rule in self.rules}, topics)

    def with_retired(self, old: Iterable[Rule]) -> RuleSet:
        """The same rules, and behind them ``old`` ones that go on judging ``resolved`` only (semantics.md item 16).

        They fire and remind no more. One whose rule was renamed takes the new name, under which its rows now stand.
        """
        retired = tuple(self._retire(rule, len(self.rules) + n) for n, rule in enumerate(old))
        names = {name: rule for rule in reversed(retired) for name in (*rule.was, rule.name)} | dict(self.by_name)
        return replace(self, rules=(*self.rules, *retired), by_name=names, views={})

    def _retire(self, rule: Rule, position: int) -> Rule:
        now = self.by_name.get(rule.name)
        name = rule.name if now is None else now.name
        was = tuple(old for old in dict.fromkeys((*(now.was if now else ()), rule.name, *rule.was)) if old != name)
        quiet = replace(rule.quiet, repeat_s=None)
        return replace(rule, name=name, was=was, position=position, retired=True, stop=False, quiet=quiet)

    def home_of(self, entry: SendEntry) -> SendEntry:
        """The entry as it is to be used now: with the destination that takes the posts of one that is gone."""
        name = self.gone.get(entry.to.name)
        to = self.destinations.get(name or entry.to.name)
        if to is None or (name is None and entry.to.kind not in ("", GONE)):
            return entry
        fitting = {key: value for key, value in entry.overrides.items() if key in to.overrides}
        return replace(entry, to=to, overrides=fitting if name else entry.overrides)

    def is_given_up(self, destination: str) -> bool:
        """Whether the destination was taken away, and what was still to be told there with it."""
        return self.gone.get(destination) == ""


def orphan(name: str) -> Rule:
    """A rule for rows whose own is gone without a trace: it matches nothing, and tells what is owed in plain form."""
    nothing = compile_match({"any": []}, wrap_unplaced({"any": []}, ""), (), [])
    return Rule(name=name, place=Place(""), position=-1, topics=TopicFilter(), condition=nothing)


def same_places(rules: Iterable[Rule]) -> dict[str, tuple[Inhibitor, ...]]:
    """Which questions are asked about each rule's firing incidents, over all ``inhibited_by``."""
    asked: dict[str, dict[str, Inhibitor]] = {}
    for rule in rules:
        for inhibitor in rule.quiet.inhibited_by:
            asked.setdefault(inhibitor.rule, {}).setdefault(inhibitor.same_text, inhibitor)
    return {name: tuple(questions.values()) for name, questions in asked.items()}


def index_by_name(rules: Iterable[Rule]) -> dict[str, Rule]:
    """Rules by their names and by the names they had (``was:``); a present name wins over a past one."""
    rules = list(rules)
    named = {old: rule for rule in rules for old in rule.was}
    return named | {rule.name: rule for rule in rules}
