"""Trouble on demand: how tests meet a store that fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from broker.clock import Clock
from broker.errors import OutcomeUnknown, StoreTrouble, StoreUnavailable


@dataclass(frozen=True, slots=True)
class Trouble:
    """A trouble for tests: which calls of the store fail, and when.

    ``call`` is a part and a method (``log.append``, ``outbox.settle``) or ``commit``; ``*`` is any. The first ``skip``
    such calls go well, then ``times`` of them fail (None: until healed). ``unavailable`` raises StoreUnavailable;
    ``stored`` and ``not stored`` raise OutcomeUnknown, the change being in or not. ``kind`` is what errors say of it.
    """

    call: str
    outcome: Literal["unavailable", "stored", "not stored"]
    skip: int = 0
    times: int | None = 1
    kind: StoreTrouble = ""


class _Standing:
    """A trouble with what is left of its counts."""

    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble
        self._skip = trouble.skip
        self._times = trouble.times

    @property
    def is_over(self) -> bool:
        return self._times is not None and self._times <= 0

    def strikes(self, call: str) -> bool:
        """Whether this call fails; counts it."""
        if self.trouble.call not in (call, "*"):
            return False
        if self._skip > 0:
            self._skip -= 1
            return False
        if self._times is not None:
            self._times -= 1
        return True


class Gate:
    """Every call of the memory engine passes here: it gives other coroutines a turn, and fails where told to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._standing: list[_Standing] = []
        self.closed = False
        self.entered: Callable[[], None] = lambda: None
        """Called before the body of every call."""

    def add(self, trouble: Trouble) -> None:
        """Let calls fail with this trouble from now on."""
        self._standing.append(_Standing(trouble))

    def heal(self) -> None:
        """End all trouble: calls succeed again."""
        self._standing.clear()

    @property
    def reason(self) -> str:
        """Why writes fail now, or "" when they do not."""
        if self.closed:
            return "it is closed"
        lasting = [
            trouble
            for trouble in self._standing
            if trouble.trouble.times is None and trouble.trouble.outcome == "unavailable"
        ]
        return "it was told to fail" if lasting else ""

    def __call__(self, call: str) -> _Passage:
        """``async with gate("log.append"):`` around the body of that call."""
        return _Passage(self, call)

    async def enter(self, call: str) -> bool:
        """Fail before anything changed, if so told; True when the call has to fail after its change."""
        if self.closed:
            raise StoreUnavailable("it is closed", "closed")
        await self._clock.sleep(0)
        self.entered()
        for trouble in self._standing:
            if trouble.strikes(call):
                self._standing = [other for other in self._standing if not other.is_over]
                if trouble.trouble.outcome == "unavailable":
                    raise StoreUnavailable(f"{call} was told to fail", trouble.trouble.kind)
                if trouble.trouble.outcome == "not stored":
                    raise OutcomeUnknown(f"{call} was told to fail", trouble.trouble.kind)
                return True
        return False


class _Passage:
    """One call on its way through the gate."""

    def __init__(self, gate: Gate, call: str) -> None:
        self._gate = gate
        self._call = call
        self._fails_late = False

    async def __aenter__(self) -> None:
        self._fails_late = await self._gate.enter(self._call)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._fails_late and error is None:
            raise OutcomeUnknown(f"{self._call} was told to fail")
