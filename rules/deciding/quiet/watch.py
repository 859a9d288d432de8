"""Since when a rule with ``expect:`` watches, and when it could not: its row ``w/<rule>``. Pure.

The row is a timer. It ticks while the bridge runs, so what lies between its last tick and a new beginning is a gap in
which signs of life may have been lost. A tick that comes far too late is such a gap too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from rules.deciding.decision_builder import Draft
from rules.deciding.emit import LONG_US
from rules.deciding.quiet.keyrow import EXPECT
from rules.deciding.quiet.rows import Beat, KeyRow, WatchRow, key_row, row_from_bytes, row_to_bytes, watch_row
from rules.deciding.quiet.state_rows import store
from rules.deciding.state_keys import Names
from rules.model import Event, MessageFacts, StateChange
from rules.ruleset import Expects, Rule

Gap: TypeAlias = tuple[int, int]
ENTERED_AT_ONCE: Final = 200
"""How many keys of a list one tick enters; the rest follow in the next."""
_SHORTEST_TICK_US: Final = 5_000_000
_LONGEST_TICK_US: Final = 3_600_000_000
_LATE_US: Final = 30_000_000
_MOST_GAPS: Final = 100


def watch_names(rule: Rule) -> Names:
    """The row of a rule's watch, and those of the names it had."""
    return tuple(watch_row(name) for name in (rule.name, *rule.was)) if rule.quiet.expects is not None else ()


def begin_watch(rule: Rule, name: str, value: bytes | None, topic: str, now_us: int, *, anew: bool) -> StateChange:
    """The change that lets a rule's watch begin, or go on; ``anew`` when nobody watched until now.

    It is due at once, to look whether all keys of the rule's list have a row.
    """
    row = row_from_bytes(name, value) if value is not None else WatchRow(now_us, topic)
    if not isinstance(row, WatchRow):
        raise TypeError(f"{name} is no watch")
    if anew:
        _add_gap(row, (row.seen_us, now_us))
    row.seen_us = now_us
    return StateChange(name, row_to_bytes(row), rule.name, now_us + LONG_US, now_us)


def tick(draft: Draft, rule: Rule, own: Names, row: WatchRow) -> None:
    """Note that the bridge runs, and enter keys of the rule's list that have no row yet."""
    expects, now_us = rule.quiet.expects, draft.now_us
    if expects is None:
        draft.rows.forget(own)
        return
    for gap in late_gaps(row, expects, now_us):
        _add_gap(row, gap)
    row.seen_us = now_us
    row.gaps = [gap for gap in row.gaps if gap[1] > now_us - 4 * expects.whole_us]
    for key in keys_to_enter(rule, row):
        _enter(draft, rule, key, row.topic)
    row.roster, row.entered = expects.digest, min(_place(row, expects) + ENTERED_AT_ONCE, len(expects.keys or ()))
    is_done = row.entered >= len(expects.keys or ())
    draft.rows.keep(own, row, expires_us=now_us + LONG_US, due_us=now_us + (tick_us(expects) if is_done else 1))


def keys_to_enter(rule: Rule, row: WatchRow) -> Sequence[str]:
    """The keys of the rule's list that the next tick looks at."""
    expects = rule.quiet.expects
    if expects is None or expects.keys is None:
        return ()
    place = _place(row, expects)
    return expects.keys[place : place + ENTERED_AT_ONCE]


def rows_to_enter(rule: Rule, row: WatchRow) -> Iterable[str]:
    """The rows of these keys, under every name of the rule."""
    return [key_row(name, key) for key in keys_to_enter(rule, row) for name in (rule.name, *rule.was)]


def late_gaps(row: WatchRow, expects: Expects, now_us: int) -> list[Gap]:
    """The gap since the last tick, when the next should have come long ago."""
    is_late = now_us - row.seen_us > 2 * tick_us(expects) + _LATE_US
    return [(row.seen_us, now_us)] if is_late else []


def find_missing_us(heard_us: int, gaps: Iterable[Gap], whole_us: int) -> int:
    """When a key is missing that is not heard of again: after ``whole_us`` of watching without a gap.

    Or after twice as much in all: no sender can lose each of its signs to gaps that short.
    """
    begin_us, watched_us = heard_us, 0
    for gap_us, until_us in gaps:
        if until_us <= begin_us:
            continue
        stretch_us = max(0, gap_us - begin_us)
        if stretch_us >= min(whole_us, 2 * whole_us - watched_us):
            break
        begin_us, watched_us = until_us, watched_us + stretch_us
    return begin_us + min(whole_us, 2 * whole_us - watched_us)


def tick_us(expects: Expects) -> int:
    """How often a watch ticks."""
    return min(max(expects.whole_us // 4, _SHORTEST_TICK_US), _LONGEST_TICK_US)


def event_of_nothing(topic: str, now_us: int) -> Event:
    """What stands for the last sign of life of a key that was never heard."""
    _, project, _, short = topic.split("/", 3)
    message = MessageFacts(id="", offset=-1, topic=short, project=project, publish_time_us=now_us)
    return Event(data={}, text="{}", attributes={}, message=message)


def _enter(draft: Draft, rule: Rule, key: str, topic: str) -> None:
    names = tuple(key_row(name, key) for name in (rule.name, *rule.was))
    row = draft.rows.find(names, KeyRow) or KeyRow(key)
    if row.beat is not None or rule.quiet.expects is None:
        return
    nothing = store(event_of_nothing(topic, draft.now_us))
    row.beat = Beat(draft.now_us, nothing, draft.now_us + rule.quiet.expects.whole_us, heard=False)
    due_us = row.beat.look_us
    draft.rows.keep(names, row, expires_us=due_us + LONG_US, due_us=due_us, waits_for=(EXPECT,))


def _place(row: WatchRow, expects: Expects) -> int:
    return row.entered if row.roster == expects.digest else 0


def _add_gap(row: WatchRow, gap: Gap) -> None:
    """One more gap; of too many the two oldest become one, which excuses more rather than less."""
    row.gaps = [*row.gaps, gap]
    if len(row.gaps) > _MOST_GAPS:
        (gap_us, _), (_, until_us), *later = row.gaps
        row.gaps = [(gap_us, until_us), *later]
