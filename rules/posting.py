"""From a scene to sends: the throttle, the rendering, and the cut into parts.

``post`` is the last gate: what it lets pass becomes one send for each address, cut to the destination's size. What it
holds waits in the rule's throttle row and is posted from there by ``fire_throttle``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

import msgspec

from rules.compose import Composed, Scene, compose, overrides_of, priority_of, summary_line
from rules.draft import Draft
from rules.model import DestinationFacts, Event, Post, Send
from rules.quiet import throttle
from rules.quiet.rows import ThrottleRow, Waiting, WaitingPost
from rules.quiet.silences import places_of
from rules.quiet.stored import recall, store
from rules.quiet.verdicts import PASSED, Held, Hidden, Passed, Quieted
from rules.rownames import Names
from rules.ruleset import Rule, SendEntry
from rules.split import cut_text, split_text
from rules.vars import revive
from rules.words import duration_text

LONG_US: Final = 30 * 86_400_000_000
"""How long a row that is still owed something outlives its time, in case nobody is there to fire it."""
_POST: Final = msgspec.msgpack.Decoder(Post)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a post goes, whether only in shadow, and how many triples it carries in the books."""

    entry: SendEntry
    shadow: bool = False
    stands_for: int = 1


@dataclass(frozen=True, slots=True)
class Posting:
    """A scene ready to be told. ``owed`` ones are told later rather than never."""

    scene: Scene
    addresses: Sequence[Address]
    key: str
    order_key: str
    item: int = 0
    notes: Mapping[str, str] = field(default_factory=dict)
    incident: str = ""
    owed: bool = False

    @property
    def rule(self) -> Rule:
        """Whose post it is."""
        return self.scene.rule


def topic_of(event: Event) -> str:
    """The full name of the event's topic."""
    return f"projects/{event.message.project}/topics/{event.message.topic}"


def post(draft: Draft, posting: Posting, names: Names) -> Passed | Held | Quieted | Hidden:
    """Post it now if the rule's throttle (in the row ``names``; empty: it has none) has room."""
    limit = posting.rule.quiet.throttle
    if limit is None or not names:
        emit_all(draft, posting)
        return PASSED
    row = draft.rows.find(names, ThrottleRow) or ThrottleRow()
    shadow = posting.rule.quiet.shadow
    if throttle.waits(row) and row.shadow != shadow:
        emit_all(draft, posting)
        return PASSED
    row.shadow = shadow
    if not throttle.waits(row) and throttle.has_room(row, limit.rate, draft.now_us):
        throttle.remember_post(row, limit.rate, draft.now_us)
        keep_throttle(draft, posting.rule, names, row)
        emit_all(draft, posting)
        return PASSED
    again_us = throttle.room_again_us(row, limit.rate) if row.posts else draft.now_us
    if limit.overflow == "drop":
        return Hidden("throttle", again_us) if posting.owed else Quieted("throttle")
    _hold(draft, posting, row, queued=limit.overflow == "delay" and not throttle.queue_is_full(row))
    keep_throttle(draft, posting.rule, names, row)
    return Held("throttle")


def emit_all(draft: Draft, posting: Posting) -> None:
    """Render and add the sends of all addresses, whatever the throttle says."""
    composed = _composed(draft, posting)
    places = places_of(posting.scene.event)
    for address in posting.addresses:
        emit(draft, posting, address, composed[address.entry.slot], places)


def emit(draft: Draft, posting: Posting, address: Address, composed: Composed, places: Mapping[str, str]) -> None:
    """Add the parts of one post to one address."""
    entry = address.entry
    origin = draft.origin_of(posting.item, posting.rule, entry)
    posts = _parts(composed.post, entry)
    for part, one in enumerate(posts):
        send = Send(
            origin=origin,
            rule=posting.rule.name,
            send=entry.index,
            part=part,
            parts=len(posts),
            destination=entry.to.name,
            order_key=posting.order_key,
            post=one,
            phase=posting.scene.phase,
            key=posting.key,
            stands_for=address.stands_for if part == len(posts) - 1 else 0,
            priority=priority_of(one),
            places=places,
            incident=posting.incident,
            fallback=composed.fallback,
        )
        draft.send(send, shadow=address.shadow)


def keep_throttle(draft: Draft, rule: Rule, names: Names, row: ThrottleRow) -> None:
    """Write the throttle's row, due when something that waits has room again."""
    limit = rule.quiet.throttle
    if not throttle.waits(row):
        expires_us = throttle.forgotten_us(row, limit.rate) if limit is not None else draft.now_us
        draft.rows.keep(names, row, expires_us=max(expires_us, draft.now_us + 1))
        return
    again_us = throttle.room_again_us(row, limit.rate) if limit is not None and row.posts else draft.now_us
    due_us = max(again_us, draft.now_us + 1)
    draft.rows.keep(names, row, expires_us=due_us + LONG_US, due_us=due_us)


