"""How long is waited after failures in a row: one table for all that tries again, in tenacity's wait policies.

What a destination's ``retry:`` says is the user's choice and made by ``grow_pauses``, as is the pause of a pull
(``poll``); the others are ours. All seconds.
"""

from __future__ import annotations

from typing import Final

from tenacity import RetryCallState, Retrying, wait_chain, wait_exponential, wait_fixed
from tenacity.wait import wait_base

_NOBODY: Final = Retrying()


def step_pauses(*pauses_s: float) -> wait_base:
    """A pause for each failure in a row; the last one for all that follow."""
    return wait_chain(*map(wait_fixed, pauses_s))


def grow_pauses(first_s: float, longest_s: float) -> wait_base:
    """A pause twice as long after each failure in a row, from ``first_s`` up to ``longest_s``."""
    return wait_exponential(multiplier=first_s, max=longest_s)


SETTLING: Final = step_pauses(0.1, 0.5, 2.0, 5.0)
"""A try's end that the store does not take: the lease runs on."""

STORE: Final = step_pauses(0.2, 0.5, 1.0, 2.0)
"""A worker that waits for the store: ours, near, and soon back."""

WORKER: Final = step_pauses(0.2, 1.0, 5.0, 15.0, 60.0)
"""A worker that broke off, which may be a bug of ours."""

CHAT_SERVER: Final = step_pauses(0.5, 1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
"""A connection to a chat server that was lost."""

TOKEN_GUESSES: Final = grow_pauses(1.0, 60.0)
"""An address that tries one wrong token after the other."""


def pause_s(policy: wait_base, failures: int) -> float:
    """The pause after so many failures in a row, 1 or more of them."""
    state = RetryCallState(_NOBODY, None, (), {})
    state.attempt_number = failures
    return policy(state)
