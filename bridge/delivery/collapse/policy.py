"""Who of those that wait comes by itself, who becomes part of a digest, and who needs not be told any more. Pure.

A delivery may become part of a digest when it is of low severity, nobody can have seen it yet, and a text can say what
it says. An incident whose beginning and end both still wait, and of which nobody heard before, is over: it is
cancelled, whatever its severity, and only summed up. Lines (order keys) keep their order: of a line all that wait go
together into a digest with others, or some that stand one behind the other into a digest in their place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, Literal, TypeAlias

from bridge.core.severities import rank_of
from bridge.delivery.collapse.digest import Folding, HeldPost, is_digest, post_target_of, units_of
from broker.model import Delivery
from rules.deciding.quiet.verdicts import OWED
from rules.deciding.render_post import SEVERITY_PRIORITY

ORDER_KEY: Final = "(digest)"
"""What digests that stand for whole lines are ordered by; where a send says where to go, that is added."""

HEARD_OF: Final = 50
"""How many earlier deliveries of an incident are looked at to see whether anybody heard of it."""

_LEAST: Final = 2
_ENDS: Final = frozenset({"resolved", "stale"})

Fate: TypeAlias = Literal["stays", "folded", "cancelled"]
IncidentId: TypeAlias = tuple[str, int, str]
"""An incident at a destination: its rule, the number of the send, and its name."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What may fold at this moment.

    ``older_than_us`` is the moment before which something was decided that is old now, or None when age does not count.
    ``bursts`` when the pace is exceeded. ``only`` are the ids of digests, if nothing but these is to be folded: they
    become one again. ``edits`` when the destination changes the post that stands as an incident goes on.
    """

    below: str
    older_than_us: int | None = None
    bursts: bool = False
    edits: bool = False
    only: Collection[str] | None = None

    @property
    def least(self) -> int:
        """For how many deliveries a digest is worth it."""
        return _LEAST if self.only is None else 1

    def is_old(self, delivery: Delivery) -> bool:
        """Whether a delivery waited long."""
        return self.older_than_us is not None and delivery.new.created_us < self.older_than_us


@dataclass(slots=True)
class _Line:
    """What waits under one order key, and which lives in it are over."""

    held: Sequence[HeldPost]
    receipt: str
    lives: list[Sequence[HeldPost]] = field(default_factory=list)

    @property
    def order_key(self) -> str:
        return self.held[0].delivery.new.order_key

    def fates(self, policy: Policy) -> list[Fate]:
        """What becomes of each delivery."""
        over = {post.delivery.id for life in self.lives for post in life}
        fates: dict[str, Fate] = {}
        for unit in units_of(self.held):
            folds = _is_complete(unit) and all(_may_fold(post, policy, self.receipt) for post in unit)
            fates |= {post.delivery.id: "folded" if folds else "stays" for post in unit}
        return ["cancelled" if post.delivery.id in over else fates[post.delivery.id] for post in self.held]

    def addresses(self) -> set[str]:
        """Where its posts are to go."""
        return {post_target_of(post.post) for post in self.held}

    def folding(self, order_key: str, posts: Sequence[HeldPost]) -> Folding:
        """Some of the line, in which no life is in part, as a digest is made of it."""
        ids = {post.delivery.id for post in posts}
        lives = [life for life in self.lives if life[0].delivery.id in ids]
        over = {post.delivery.id for life in lives for post in life}
        return Folding(order_key, [post for post in posts if post.delivery.id not in over], lives)


def lines_of(posts: Iterable[HeldPost]) -> list[list[HeldPost]]:
    """Deliveries in the order of a page, by their order keys."""
    return [list(line) for _, line in groupby(posts, key=lambda post: post.delivery.new.order_key)]


def openings(line: Sequence[HeldPost], policy: Policy) -> list[Delivery]:
    """The beginnings of incidents that are over within the line, where only earlier deliveries say who heard of them.

    Before a second life of an incident in the same line, its end is told or not needed, so nothing is asked.
    """
    first: dict[IncidentId, Sequence[HeldPost]] = {}
    for life in _lives(line, policy):
        first.setdefault(_incident(life[0]), life)
    before: dict[IncidentId, str] = {}
    for post in line:
        before.setdefault(_incident(post), post.delivery.id)
    return [life[0].delivery for incident, life in first.items() if before[incident] == life[0].delivery.id]


def was_heard_of(opening: Delivery, earlier: Sequence[Delivery]) -> bool:
    """Whether people may know that the incident fires. ``earlier`` are deliveries of it before, newest first.

    They may be of other rules with the same key: one of them may be what this rule was called before. What one of them
    told counts until it told the end.
    """
    ended: set[tuple[str, int]] = set()
    for other in earlier:
        teller = other.new.rule, other.new.send
        is_other_send = other.new.rule == opening.new.rule and other.new.send != opening.new.send
        seen = other.state in ("delivered", "folded", "waiting") or other.unclear or other.leased
        if not seen or is_other_send or teller in ended:
            continue
        if other.new.phase not in _ENDS:
            return True
        ended.add(teller)
    return len(earlier) >= HEARD_OF


def foldings(
    lines: Iterable[Sequence[HeldPost]],
    policy: Policy,
    receipts: Mapping[str, str],
    heard_of: Collection[str],
    *,
    is_piece: bool,
) -> list[Folding]:
    """What digests are to be made of some lines.

    ``heard_of`` are the ids of those ``openings`` whose incidents somebody heard of before. With ``is_piece`` there is
    more of the line than is given.
    """
    whole: dict[str, list[Folding]] = {}
    made: list[Folding] = []
    for posts in lines:
        lives = [life for life in _lives(posts, policy) if life[0].delivery.id not in heard_of]
        line = _Line(posts, receipts.get(posts[0].delivery.new.order_key, ""), lives)
        addresses = line.addresses()
        if "stays" not in line.fates(policy) and len(addresses) == 1 and not is_piece:
            whole.setdefault(addresses.pop(), []).append(line.folding("", posts))
        else:
            made += _runs(line, policy)
    for address, some in whole.items():
        folded = [post for folding in some for post in folding.folded]
        made.append(Folding(f"{ORDER_KEY}{address}", folded, [life for folding in some for life in folding.lives]))
    return [folding for folding in made if len(folding.all) >= policy.least]


def _runs(line: _Line, policy: Policy) -> list[Folding]:
    """Digests in the line itself: for each stretch of it that is to fold, of posts that go to one place.

    A life that lies in several stretches is not cancelled: its beginning and its end must go together.
    """
    while True:
        marked = list(zip(line.held, line.fates(policy), strict=True))
        stretches = [
            [post for post, _ in stretch]
            for (stays, _), stretch in groupby(
                marked, key=lambda pair: (pair[1] == "stays", post_target_of(pair[0].post))
            )
            if not stays
        ]
        together = [{post.delivery.id for post in stretch} for stretch in stretches]
        lives = [life for life in line.lives if any({post.delivery.id for post in life} <= ids for ids in together)]
        if len(lives) == len(line.lives):
            return [line.folding(line.order_key, stretch) for stretch in stretches]
        line.lives = lives


def _may_fold(post: HeldPost, policy: Policy, receipt: str) -> bool:
    delivery, new = post.delivery, post.delivery.new
    if delivery.leased or delivery.unclear or new.late:
        return False
    if policy.only is not None:
        return delivery.id in policy.only
    if not (policy.bursts or policy.is_old(delivery)):
        return False
    if is_digest(delivery):
        return True
    low = rank_of(new.severity) < rank_of(policy.below) and new.priority < SEVERITY_PRIORITY.get(
        policy.below, SEVERITY_PRIORITY["error"]
    )
    changes_a_post = policy.edits and bool(receipt) and new.phase in OWED
    return low and post.post.body is None and not changes_a_post


def _is_complete(unit: Sequence[HeldPost]) -> bool:
    """Whether all parts of a post wait: of one that was begun the rest must follow."""
    return [post.delivery.new.part for post in unit] == list(range(unit[0].delivery.new.parts))


def _lives(line: Sequence[HeldPost], policy: Policy) -> Iterator[Sequence[HeldPost]]:
    """Incidents that began and ended within the line, long enough ago, of which nobody saw anything that waits."""
    if policy.older_than_us is None or policy.only is not None:
        return
    incidents: dict[IncidentId, list[list[HeldPost]]] = {}
    for unit in units_of(post for post in line if post.delivery.new.incident):
        lives = incidents.setdefault(_incident(unit[0]), [[]])
        lives[-1] += unit
        if unit[0].delivery.new.phase in _ENDS:
            lives.append([])
    for lives in incidents.values():
        yield from (life for life in lives[:-1] if _is_over_unseen(life, policy))


def _is_over_unseen(life: Sequence[HeldPost], policy: Policy) -> bool:
    first, last = life[0].delivery, life[-1].delivery
    whole = first.new.phase == "firing" and last.new.phase == "resolved" and policy.is_old(first)
    unseen = all(not (post.delivery.leased or post.delivery.unclear or post.delivery.new.late) for post in life)
    return whole and unseen and all(_is_complete(unit) for unit in units_of(life))


def _incident(post: HeldPost) -> IncidentId:
    new = post.delivery.new
    return new.rule, new.send, new.incident
