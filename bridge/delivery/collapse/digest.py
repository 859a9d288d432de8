"""A digest: one post that stands for many which waited. Made of the stored posts alone, so it can be made again.

It names the worst and counts the rest by rule and severity, in a size that does not depend on how many there are. What
it needs to become part of the next digest is stored beside its post, where destinations do not look. Pure.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from bridge.core.built_in_rules import DIGEST_RULE
from bridge.core.posts import post_from_bytes, post_to_bytes
from bridge.core.severities import rank_of, worst_of
from bridge.delivery.collapse.digest_text import (
    Named,
    PhaseCounts,
    PhaseTold,
    SeverityCount,
    headline_of,
    summary_text,
    title_of,
    total,
)
from broker.model import Delivery, NewDelivery
from rules.model import Post

_ORIGIN: Final = "f/"  # what origins of digests begin with, and no others
_LOOKS: Final = frozenset({"username", "icon_url", "icon_emoji", "priority", "silent"})
_LEFT_OUT: Final = frozenset({"card", "subject"})
_MOST_COUNTED: Final = 100
_MOST_MENTIONED: Final = 10
_MOST_ABOUT: Final = 20
_LONGEST_SUBJECT: Final = 60
_PHASES: Final[Mapping[str, PhaseTold]] = {
    "firing": "firing",
    "reminder": "firing",
    "escalation": "firing",
    "flapping": "firing",
    "resolved": "over",
    "stale": "over",
}
_SUBJECTS: Final = ("$.labels.alertname", "$.alertname", "$.event_name", "$.SERVICEDESC", "$.service", "$.title")
"""Places of an event whose value names what it is about, in the words of the senders we know; else the rule does."""
_ORDINARY_RUNES: Final = 8_000  # where the destination names no limit
_LOWEST_PRIORITY: Final = 1


@dataclass(frozen=True, slots=True)
class HeldPost:
    """A delivery that waits, with its post as rendered."""

    delivery: Delivery
    post: Post


@dataclass(frozen=True, slots=True)
class Folding:
    """What one digest is to stand for.

    ``lives`` are incidents that began and ended while they waited, each with all its deliveries: they are cancelled.
    ``folded`` are all others. ``order_key`` is that of the digest.
    """

    order_key: str
    folded: Sequence[HeldPost] = ()
    lives: Sequence[Sequence[HeldPost]] = ()

    @property
    def all(self) -> list[HeldPost]:
        """Everything the digest is to stand for."""
        return [*self.folded, *(post for life in self.lives for post in life)]

    def without(self, order_key: str) -> Folding:
        """The same but for what waits under an order key."""
        return Folding(
            self.order_key,
            [post for post in self.folded if post.delivery.new.order_key != order_key],
            [life for life in self.lives if life[0].delivery.new.order_key != order_key],
        )


class Summary(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a digest stands for, in a bounded size: a part of its stored post.

    ``standing`` and ``over`` count what it tells of, named ones included.
    """

    since_us: int
    until_us: int
    named: tuple[Named, ...] = ()
    standing: tuple[SeverityCount, ...] = ()
    over: tuple[SeverityCount, ...] = ()
    mentions: tuple[str, ...] = ()
    phases: PhaseCounts = PhaseCounts()

    @property
    def severity(self) -> str:
        """How bad it is: the worst of what stands and came; ``ok`` when all is over."""
        if total(self.standing) == self.phases.over:
            return "ok"
        return worst_of(tally.severity for tally in (*self.standing, *self.over))


class _Stored(msgspec.Struct, frozen=True):
    """The part of a digest's stored post that is no post."""

    digest: Summary


