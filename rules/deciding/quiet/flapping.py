"""``flapping: {changes: 5, within: 30m}``: an alert that changes its mind is told once, and once more when it is calm.

A change is a state of the key that differs from the one before (``state:``, else firing and resolved). With
``resolved:`` an alert never seen counts as resolved, so its first firing is a change; else the first state is none.
It is calm again when the last ``within`` saw fewer than ``changes`` of them.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from rules.deciding.quiet.ahead import is_ahead
from rules.deciding.quiet.rows import Flaps, KeyRow
from rules.ruleset import Flapping

Course: TypeAlias = Literal["calm", "starts", "flaps"]
"""How a key behaves with this event: ``starts`` is told as flapping, ``flaps`` is not told."""


def note(row: KeyRow, flapping: Flapping | None, state: str, event: bytes, now_us: int, *, before: str = "") -> Course:
    """Note the state a key was just seen in. ``before`` is the state of a key never seen, "" when that is unknown.

    A rule that lost its ``flapping:`` counts no more, but a key that flaps is told calm at the time already set.
    """
    if flapping is None:
        if row.flaps is None or not row.flaps.since_us:
            return "calm"
        row.flaps.state, row.flaps.event = state, event
        return "flaps"
    if row.flaps is None:
        row.flaps = Flaps(state=before)
    course = track(row.flaps, flapping, state, now_us)
    if row.flaps.since_us:
        row.flaps.event = event
    return course


def track(flaps: Flaps, flapping: Flapping, state: str, now_us: int) -> Course:
    """Note the state a key was just seen in, on the bare record."""
    flaps.seen_us = now_us
    if flaps.state != state:
        if flaps.state:
            flaps.changes = [*_recent(flaps, flapping, now_us), now_us][-flapping.changes :]
            flaps.count += flaps.since_us > 0
        flaps.state = state
    if flaps.since_us:
        flaps.calm_us = _calm_us(flaps, flapping)
        return "flaps"
    if len(_recent(flaps, flapping, now_us)) < flapping.changes:
        return "calm"
    flaps.since_us, flaps.count, flaps.calm_us = now_us, flapping.changes, _calm_us(flaps, flapping)
    return "starts"


def is_calm(flaps: Flaps, flapping: Flapping | None, now_us: int) -> bool:
    """Whether a key flapped and does no more."""
    if flapping is None:
        return flaps.since_us > 0 and (flaps.calm_us <= now_us or bool(flaps.hidden))
    return flaps.since_us > 0 and len(_recent(flaps, flapping, now_us)) < flapping.changes


def settle(flaps: Flaps) -> None:
    """Note that the calm has been told, or that there was nobody to tell."""
    flaps.since_us = flaps.count = flaps.calm_us = 0
    flaps.told = {}
    flaps.hidden = {}
    flaps.event = b""


def expiry_us(flaps: Flaps, flapping: Flapping) -> int:
    """When the state last seen, and with it every change, is too old to count."""
    return flaps.seen_us + round(flapping.within_s * 1_000_000)


def _recent(flaps: Flaps, flapping: Flapping, now_us: int) -> list[int]:
    within_us = flapping.within_s * 1_000_000
    return [at_us for at_us in flaps.changes if now_us - at_us < within_us and not is_ahead(at_us, now_us)]


def _calm_us(flaps: Flaps, flapping: Flapping) -> int:
    """When the oldest of the last ``changes`` changes leaves the window."""
    return flaps.changes[0] + round(flapping.within_s * 1_000_000) if flaps.changes else 0
