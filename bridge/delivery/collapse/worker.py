"""Folds what waits for one destination when it is too much, or waited long: a page at a time, between two leases.

The courier calls ``step`` each time it looks around. Nothing is kept here that a crash could lose: who folds is judged
of what the store holds at that moment, and a fold is one transaction.

A pass that takes several pages makes a digest of each, which are held back for a moment and made one digest by the
passes that follow. So a backlog of any size takes the memory of a page, and comes out as one post.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import structlog

from bridge.delivery.collapse.digest import Folding, HeldPost, digest_of, held_post_of
from bridge.delivery.collapse.policy import HEARD_OF, Policy, foldings, lines_of, openings, was_heard_of
from bridge.destinations.config import DestinationConfig
from broker.clock import Clock, moment_of, us
from broker.errors import DuplicateDelivery, LineMoved, OutcomeUnknown
from broker.model import Delivery, DeliveryQuery, LinePlace, NewDelivery
from broker.store import Outbox

_PAGE: Final = 250  # measured: some 30 ms of the store's writer
_LOOK_EVERY_S: Final = 1.0
_LOOK_FACTOR: Final = 20.0  # a pass in vain is followed by a rest of this many times as long as it took
_LONGEST_PAUSE_S: Final = 1.0
_HELD_BACK_S: Final = 120.0
_MOST_MERGES: Final = 2
_MOST_MOVED: Final = 20

log = structlog.get_logger("courier")


@dataclass(frozen=True, slots=True)
class Collapsed:
    """Deliveries became one digest, as told to whoever keeps count."""

    destination: str
    digest: str
    folded: int
    cancelled: int


@dataclass(slots=True)
class _Pass:
    """One way through all that waits, ``is_long`` if that takes several pages.

    ``merges`` counts the passes before it, ``made`` are its digests.
    """

    policy: Policy
    began: float
    merges: int = 0
    after: LinePlace | None = None
    is_long: bool = False
    made: list[str] = field(default_factory=list)

    @property
    def is_last(self) -> bool:
        """Whether its digests go out as they are."""
        return self.merges >= _MOST_MERGES or (self.policy.only is not None and len(self.policy.only) <= _PAGE)


class CollapseWorker:
    """Keeps the backlog of one destination in bounds."""

    def __init__(
        self,
        name: str,
        config: DestinationConfig,
        max_text_runes: int | None,
        outbox: Outbox,
        clock: Clock,
        notify: Callable[[Collapsed], None] = lambda folded: None,
    ) -> None:
        self._name = name
        self._config = config
        self._max_text_runes = max_text_runes
        self._outbox = outbox
        self._clock = clock
        self._notify = notify
        self._was_away = True  # who knows for how long we were
        self._look_at = -math.inf
        self._pass: _Pass | None = None

    async def step(self, *, room: int | None, held_up: bool) -> bool:
        """Look whether something is to be folded, or fold a page of it; True when there is more to do at once.

        ``room`` is how many deliveries the pace lets through now (None: any number). While nobody knows when the
        destination will take more (``held_up``) nothing is folded: what waits may be over by then, and the first look
        after that is taken before anything is leased. Raises StoreUnavailable; nothing is lost then.
        """
        if self._config.collapsing is None and self._config.backlog_older_than_s is None:
            return False
        now = self._clock.monotonic()
        if held_up:
            self._go_away(now)
            return False
        if self._pass is None:
            if now < self._look_at or not (self._was_away or room == 0):
                return False
            self._pass = await self._look(room)
            self._was_away = False
            self._look_at = now + _LOOK_EVERY_S
        if self._pass is None:
            return False
        await self._take_page(self._pass)
        if self._pass is not None:  # others of the store get as much of its time as we took
            await self._clock.sleep(min(_LONGEST_PAUSE_S, self._clock.monotonic() - now))
        return self._pass is not None

    def _go_away(self, now: float) -> None:
        """Give up the pass, and look when this is over; what is over within a moment is no reason to look again."""
        if not self._was_away:
            self._was_away, self._pass = True, None
            self._look_at = min(self._look_at, now + _LOOK_EVERY_S)

    async def _look(self, room: int | None) -> _Pass | None:
        """The pass that is due, if too much waits or something waited long."""
        collapsing, older_than_s = self._config.collapsing, self._config.backlog_older_than_s
        enough = 1
        if collapsing is not None and self._config.rate is not None:
            per_s = self._config.rate.count / self._config.rate.per_s
            enough = math.floor(collapsing.after * per_s) + (room or 0) + 1
        waiting = await self._outbox.measure_waiting(self._name, enough)
        bursts = collapsing is not None and waiting.due >= enough
        older_than_us = None if older_than_s is None else self._clock.wall_us() - us(older_than_s)
        is_old = older_than_us is not None and waiting.oldest_us is not None and waiting.oldest_us < older_than_us
        if not (bursts or is_old):
            return None
        policy = Policy(self._config.digest.below, older_than_us, bursts, self._config.edits)
        return _Pass(policy, self._clock.monotonic())

    async def _take_page(self, current: _Pass) -> None:
        page = await self._outbox.backlog(self._name, current.after, _PAGE)
        lines = lines_of(_readable(page.deliveries))
        heard_of = await self._hear_of(lines, current.policy)
        current.is_long = current.is_long or page.next is not None
        for folding in foldings(lines, current.policy, page.receipts, heard_of, is_piece=page.is_piece):
            await self._fold(current, folding, held_back=current.is_long and not current.is_last)
        current.after = page.next
        if page.next is None:
            self._pass = self._next_pass(current)

    def _next_pass(self, current: _Pass) -> _Pass | None:
        """After a long pass its digests become one; after one in vain there is a rest."""
        now = self._clock.monotonic()
        if current.made and current.is_long and not current.is_last:
            policy = Policy(current.policy.below, only=frozenset(current.made))
            return _Pass(policy, now, merges=current.merges + 1)
        if not current.made:
            self._look_at = now + max(_LOOK_EVERY_S, _LOOK_FACTOR * (now - current.began))
        return None

    async def _hear_of(self, lines: Sequence[Sequence[HeldPost]], policy: Policy) -> set[str]:
        """The ids of those openings of incidents that somebody heard of before."""
        texts: set[str] = set()
        for opening in (opening for line in lines for opening in openings(line, policy)):
            query = DeliveryQuery(
                destination=self._name,
                incident=opening.new.incident,
                before_seq=opening.seq,
                limit=HEARD_OF,
            )
            if was_heard_of(opening, await self._outbox.find(query)):
                texts.add(opening.id)
        return texts

    async def _fold(self, current: _Pass, folding: Folding, *, held_back: bool) -> None:
        """Fold, leaving out lines in which something changed meanwhile: they are looked at again another time."""
        for _ in range(_MOST_MOVED):
            if len(folding.all) < current.policy.least:
                return
            now = moment_of(self._clock)
            digest = self._digest(folding, now.wall_us, held_back=held_back)
            cancelled = {post.delivery.id for life in folding.lives for post in life}
            try:
                await self._outbox.fold((), [post.delivery.id for post in folding.all], digest, cancelled, now)
            except LineMoved as error:
                folding = folding.without(error.order_key)
            except OutcomeUnknown as error:  # if it is in, the store says so at the next look
                log.warning("folded or not, the store will tell", destination=self._name, error=str(error))
                return
            except DuplicateDelivery:
                log.exception("a digest came twice", destination=self._name, digest=digest.id)
                return
            else:
                current.made.append(digest.id)
                self._tell(digest, len(folding.folded), len(cancelled))
                return

    def _digest(self, folding: Folding, now_us: int, *, held_back: bool) -> NewDelivery:
        return digest_of(
            folding,
            now_us=now_us,
            due_us=now_us + us(_HELD_BACK_S) if held_back else None,
            most_named=self._config.digest.most_named,
            max_text_runes=self._max_text_runes,
        )

    def _tell(self, digest: NewDelivery, folded: int, cancelled: int) -> None:
        log.info("folded", destination=self._name, digest=digest.id, folded=folded, cancelled=cancelled)
        self._notify(Collapsed(self._name, digest.id, folded, cancelled))


def _readable(deliveries: Sequence[Delivery]) -> list[HeldPost]:
    """Deliveries with their posts; where one cannot be read nothing of its line folds."""
    posts: list[HeldPost] = []
    odd: set[str] = set()
    for delivery in deliveries:
        try:
            posts.append(held_post_of(delivery))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("a stored post cannot be read", delivery=delivery.id, error=str(error))
            odd.add(delivery.new.order_key)
    return [post for post in posts if post.delivery.new.order_key not in odd]
