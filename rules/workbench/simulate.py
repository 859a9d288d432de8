"""simulate: a timeline of what a stream of messages leads to, on a virtual clock.

Messages are decided at their publish times, timers fire at theirs, and with ``outages`` the timeline also shows how
retries bring each post to its destination: in order per key, with the pauses that its destination's settings say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from rules.deciding.batch_state import InMemoryState
from rules.model import Incoming, Judgement, Send
from rules.ruleset import RuleSet
from rules.source.bounds import MOST_STEPS
from rules.workbench.dry_run import DryRunState, DryRunStep, Rehearsal

MAX_TRIES: Final = 10_000
MAX_WAITING: Final = 10_000
Progress = Callable[[int], None]
"""Told now and then how many messages are done."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A destination that takes nothing from one time until another."""

    destination: str
    from_us: int
    until_us: int


@dataclass(frozen=True, slots=True)
class Patience:
    """How a destination is tried again: the pause after the n-th failed try, and for how long in all."""

    wait_s: Callable[[int], float] = lambda attempt: 60.0
    give_up_after_s: float = 86_400.0


@dataclass(frozen=True, slots=True)
class TimelinePost:
    """A post on the timeline: when it was decided and when it arrived, after so many tries.

    ``arrived_us`` is None for shadows, which never arrive, and for posts that are given up after all their tries.
    """

    at_us: int
    send: Send
    arrived_us: int | None
    tries: int = 1
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class TimelineQuiet:
    """A send on the timeline that was kept quiet or held, and by what."""

    at_us: int
    topic: str
    offset: int
    judgement: Judgement


TimelineEntry = TimelinePost | TimelineQuiet


@dataclass(slots=True)
class Simulation:
    """A run over a stream. ``play`` gives the timeline; the counts are complete when it is exhausted.

    Silences are left out. ``patience`` says how each destination is tried again during ``outages``. When ``stopped``
    says so, the timeline ends with the messages so far and is ``partial``.
    """

    rule_set: RuleSet
    outages: Sequence[Outage] = ()
    patience: Callable[[str], Patience] = lambda destination: Patience()
    stopped: Callable[[], bool] = lambda: False
    make_state: Callable[[], DryRunState] = InMemoryState
    messages: int = 0
    partial: bool = False
    fates: Counter[str] = field(default_factory=Counter)
    posts: Counter[str] = field(default_factory=Counter)  # by rule
    outcomes: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)

    def play(self, stream: Iterable[Incoming], further_us: int = 0) -> Iterator[TimelineEntry]:
        """The timeline of the messages, in the order of their publish times, and of timers so long after the last.

        Raises TooManySteps when more than MOST_STEPS timers are due before the next message.
        """
        rehearsal = Rehearsal(self.rule_set, state=self.make_state())
        free_us: dict[tuple[str, str], int] = {}
        now_us = 0
        for incoming in stream:
            if self.stopped():
                self.partial = True
                break
            now_us = max(now_us, incoming.publish_time_us)
            yield from self._timers(rehearsal, now_us, free_us)
            if self.partial:
                return
            self.messages += 1
            yield from self._entries(rehearsal.take(incoming, now_us), free_us)
        yield from self._timers(rehearsal, now_us if self.partial else now_us + further_us, free_us)

    def _timers(self, rehearsal: Rehearsal, to_us: int, free_us: dict[tuple[str, str], int]) -> Iterator[TimelineEntry]:
        """What the timers due up to ``to_us`` lead to, as far as nobody stops it."""
        for moment in rehearsal.run_to(to_us, MOST_STEPS):
            if self.stopped():
                self.partial = True
                return
            yield from self._entries(moment, free_us)

    def _entries(self, moment: DryRunStep, free_us: dict[tuple[str, str], int]) -> Iterator[TimelineEntry]:
        decision, incoming = moment.decision, moment.incoming
        self.counts.update(decision.counts)
        if decision.fate is not None:
            self.fates[decision.fate] += 1
        topic, offset = (incoming.topic, incoming.offset) if incoming is not None else ("", -1)
        for judgement in decision.judgements:
            self.outcomes[judgement.outcome] += 1
            if judgement.outcome not in ("sent", "shadow"):
                yield TimelineQuiet(moment.at_us, topic, offset, judgement)
        for send in decision.sends:
            self.posts[send.rule] += send.part == send.parts - 1
            arrived_us, tries = self._arrival(send, moment.at_us, free_us)
            yield TimelinePost(moment.at_us, send, arrived_us, tries)
        for send in decision.shadows:
            yield TimelinePost(moment.at_us, send, None, 0, shadow=True)

    def _arrival(self, send: Send, at_us: int, free_us: dict[tuple[str, str], int]) -> tuple[int | None, int]:
        """When the send arrives, and after how many tries; never before an earlier one of its key."""
        if not self.outages:
            return at_us, 1
        order = (send.destination, send.order_key)
        first_us = try_us = max(at_us, free_us.get(order, 0))
        patience, tries = self.patience(send.destination), 1
        arrives = not self._is_out(send.destination, try_us)
        while not arrives and tries < MAX_TRIES and try_us - first_us < patience.give_up_after_s * 1_000_000:
            try_us += max(1, round(patience.wait_s(tries) * 1_000_000))
            tries += 1
            arrives = not self._is_out(send.destination, try_us)
        free_us[order] = try_us
        if len(free_us) > MAX_WAITING:
            for passed in [key for key, until_us in free_us.items() if until_us <= at_us]:
                del free_us[passed]
        return (try_us if arrives else None), tries

    def _is_out(self, destination: str, now_us: int) -> bool:
        return any(out.destination == destination and out.from_us <= now_us < out.until_us for out in self.outages)
