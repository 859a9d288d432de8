"""From a scene to sends: the rendering, and the cut into parts of the destination's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from rules.deciding.decision_builder import Draft
from rules.deciding.lazy_post import Unwritten
from rules.deciding.quiet.silences import places_of
from rules.deciding.render_post import NORMAL_PRIORITY, Composed, Scene, compose, priority_of
from rules.model import DestinationFacts, Event, Post, Send
from rules.rendering.split import cut_text, split_text
from rules.ruleset import GONE, Rule, RuleSet, SendEntry

LONG_US: Final = 30 * 86_400_000_000
"""How long a row that is still owed something outlives its time, in case nobody is there to fire it."""

_CONTENT: Final = frozenset({"attachments", "blocks", "card", "embeds", "props"})
"""Overrides that are themselves something to read."""


@dataclass(frozen=True, slots=True)
class SendTarget:
    """Where a post goes, whether only in shadow, and how many triples it carries in the books."""

    entry: SendEntry
    shadow: bool = False
    stands_for: int = 1


@dataclass(frozen=True, slots=True)
class Posting:
    """A scene ready to be told, with its rule and addresses. ``owed`` ones are told later rather than never."""

    scene: Scene
    addresses: Sequence[SendTarget]
    key: str
    order_key: str
    item: int = 0
    notes: Mapping[str, str] = field(default_factory=dict)
    incident: str = ""
    owed: bool = False

    @property
    def rule(self) -> Rule:
        """The rule whose post it is."""
        return self.scene.rule


def event_topic(event: Event) -> str:
    """The full name of the event's topic."""
    return f"projects/{event.message.project}/topics/{event.message.topic}"


def emit_all(draft: Draft, posting: Posting) -> None:
    """Render and add the sends of all addresses, whatever the throttle says."""
    if posting.rule.name in draft.context.unwritten:
        _leave_unwritten(draft, posting)
        return
    composed = compose_by_slot(draft, posting)
    places = places_of(posting.scene.event)
    for address in posting.addresses:
        emit(draft, posting, address, composed[address.entry.slot], places)


def emit(draft: Draft, posting: Posting, address: SendTarget, composed: Composed, places: Mapping[str, str]) -> None:
    """Add the parts of one post to one address; none where nobody is any more."""
    entry = address.entry
    if draft.rule_set.is_given_up(entry.to.name) and not address.shadow:
        draft.give_up(address.stands_for, entry.to.name)
        return
    if is_empty(composed.post) and not entry.to.takes_body and not address.shadow:
        draft.leave_empty(posting.item, posting.rule, entry, address.stands_for)
        return
    origin = draft.origin_of(posting.item, posting.rule, entry)
    posts = parts_of(composed.post, entry.to)
    for part, post in enumerate(posts):
        send = Send(
            origin=origin,
            rule=posting.rule.name,
            send=entry.index,
            part=part,
            parts=len(posts),
            destination=entry.to.name,
            order_key=posting.order_key,
            post=post,
            phase=posting.scene.phase,
            key=posting.key,
            stands_for=address.stands_for if part == len(posts) - 1 else 0,
            priority=priority_of(post),
            places=places,
            incident=posting.incident,
            fallback=composed.fallback,
        )
        draft.send(send, shadow=address.shadow)


def is_empty(post: Post) -> bool:
    """Whether there is nothing to read in a post: a template that has nothing to say says nothing."""
    content = post.text.strip() or post.title.strip() or post.footer.strip() or post.fields or post.body is not None
    return not content and not any(name in _CONTENT for name in post.overrides)


def entry_for(
    rule_set: RuleSet, rule: Rule, slot: str, to: str, send: int, overrides: Mapping[str, Any] = MappingProxyType({})
) -> SendEntry:
    """The rule's send entry of a slot; if an edit took it away, one that only knows its destination and overrides.

    Posts for a destination that is gone since go to the one that takes them.
    """
    for entry in rule.entries:
        if entry.slot == slot:
            return rule_set.home_of(entry)
    return rule_set.home_of(SendEntry(send, slot, DestinationFacts(name=to, kind=GONE), overrides))


def compose_by_slot(draft: Draft, posting: Posting) -> dict[str, Composed]:
    """The posts of a posting by slot, rendered."""
    entries = [address.entry for address in posting.addresses]
    return compose(draft.rule_set, posting.scene, draft.now_us, entries, posting.notes)


def _leave_unwritten(draft: Draft, posting: Posting) -> None:
    """Add the sends of all addresses, one part each, for a dry run that may never want their text."""
    for address in posting.addresses:
        entry = address.entry
        scene, notes = posting.scene, posting.notes
        post = Unwritten(text="", rule_set=draft.rule_set, scene=scene, now_us=draft.now_us, entry=entry, notes=notes)
        send = Send(
            origin=draft.origin_of(posting.item, posting.rule, entry),
            rule=posting.rule.name,
            send=entry.index,
            part=0,
            parts=1,
            destination=entry.to.name,
            order_key=posting.order_key,
            post=post,
            phase=scene.phase,
            key=posting.key,
            stands_for=address.stands_for,
            priority=NORMAL_PRIORITY,
            places={},
            incident=posting.incident,
        )
        draft.send(send, shadow=address.shadow)


def parts_of(whole: Post, to: DestinationFacts) -> list[Post]:
    """The post cut to the destination's size: further parts carry text only, all but the last no attachments."""
    limit = to.max_text_runes
    if limit is None or len(whole.text) <= limit or whole.body is not None or whole.broken:
        return [whole]
    if to.long_text == "cut":
        return [replace(whole, text=cut_text(whole.text, limit))]
    texts = split_text(whole.text, limit)
    bare = Post(text="", severity=whole.severity, icon=whole.icon, overrides=whole.overrides)
    first = [replace(bare, text=text) for text in texts[:-1]]
    return (
        [replace(first[0], mention=whole.mention), *first[1:], replace(whole, text=texts[-1], mention="")]
        if first
        else [whole]
    )