@dataclass(slots=True)
class _Gathering:
    """A summary while it grows."""

    named: list[Named] = field(default_factory=list)
    standing: Counter[tuple[str, str]] = field(default_factory=Counter)
    over: Counter[tuple[str, str]] = field(default_factory=Counter)
    mentions: dict[str, None] = field(default_factory=dict)
    times_us: list[int] = field(default_factory=list)
    phases: Counter[PhaseTold] = field(default_factory=Counter)
    about: Counter[str] = field(default_factory=Counter)

    def add_post(self, unit: Sequence[HeldPost]) -> None:
        """One post, in all its parts, that goes on standing."""
        new, post = unit[-1].delivery.new, unit[-1].post
        self.named.append(_describe_unit(unit))
        phase = _PHASES.get(new.phase, "")
        self.standing[new.rule, "ok" if phase == "over" else post.severity] += 1
        self.phases[phase] += 1
        self.about[_subject(new)] += 1
        self._add_rest(unit)

    def add_life(self, life: Sequence[HeldPost]) -> None:
        """An incident that is over."""
        first = life[0].delivery.new
        last = life[-1].delivery.new
        unit = [post for post in life if post.delivery.new.origin == first.origin]
        self.named.append(msgspec.structs.replace(_describe_unit(unit), over_us=last.created_us))
        self.over[first.rule, unit[-1].post.severity] += 1
        self.about[_subject(first)] += 1
        self.times_us += [first.created_us, last.created_us]

    def add_digest(self, summary: Summary) -> None:
        """What an earlier digest stood for."""
        self.named += summary.named
        for tally in summary.standing:
            self.standing[tally.rule, tally.severity] += tally.count
        for tally in summary.over:
            self.over[tally.rule, tally.severity] += tally.count
        self.phases["firing"] += summary.phases.firing
        self.phases["over"] += summary.phases.over
        self.about.update(dict(summary.phases.about))
        self.mentions |= dict.fromkeys(summary.mentions)
        self.times_us += [summary.since_us, summary.until_us]

    def _add_rest(self, unit: Sequence[HeldPost]) -> None:
        self.mentions |= {post.post.mention: None for post in unit if post.post.mention}
        self.times_us.append(unit[0].delivery.new.created_us)

    def summary(self, most_named: int) -> Summary:
        """All of it, bounded: what still stands is named before what is over, the worst first, then the oldest."""
        self.named.sort(
            key=lambda entry: (bool(entry.over_us), entry.phase == "over", -rank_of(entry.severity), entry.at_us)
        )
        about = sorted(self.about.items(), key=lambda entry: (-entry[1], entry[0]))
        return Summary(
            since_us=min(self.times_us, default=0),
            until_us=max(self.times_us, default=0),
            named=tuple(self.named[:most_named]),
            standing=_tallies(self.standing),
            over=_tallies(self.over),
            mentions=tuple(list(self.mentions)[:_MOST_MENTIONED]),
            phases=PhaseCounts(self.phases["firing"], self.phases["over"], tuple(about[:_MOST_ABOUT])),
        )


def summary_of(folding: Folding, most_named: int) -> Summary:
    """What a digest of ``folding`` tells."""
    gathering = _Gathering()
    for unit in units_of(folding.folded):
        earlier = digest_in(unit[0].delivery)
        if earlier is not None:
            gathering.add_digest(earlier)
        else:
            gathering.add_post(unit)
    for life in folding.lives:
        gathering.add_life(life)
    return gathering.summary(most_named)


def digest_of(
    folding: Folding, *, now_us: int, due_us: int | None, most_named: int, max_text_runes: int | None
) -> NewDelivery:
    """The digest as a delivery, due at ``due_us``, or as early as the earliest of what it stands for.

    The same deliveries make the same id and origin. It goes out before later deliveries of their order keys as far as
    an early due time and a high priority can do that.
    """
    posts = folding.all
    summary = summary_of(folding, most_named)
    digest_id = id_of(post.delivery for post in posts)
    post = _post(summary, digest_id, posts, max_text_runes or _ORDINARY_RUNES)
    first = posts[0].delivery.new
    priorities = [post.delivery.new.priority for post in folding.folded]
    return NewDelivery(
        id=digest_id,
        origin=f"{_ORIGIN}{digest_id}",
        rule=DIGEST_RULE,
        send=0,
        part=0,
        parts=1,
        destination=first.destination,
        order_key=folding.order_key,
        priority=max(priorities, default=_LOWEST_PRIORITY),
        post=_post_with(post, summary),
        phase="digest",
        key="",
        incident="",
        stands_for=0,
        topic_uid=_common(post.delivery.new.topic_uid for post in posts),
        offset=-1,
        version=_common(post.delivery.new.version for post in posts),
        places={},
        severity=post.severity,
        due_us=min(now_us, *(post.delivery.due_us for post in posts)) if due_us is None else due_us,
        created_us=now_us,
    )


