"""What a template may spend: steps, characters and depth. The bound that keeps one template from stalling the daemon.

Time is no measure here, because a decision must come out the same on every machine and in every replay. In its place
everything that costs time is charged in steps: a turn of a loop, a call, an operator, a filter, and 64 characters (or
16 list members) that one of them reads or makes. A step is well under a microsecond of work, so the default budget is
some tens of milliseconds, a hundred at worst. What would make something huge is refused *before* it is made.

A message may be rendered many times (rules, fields, items of ``for_each``). ``message_account`` bounds all of that
together: once a million steps are used up, each further rendering may take a thousand, which is enough for any ordinary
post and for no runaway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from jinja2.exceptions import TemplateRuntimeError

SIZED: Final = (list, dict, tuple, range)
_CHARACTERS_A_STEP: Final = 6  # as a shift: 64
_MEMBERS_A_STEP: Final = 4  # as a shift: 16
_BITS_FREE: Final = 12  # as a shift: numbers of 4096 bits cost nothing, greater ones what dividing by them costs
MESSAGE_STEPS: Final = 1_000_000
"""What all renderings of one message may take together."""
LEAST_STEPS: Final = 1_000
"""What a rendering may take when the message has used up its steps."""


Asked = ParamSpec("Asked")
Given = TypeVar("Given")


class TooMuch(TemplateRuntimeError):
    """A template asked for more work, depth or output than it may have."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one rendering. ``output_runes`` bounds the result and every text made on the way."""

    steps: int = 50_000
    output_runes: int = 262_144
    depth: int = 40


DEFAULT_LIMITS: Final = Limits()


class Meter:
    """The running account of one rendering; ``now_us`` is the decision time, for filters such as ``ago``."""

    __slots__ = ("_account", "_steps", "depth", "limits", "now_us", "steps_left")

    def __init__(self, limits: Limits, now_us: int) -> None:
        self.limits = limits
        self.now_us = now_us
        self._account = _ACCOUNT.get()
        self._steps = limits.steps
        if self._account is not None:
            self._steps = min(limits.steps, max(self._account.steps_left, LEAST_STEPS))
        self.steps_left = self._steps
        self.depth = 0

    def charge(self, steps: int) -> None:
        """Take ``steps`` from the budget; raises TooMuch when it is used up."""
        self.steps_left -= steps
        if self.steps_left < 0 and self._steps < self.limits.steps:
            raise TooMuch(f"the templates of this message take more than {MESSAGE_STEPS} steps together")
        if self.steps_left < 0:
            raise TooMuch(f"takes more than {self.limits.steps} steps; loop over less")

    def charge_runes(self, runes: int) -> None:
        """Pay for reading or making a text of ``runes``; raises TooMuch when no text may be that long."""
        if runes > self.limits.output_runes:
            raise TooMuch(f"makes a text of more than {self.limits.output_runes} characters; cut it with truncate_text")
        self.charge(1 + (runes >> _CHARACTERS_A_STEP))

    def enter(self) -> None:
        """Go one call deeper; raises TooMuch beyond the allowed depth."""
        self.depth += 1
        if self.depth > self.limits.depth:
            raise TooMuch(f"calls itself more than {self.limits.depth} deep")

    def leave(self) -> None:
        """Come back from a call."""
        self.depth -= 1

    def close(self) -> None:
        """The rendering is over: enter what it took into the account of its message."""
        if self._account is not None:
            self._account.steps_left -= self._steps - self.steps_left


class _Account:
    """What the renderings of one message may still take."""

    __slots__ = ("steps_left",)

    def __init__(self) -> None:
        self.steps_left = MESSAGE_STEPS


_ACCOUNT: Final[ContextVar[_Account | None]] = ContextVar("account", default=None)


@contextmanager
def message_account() -> Iterator[None]:
    """Lets all renderings within the block share the steps of one message."""
    token = _ACCOUNT.set(_Account())
    try:
        yield
    finally:
        _ACCOUNT.reset(token)


def charge_per_message(function: Callable[Asked, Given]) -> Callable[Asked, Given]:
    """``function`` with a ``message_account`` of its own; quicker than a ``with``, for every message passes here."""

    @wraps(function)
    def call_bounded(*args: Asked.args, **kwargs: Asked.kwargs) -> Given:
        token = _ACCOUNT.set(_Account())
        try:
            return function(*args, **kwargs)
        finally:
            _ACCOUNT.reset(token)

    return call_bounded


METER: Final[ContextVar[Meter]] = ContextVar("meter")
"""The meter of the rendering that runs. Context-local, so renderings in several threads do not share a budget."""


def weight(value: Any) -> int:
    """The steps it takes to read ``value`` once, without looking inside its members; to divide by a huge number."""
    if isinstance(value, str):
        return len(value) >> _CHARACTERS_A_STEP
    if isinstance(value, SIZED):
        return len(value) >> _MEMBERS_A_STEP
    if isinstance(value, int):
        return int((value.bit_length() >> _BITS_FREE) ** 2)
    return 0


def charge_deep(value: Any) -> None:
    """Pay for walking all of a nested value: a step for eight members or 64 characters.

    Templates can build values that share members, small in memory and endless when written out; the walk stops as soon
    as the budget is used up.
    """
    meter = METER.get()
    waiting: list[Any] = [value]
    eighths = 8
    while waiting:
        member = waiting.pop()
        if isinstance(member, str):
            eighths += 1 + (len(member) >> 3)
        elif isinstance(member, dict):
            eighths += 1 + len(member)
            waiting.extend(member.values())
        elif isinstance(member, (list, tuple)):
            eighths += 1
            waiting.extend(member)
        else:
            eighths += 1
        if eighths > 64 or not waiting:
            meter.charge(eighths >> 3)
            eighths &= 7


def charge_each(values: Iterable[Any]) -> Iterator[Any]:
    """The same values, each at the price of a step."""
    meter = METER.get()
    for value in values:
        meter.charge(1)
        yield value