def fire_throttle(draft: Draft, rule: Rule, names: Names, row: ThrottleRow) -> None:
    """Post what waits, as far as there is room: delayed posts one by one, then a digest."""
    limit = rule.quiet.throttle
    while row.queue and (limit is None or throttle.has_room(row, limit.rate, draft.now_us)):
        _post_waiting(draft, rule, row, row.queue.pop(0))
        if limit is not None:
            throttle.remember_post(row, limit.rate, draft.now_us)
    if row.stands_for and not row.queue and (limit is None or throttle.has_room(row, limit.rate, draft.now_us)):
        _post_digest(draft, rule, row)
        if limit is not None:
            throttle.remember_post(row, limit.rate, draft.now_us)
    keep_throttle(draft, rule, names, row)


def entry_for(
    rule: Rule, slot: str, to: str, send: int, overrides: Mapping[str, Any] = MappingProxyType({})
) -> SendEntry:
    """The rule's send entry of a slot; if an edit took it away, one that only knows its destination and overrides."""
    for entry in rule.sends:
        if entry.slot == slot:
            return entry
    facts = next((entry.to for entry in rule.sends if entry.to.name == to), None)
    return SendEntry(send, slot, facts or DestinationFacts(name=to, kind=""), overrides)


def _composed(draft: Draft, posting: Posting) -> dict[str, Composed]:
    entries = [address.entry for address in posting.addresses]
    return compose(draft.rule_set, posting.scene, draft.now_us, entries, posting.notes)


def _hold(draft: Draft, posting: Posting, row: ThrottleRow, *, queued: bool) -> None:
    composed = _composed(draft, posting)
    row.event = store(posting.scene.event)
    if not queued:
        for address in posting.addresses:
            line = summary_line(composed[address.entry.slot].post)
            throttle.add_line(row, address.entry.slot, line, address.stands_for)
        return
    posts = {
        address.entry.slot: WaitingPost(
            to=address.entry.to.name,
            send=address.entry.index,
            post=msgspec.msgpack.encode(composed[address.entry.slot].post),
            stands_for=address.stands_for,
            fallback=composed[address.entry.slot].fallback,
        )
        for address in posting.addresses
    }
    places = places_of(posting.scene.event)
    row.queue.append(Waiting(posting.key, posting.scene.phase, posting.order_key, posting.incident, places, posts))


def _post_waiting(draft: Draft, rule: Rule, row: ThrottleRow, waiting: Waiting) -> None:
    scene = Scene(rule, recall(row.event), waiting.phase)
    for slot, held in waiting.posts.items():
        entry = entry_for(rule, slot, held.to, held.send)
        address = Address(entry, row.shadow, held.stands_for)
        posting = Posting(scene, [address], waiting.key, waiting.order_key, incident=waiting.incident)
        emit(draft, posting, address, Composed(_POST.decode(held.post), held.fallback), waiting.places)
        draft.release(held.stands_for, shadow=row.shadow)


def _post_digest(draft: Draft, rule: Rule, row: ThrottleRow) -> None:
    event, broken = revive(draft.rule_set, rule, row.event, draft.now_us)
    scene = Scene(rule, event, "digest", broken=broken)
    limit = rule.quiet.throttle
    why = f" (more than {limit.rate.count} in {duration_text(limit.rate.per_s)})" if limit is not None else ""
    for slot, stands_for in row.stands_for.items():
        entry = entry_for(rule, slot, slot.split(":", 1)[1], 0)
        lines = row.lines.get(slot, [])
        text = "\n".join(
            [
                f"**{stands_for} more from {rule.name}**{why}",
                *(f"- {line}" for line in lines),
                *([f"- and {stands_for - len(lines)} more"] if stands_for > len(lines) else []),
            ]
        )
        overrides = overrides_of(draft.rule_set, scene, draft.now_us, entry)
        address = Address(entry, row.shadow, stands_for)
        posting = Posting(scene, [address], "", f"{rule.name}:digest")
        emit(draft, posting, address, Composed(Post(text=text, overrides=overrides)), {})
        draft.release(stands_for, shadow=row.shadow)
    row.lines, row.stands_for, row.event = {}, {}, b""


def _parts(whole: Post, entry: SendEntry) -> list[Post]:
    """The post cut to the destination's size: further parts carry text only, all but the last no attachments."""
    limit = entry.to.max_text_runes
    if limit is None or len(whole.text) <= limit or whole.body is not None:
        return [whole]
    if entry.to.long_text == "cut":
        return [replace(whole, text=cut_text(whole.text, limit))]
    texts = split_text(whole.text, limit)
    bare = Post(text="", severity=whole.severity, icon=whole.icon, overrides=whole.overrides)
    first = [replace(bare, text=text) for text in texts[:-1]]
    return (
        [replace(first[0], mention=whole.mention), *first[1:], replace(whole, text=texts[-1], mention="")]
        if first
        else [whole]
    )
