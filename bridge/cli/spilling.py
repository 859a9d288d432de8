"""The state of a rehearsal over a long history: in memory while it is small, else in a temporary file.

Rules may remember a hundred thousand keys each (semantics.md item 5), and of every key an event; two rule sets with
several such rules would fill the memory of a small machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from broker.engines.sqlite.scratch import Scratch, ScratchRow
from rules.deciding.batch_state import ABSENT, InMemoryState
from rules.model import StateChange, StateValue, Timer

MAX_ROWS: Final = 5_000
MAX_BYTES: Final = 8 * 1024 * 1024
_LOOK_EVERY: Final = 1_000
_NEVER: Final = 2**63


class SpillingState:
    """The rules' state during a rehearsal: in memory while it is small, else in a temporary file.

    See rules.rehearsal.State.
    """

    def __init__(self, *, max_rows: int = MAX_ROWS, max_bytes: int = MAX_BYTES) -> None:
        self._memory = InMemoryState()
        self._scratch: _ScratchState | None = None
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._changes = 0

    @property
    def is_spilled(self) -> bool:
        """Whether it has outgrown memory."""
        return self._scratch is not None

    def read(self, keys: Iterable[str], now_us: int) -> Mapping[str, StateValue]:
        """See State."""
        return (self._scratch or self._memory).read(keys, now_us)

    def commit(self, changes: Iterable[StateChange]) -> None:
        """See State."""
        if self._scratch is not None:
            self._scratch.commit(changes)
            return
        self._memory.commit(changes)
        self._changes += 1
        if len(self._memory) > self._max_rows or (self._changes % _LOOK_EVERY == 0 and self._is_heavy()):
            self._scratch = _ScratchState(self._memory.rows())
            self._memory = InMemoryState()

    def due(self, now_us: int) -> Timer | None:
        """See State."""
        return (self._scratch or self._memory).due(now_us)

    def counts(self) -> Mapping[str, int]:
        """See State."""
        return (self._scratch or self._memory).counts()

    def list_due(self) -> list[StateChange]:
        """See State."""
        return (self._scratch or self._memory).list_due()

    def _is_heavy(self) -> bool:
        return sum(len(change.value or b"") for change in self._memory.rows()) > self._max_bytes


class _ScratchState:
    """A whole state in a temporary file: versions, expiry and timers as MemoryState keeps them."""

    def __init__(self, rows: Iterable[StateChange]) -> None:
        self._scratch = Scratch()
        self._counts: Counter[str] = Counter()
        self._version = 0
        self._next_end_us = self._next_due_us = _NEVER  # never later than it is; it may be earlier
        self.commit(rows)

    def read(self, keys: Iterable[str], now_us: int) -> Mapping[str, StateValue]:
        if self._next_end_us <= now_us:
            self._counts.subtract(self._scratch.expire(now_us))
            self._next_end_us = self._scratch.next_end_us() or _NEVER
        values = {key: self._scratch.get(key) for key in keys}
        return {key: ABSENT if row is None else StateValue(row.value, row.version) for key, row in values.items()}

    def commit(self, changes: Iterable[StateChange]) -> None:
        for change in changes:
            stood = self._scratch.get(change.key)
            if stood is not None:
                self._counts[stood.owner] -= 1
            if change.value is None:
                self._scratch.delete(change.key)
                continue
            self._version += 1
            row = ScratchRow(change.key, change.value, change.rule, self._version, change.expires_us, change.due_us)
            self._scratch.put(row)
            self._counts[change.rule] += 1
            self._next_end_us = min(self._next_end_us, change.expires_us)
            self._next_due_us = min(self._next_due_us, change.due_us if change.due_us is not None else _NEVER)

    def due(self, now_us: int) -> Timer | None:
        if self._next_due_us > now_us:
            return None
        row = self._scratch.first_due()
        self._next_due_us = row.due_us if row is not None and row.due_us is not None else _NEVER
        if row is None or row.due_us is None or row.due_us > now_us:
            return None
        return Timer(row.key, row.value, row.version, row.owner, row.due_us)

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def list_due(self) -> list[StateChange]:
        return [
            StateChange(row.key, row.value, row.owner, row.expires_us, row.due_us) for row in self._scratch.list_due()
        ]
