"""The windows of a throttle: which posts of a rule still count, and what waits behind them.

The posts of the last window are remembered one by one; above a thousand they are remembered by slices of the window,
each counted as if all its posts had come at its end, so the rate is never exceeded. Of several windows each remembers
posts for itself, and one more post must stay within the rates of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from rules.deciding.quiet.ahead import is_ahead
from rules.deciding.quiet.rows import PostTimes, ThrottleRow
from rules.source.words import Rate

MAX_LINES: Final = 50
"""How many posts a digest lists by name; the rest it counts."""
MAX_QUEUE: Final = 200
"""How many posts wait under ``overflow: delay``; what comes beyond is told in a digest."""
MAX_QUEUE_BYTES: Final = 512 * 1024
_SLICES: Final = 1000

Window: TypeAlias = ThrottleRow | PostTimes
"""What remembers the posts of one window."""


def windows_of(row: ThrottleRow, rates: Sequence[Rate]) -> list[tuple[Window, Rate]]:
    """The windows of a throttle with their rates; one that an edit added begins with what the first remembers."""
    while len(row.more) < len(rates) - 1:
        row.more.append(PostTimes(list(row.posts)))
    del row.more[max(len(rates) - 1, 0) :]
    return list(zip([row, *row.more], rates, strict=False))


def all_have_room(windows: Sequence[tuple[Window, Rate]], now_us: int) -> bool:
    """Whether one more post stays within all rates."""
    return all(has_room(window, rate, now_us) for window, rate in windows)


def all_room_again_us(windows: Sequence[tuple[Window, Rate]], now_us: int) -> int:
    """When every window has room for one more; only asked once each has forgotten what has left it."""
    full = [room_again_us(window, rate) for window, rate in windows if not has_room(window, rate, now_us)]
    return max(full, default=now_us)


def has_room(row: Window, rate: Rate, now_us: int) -> bool:
    """Whether one more post stays within the rate. Forgets what has left the window, and what lies ahead of it."""
    forget_posts(row, rate, now_us)
    return sum(count for _, count in row.posts) < rate.count


def forget_posts(row: Window, rate: Rate, now_us: int) -> None:
    """Forget posts that have left the window, and those that a clock ahead of ours wrote: they fill it for long."""
    window_us, ahead_us = round(rate.per_s * 1_000_000), now_us + _slice_us(rate)
    row.posts = [
        (at_us, count) for at_us, count in row.posts if now_us - at_us < window_us and not is_ahead(at_us, ahead_us)
    ]


def remember_post(row: Window, rate: Rate, now_us: int) -> None:
    """Remember that a post of this rule was made."""
    slice_us = _slice_us(rate)
    end_us = -(-now_us // slice_us) * slice_us
    if row.posts and row.posts[-1][0] == end_us:
        row.posts[-1] = (end_us, row.posts[-1][1] + 1)
    else:
        row.posts.append((end_us, 1))


def _slice_us(rate: Rate) -> int:
    return 1 if rate.count <= _SLICES else max(1, round(rate.per_s * 1_000_000) // _SLICES)


def room_again_us(row: Window, rate: Rate) -> int:
    """When the oldest post leaves the window; only asked while there is no room."""
    return row.posts[0][0] + round(rate.per_s * 1_000_000)


def waits(row: ThrottleRow) -> bool:
    """Whether anything is held back: then later posts queue behind it, so that none overtakes."""
    return bool(row.queue or row.stands_for)


def queue_is_full(row: ThrottleRow) -> bool:
    """Whether ``overflow: delay`` can hold no more single posts."""
    held_bytes = sum(len(post.post) for waiting in row.queue for post in waiting.posts.values())
    return len(row.queue) >= MAX_QUEUE or held_bytes >= MAX_QUEUE_BYTES


def add_lines(row: ThrottleRow, slot: str, lines: Iterable[str], stands_for: int) -> None:
    """Let the next digest to ``slot`` list ``lines`` and stand for so many triples more."""
    listed = row.lines.setdefault(slot, [])
    listed.extend(list(lines)[: MAX_LINES - len(listed)])
    row.stands_for[slot] = row.stands_for.get(slot, 0) + stands_for


def expiry_us(row: Window, rate: Rate) -> int:
    """When the last post leaves the window."""
    return (row.posts[-1][0] if row.posts else 0) + round(rate.per_s * 1_000_000)
