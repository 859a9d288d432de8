"""What a group of appends makes of the logs it writes to: offsets, times and sums, in memory and in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from broker.engines.message_rows import MessageRow
from broker.engines.postgres.calls import Shared
from broker.engines.postgres.queries import Question, columns, load
from broker.engines.postgres.slabs import in_slab
from broker.errors import TopicGone
from broker.model import Appended
from broker.names import AUDIT_LOG
from broker.steady import Reading

_SQL: Final = load("log")
_BEGIN_IN: Final = load("slabs")["begin_in"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageBatch(Shared[Appended]):
    """Messages to append together, measured; ``text_bytes`` counts their texts alone."""

    uid: str
    rows: Sequence[MessageRow]
    text_bytes: int
    producer_key: str | None


@dataclass(slots=True)
class LogStanding:
    """A row of ``logs``."""

    id: int
    uid: str
    first: int = 0
    end: int = 0
    bytes_total: int = 0
    upto: int = 0
    stored_bytes: int = 0
    last_publish_us: int = 0
    previous_publish_us: int = 0
    last_batch: int = 0
    created_us: int = 0
    gone: bool = False
    ahead_us: int = 0
    slab: int = 0
    open_slab: int = 0

    def values(self) -> tuple[Any, ...]:
        """What ``put_logs`` writes of it."""
        return (
            self.id,
            self.first,
            self.end,
            self.bytes_total,
            self.upto,
            self.stored_bytes,
            self.last_publish_us,
            self.previous_publish_us,
            self.last_batch,
            self.gone,
            self.ahead_us,
            self.slab,
        )


@dataclass(slots=True)
class Appending:
    """The logs that a group appends to, locked, and what is to be written to them."""

    logs: dict[str, LogStanding]
    known: dict[tuple[int, str], Appended]
    aheads: list[tuple[int, int, int]] = field(default_factory=list)
    messages: dict[int, list[tuple[int, int, int, int, str, bytes]]] = field(default_factory=dict)
    moves: list[tuple[int, int, int]] = field(default_factory=list)
    keys: list[tuple[int, str, int, int, int, int]] = field(default_factory=list)
    changed: dict[int, LogStanding] = field(default_factory=dict)

    def append(self, batch: MessageBatch, now: Reading) -> Appended:
        """Append a batch at the end of its log. Raises TopicGone."""
        log = self.logs.get(batch.uid)
        if log is not None and log.gone:
            raise TopicGone(batch.uid)
        if log is None:  # there is none, and nothing to write
            return Appended(0, 0, now.wall_us)
        if batch.producer_key is not None and (log.id, batch.producer_key) in self.known:
            return replace(self.known[log.id, batch.producer_key], repeated=True)
        at_us = max(now.wall_us, log.last_publish_us)
        appended = Appended(log.end, len(batch.rows), at_us)
        if not batch.rows:
            return appended
        self._add(log, batch, at_us, now.steady_us)
        if batch.producer_key is not None:
            self.known[log.id, batch.producer_key] = appended
            self.keys.append((log.id, batch.producer_key, appended.first, appended.count, at_us, now.steady_us))
        return appended

    def _add(self, log: LogStanding, batch: MessageBatch, at_us: int, steady_us: int) -> None:
        """Steady time never falls within a log."""
        ahead_us = at_us - max(steady_us, log.last_publish_us - log.ahead_us)
        if ahead_us != log.ahead_us:
            log.ahead_us = ahead_us
            self.aheads.append((log.id, log.end, ahead_us))
        messages = self.messages.setdefault(self._slab_of(log), [])
        for data, attributes, size_bytes in batch.rows:
            log.upto += size_bytes
            log.stored_bytes += size_bytes
            messages.append((log.id, log.end, at_us, log.upto, data, attributes))
            log.end += 1
        log.bytes_total += batch.text_bytes
        log.previous_publish_us, log.last_publish_us = log.last_publish_us, at_us
        log.last_batch = len(batch.rows)
        self.changed[log.id] = log

    def _slab_of(self, log: LogStanding) -> int:
        """The slab that the log goes on in: the open one. The audit trail is kept for longer than topics are, apart."""
        if log.uid != AUDIT_LOG and log.slab != log.open_slab:
            log.slab = log.open_slab
            self.moves.append((log.id, log.end, log.slab))
        return log.slab

    def questions(self) -> Iterator[Question]:
        """The statements that write it."""
        for slab, messages in self.messages.items():
            yield in_slab(_SQL["add_messages"], slab), columns(messages)
        if self.moves:
            yield _BEGIN_IN, columns(self.moves)
        if self.aheads:
            yield _SQL["put_aheads"], columns(self.aheads)
        if self.keys:
            yield _SQL["put_producer_keys"], columns(self.keys)
        if self.changed:
            yield _SQL["put_logs"], columns(log.values() for log in self.changed.values())
