"""match: which rules may act on a message, and what state they need. Pure; no state is known yet.

The payload is decoded once for each decode setting and taken apart once for each ``for_each``. An index over equality
conditions gives the few rules that can match; their conditions, ``when``, ``set`` and ``key`` are then evaluated.
Rules behind a ``stop`` are left out, except that any of them may still take an event that ends an incident of its own
(semantics.md item 25): whether one is open is known to ``decide`` only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from rules.conditions.conditions import Condition
from rules.conditions.index import RuleIndex
from rules.conditions.jsonpath import CompiledPath
from rules.conditions.regex import RegexTooLarge
from rules.deciding.matches import WHOLE, Match, Matches
from rules.deciding.state_keys import row_names
from rules.deciding.vars import key_of, set_vars
from rules.events.decode import AUTO, Decoded, DecodeSpec, decode
from rules.model import Event, Incoming, MessageAtHand
from rules.rendering.budget import charge_per_message
from rules.rendering.environment import RenderFailed
from rules.rendering.template_names import names_of
from rules.ruleset import Rule, RuleSet

How: TypeAlias = Literal["match", "resolved"]
Unpack: TypeAlias = Callable[[str, DecodeSpec], Decoded]
"""What takes a payload apart as a spec says."""


@dataclass(frozen=True, slots=True)
class EventView:
    """The rules of a topic that see its messages the same way: same decoding, same ``for_each``."""

    decode: DecodeSpec
    for_each: CompiledPath | None
    rules: tuple[Rule, ...]
    entries: tuple[tuple[Rule, How], ...]
    index: RuleIndex

    @property
    def group(self) -> str:
        """What tells this view's items from those of others."""
        return WHOLE if self.for_each is None else f"{self.decode.text} {self.for_each.text}"