def id_of(deliveries: Iterable[Delivery]) -> str:
    """The id of the digest that stands for these deliveries."""
    names = "\x00".join(["digest", *sorted(delivery.id for delivery in deliveries)])
    return hashlib.sha256(names.encode()).hexdigest()[:32]


def is_digest(delivery: Delivery) -> bool:
    """Whether a delivery is a digest."""
    return delivery.new.origin == f"{_ORIGIN}{delivery.id}"


def digest_in(delivery: Delivery) -> Summary | None:
    """What a digest stands for, or None for any other delivery."""
    return msgspec.json.decode(delivery.new.post, type=_Stored).digest if is_digest(delivery) else None


def held_post_of(delivery: Delivery) -> HeldPost:
    """A delivery with its post. Raises msgspec.DecodeError when the post cannot be read."""
    return HeldPost(delivery, post_from_bytes(delivery.new.post))


def post_target_of(post: Post) -> str:
    """Where a post is to go inside its destination, as far as its send says so: only equal ones share a digest."""
    where = {name: value for name, value in post.overrides.items() if name not in _LOOKS | _LEFT_OUT}
    return msgspec.json.encode(where, order="deterministic").decode() if where else ""


def units_of(posts: Iterable[HeldPost]) -> list[list[HeldPost]]:
    """Deliveries by the send they are parts of, in their order."""
    units: dict[tuple[str, str, int], list[HeldPost]] = {}
    for post in posts:
        new = post.delivery.new
        units.setdefault((new.origin, new.rule, new.send), []).append(post)
    return list(units.values())


def _post(summary: Summary, digest_id: str, posts: Sequence[HeldPost], max_runes: int) -> Post:
    since_us, until_us = summary.since_us, summary.until_us
    return Post(
        title=title_of(summary.standing, summary.over, summary.phases),
        text=summary_text(since_us, until_us, summary.named, summary.standing, summary.over, max_runes),
        severity=summary.severity,
        mention=" ".join(summary.mentions),
        footer=f"each of them: ams-bridge deliveries list --into {digest_id}",
        overrides=_overrides(posts),
    )


def _describe_unit(unit: Sequence[HeldPost]) -> Named:
    new, last = unit[-1].delivery.new, unit[-1].post
    phase = _PHASES.get(new.phase, "")
    return Named(
        rule=new.rule,
        severity="ok" if phase == "over" else last.severity,
        phase=phase,
        line=headline_of(last if last.title else unit[0].post),
        url=last.url,
        at_us=new.created_us,
    )


def _subject(new: NewDelivery) -> str:
    """What a delivery is about, in a word: what its sender calls it, else its rule."""
    named = next((new.places[place] for place in _SUBJECTS if new.places.get(place)), new.rule)
    return named.strip('"')[:_LONGEST_SUBJECT]


def _tallies(counts: Counter[tuple[str, str]]) -> tuple[SeverityCount, ...]:
    """The counts, the greatest first; those beyond what is told apart are counted together."""
    ranked = sorted(counts.items(), key=lambda entry: (-rank_of(entry[0][1]), -entry[1], entry[0]))
    tallies = [SeverityCount(rule, severity, count) for (rule, severity), count in ranked[:_MOST_COUNTED]]
    rest = sum(count for _, count in ranked[_MOST_COUNTED:])
    return (*tallies, SeverityCount("", "", rest)) if rest else tuple(tallies)


def _overrides(posts: Sequence[HeldPost]) -> Mapping[str, Any]:
    """What all posts say alike: where to go, and how to look."""
    first = posts[0].post.overrides
    return {
        name: value
        for name, value in first.items()
        if name not in _LEFT_OUT and all(post.post.overrides.get(name) == value for post in posts)
    }


def _common(values: Iterable[str]) -> str:
    texts = set(values)
    return texts.pop() if len(texts) == 1 else ""


def _post_with(post: Post, summary: Summary) -> bytes:
    stored = msgspec.json.decode(post_to_bytes(post))
    return msgspec.json.encode({**stored, "digest": msgspec.to_builtins(summary)})