@dataclass(slots=True)
class Troubles:
    """What went wrong while rules were matched: how often, by kind, and of each rule the first failure."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def note(self, kind: str, rule: Rule, reason: str) -> None:
        """Count one more failure of a rule."""
        self.counts[kind] += 1
        self.failures.setdefault(rule.name, reason)


MAX_ITEMS: Final = 10_000
"""How many items of a message become events. A message of 1 MiB with more of them is no list of alerts."""


@charge_per_message
def match(
    rule_set: RuleSet,
    incoming: Incoming,
    now_us: int,
    decoded: Decoded | None = None,
    unpack: Unpack = decode,
) -> Matches:
    """All rules that may act on the message, in the order in which they act. Never raises for what a message holds.

    ``decoded`` is for tests that say what the payload stands for: it is then not decoded at all. ``unpack`` is for
    those who ask more than once about the same message.
    """
    troubles = Troubles()
    matches: list[Match] = []
    stopped: set[tuple[str, int]] = set()
    needs: dict[str, None] = {}
    for rule, event, group, hows in _candidates(rule_set, incoming, decoded, unpack, troubles):
        hidden = (WHOLE, 0) in stopped or (group, event.item) in stopped
        matched = _match_rule(rule_set, rule, event, group, hows, now_us, troubles, hidden=hidden)
        if matched is None:
            continue
        matches.append(matched)
        needs.update(dict.fromkeys(matched.names.all()))
        if matched.how == "match" and (rule.stop or rule.drop):
            stopped.add((group, event.item))
    return Matches(incoming, tuple(matches), tuple(needs), troubles.counts, troubles.failures, troubles.left_out)


def views_of(rule_set: RuleSet, topic: str) -> tuple[EventView, ...]:
    """The rules that hear a topic, by how they see its messages; built once and remembered."""
    views = rule_set.views.get(topic)
    if views is None:
        heard = tuple(rule for rule in rule_set.rules if rule.topics.covers(topic))
        default = rule_set.decode.get(topic, AUTO)
        shared = (default, tuple(rule.position for rule in heard))
        views = rule_set.views.get(shared)
        if views is None:
            views = rule_set.views[shared] = tuple(_views(heard, default))
        rule_set.views[topic] = views
    return views


def event_of(incoming: Incoming, decoded: Decoded) -> Event:
    """The message as a rule sees it whose decoding gives ``decoded``."""
    _, project, _, topic = incoming.topic.split("/", 3)
    return Event(
        data=decoded.value,
        text=decoded.text,
        attributes=incoming.attributes,
        message=MessageAtHand(
            id=str(incoming.offset),
            offset=incoming.offset,
            topic=topic,
            project=project,
            publish_time_us=incoming.publish_time_us,
            data=incoming.payload,
        ),
        undecodable=decoded.undecodable,
    )


def items_of(event: Event, for_each: CompiledPath | None) -> Iterator[Event]:
    """The events a view makes of a message: itself, or one for each item found, the first 10,000.

    An undecodable message stays whole.
    """
    if for_each is None or event.undecodable is not None:
        yield event
        return
    for number, item in enumerate(for_each.find(event.data)[:MAX_ITEMS]):
        yield Event(
            data=item,
            text=event.text,
            attributes=event.attributes,
            message=event.message,
            parent=event.data,
            item=number,
        )


def _views(rules: Iterable[Rule], default: DecodeSpec) -> Iterator[EventView]:
    alike: dict[tuple[DecodeSpec, CompiledPath | None], list[Rule]] = {}
    for rule in rules:
        alike.setdefault((rule.decode or default, rule.for_each), []).append(rule)
    for (spec, for_each), members in alike.items():
        entries: list[tuple[Rule, How]] = []
        conditions: list[Condition] = []
        for rule in members:
            if not rule.retired and rule.scheduled is None:
                entries.append((rule, "match"))
                conditions.append(rule.condition)
            if rule.quiet.resolved is not None:
                entries.append((rule, "resolved"))
                conditions.append(rule.quiet.resolved)
        yield EventView(spec, for_each, tuple(members), tuple(entries), RuleIndex(conditions))


def _candidates(
    rule_set: RuleSet, incoming: Incoming, given: Decoded | None, unpack: Unpack, troubles: Troubles
) -> list[tuple[Rule, Event, str, list[How]]]:
    """The (rule, event) pairs that can match, in file order, with what each has to be asked."""
    decoded: dict[DecodeSpec, Event] = {}
    asked: dict[tuple[int, str, int], tuple[Rule, Event, str, list[How]]] = {}
    for view in views_of(rule_set, incoming.topic):
        event = decoded.get(view.decode)
        if event is None:
            event = decoded[view.decode] = event_of(incoming, given or unpack(incoming.payload, view.decode))
            if event.undecodable is not None:
                troubles.counts["undecodable"] += 1
        group = view.group
        seen = 0
        for item in items_of(event, view.for_each):
            seen = item.item + 1
            for number in view.index.candidates(item):
                rule, how = view.entries[number]
                asked.setdefault((rule.position, group, item.item), (rule, item, group, []))[3].append(how)
        if seen == MAX_ITEMS:
            _note_beyond(event, view, troubles)
    if len(asked) < 2:
        return list(asked.values())
    return [asked[place] for place in sorted(asked)]


def _note_beyond(event: Event, view: EventView, troubles: Troubles) -> None:
    """Note how many items of the message are left out because there are too many."""
    if view.for_each is None or event.undecodable is not None:
        return
    beyond = len(view.for_each.find(event.data)) - MAX_ITEMS
    if beyond > 0:
        troubles.counts["items_left_out"] += beyond
        for rule in view.rules:
            reason = f"for_each: {beyond} items of a message were left out; it takes {MAX_ITEMS:,} of one message"
            troubles.failures.setdefault(rule.name, reason)
            troubles.left_out[rule.name] = beyond


def _match_rule(
    rule_set: RuleSet,
    rule: Rule,
    event: Event,
    group: str,
    hows: list[How],
    now_us: int,
    troubles: Troubles,
    *,
    hidden: bool,
) -> Match | None:
    """How the rule may act on the event, or None. An event that says "over" is never a new firing."""
    seen, broken = set_vars(rule_set, rule, event, now_us) if rule.asks_vars else (event, "")
    how: How
    if "resolved" in hows and _holds(rule.quiet.resolved, "resolved", rule, seen, now_us, troubles):
        how = "resolved"
    elif hidden or "match" not in hows or not _holds(rule.condition, "match", rule, seen, now_us, troubles):
        return None
    else:
        how = "match"
    if not rule.asks_vars:
        seen, broken = set_vars(rule_set, rule, event, now_us)
    if how == "match" and not _when(rule_set, rule, seen, now_us, troubles):
        return None
    if rule.drop:
        return Match(rule, seen, how, group=group)
    key, failed = key_of(rule_set, rule, seen, now_us)
    if failed:
        troubles.note("key_errors", rule, f"key: {failed}")
    return Match(rule, seen, how, key, row_names(rule_set, rule, seen, key, now_us), broken or failed, group)


def _holds(condition: Condition | None, part: str, rule: Rule, event: Event, now_us: int, troubles: Troubles) -> bool:
    """Whether a condition is there and holds; one that is too complex for this event does not, and counts."""
    if condition is None:
        return False
    try:
        return condition.judge(event, now_us)
    except RegexTooLarge as error:
        troubles.note("too_complex", rule, f"{part}: {error}")
        return False


def when_holds(rule_set: RuleSet, rule: Rule, event: Event, now_us: int) -> bool:
    """Whether ``when:`` holds for an event that has the rule's ``set:`` values; one that fails does not."""
    return _when(rule_set, rule, event, now_us, Troubles())


def _when(rule_set: RuleSet, rule: Rule, event: Event, now_us: int, troubles: Troubles) -> bool:
    """Whether ``when:`` holds; one that fails on this event does not hold, and counts."""
    if rule.when is None:
        return True
    try:
        return bool(rule.when.evaluate(names_of(event, now_us=now_us, tables=rule_set.tables)))
    except RenderFailed as error:
        troubles.note("when_errors", rule, f"when: {error}")
        return False
