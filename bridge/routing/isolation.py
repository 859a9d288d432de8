"""Matching, deciding and firing, each with a guard around it: a bug costs one message or one timer, never the topic.

What breaks is told by name and entered: a message becomes a dead letter, a timer is put off. Nothing of a decision that
broke is left behind in the batch or in the overlay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

import structlog

from bridge.routing.commit_batch import Batch
from broker.clock import us
from broker.model import StateRow
from rules.deciding.batch_state import Overlay
from rules.deciding.decide import decide
from rules.deciding.decision_builder import DecideContext, MissingState
from rules.deciding.fire import fire, needs_for
from rules.deciding.match import match
from rules.deciding.matches import Matches
from rules.model import Decision, Incoming, StateChange, Timer
from rules.ruleset import RuleSet

_PUT_OFF_S: Final = 300.0
_KEPT_LONGER_S: Final = 86_400.0  # a timer put off outlives its next try, or it would expire unfired
_LARGE_RUNES: Final = 64 * 1024
_LARGE_PACKED_RUNES: Final = 1024
_PACKED: Final = ("H4sI", "SDRzS")  # how gzip begins in base64, and in base64 of that: it may unpack to a thousandfold

log = structlog.get_logger("router")


def is_large(payload: str) -> bool:
    """Whether a message is likely to take long to decide: it is decided beside the event loop."""
    return len(payload) > (_LARGE_PACKED_RUNES if payload.startswith(_PACKED) else _LARGE_RUNES)


def matches_of(rule_set: RuleSet, incoming: Incoming, now_us: int) -> tuple[Matches, str]:
    """The matches of a message and, where matching itself broke, the reason."""
    try:
        matches = match(rule_set, incoming, now_us)
        _check_keys(matches.needs)
    except Exception as error:
        log.exception("matching broke", topic=incoming.topic, offset=incoming.offset)
        return Matches(incoming), type(error).__name__
    return matches, ""


def enter(
    rule_set: RuleSet, matches: Matches, broken: str, overlay: Overlay, batch: Batch, context: DecideContext
) -> Mapping[str, int]:
    """Decide a message and enter what follows into batch and overlay; says what is to be counted.

    With ``broken`` it is not decided: it becomes a dead letter with that reason.
    """
    incoming = matches.incoming
    if not broken:
        try:
            return _enter(decide(rule_set, matches, overlay, context), overlay, batch, incoming.offset)
        except Exception as error:
            log.exception("deciding broke", topic=incoming.topic, offset=incoming.offset)
            broken = type(error).__name__
    batch.add_undecidable(incoming, broken)
    return {"undecidable": 1}


def keys_of(rule_set: RuleSet, timer: Timer) -> tuple[str, ...]:
    """The state keys to be read for a timer, its own among them whatever breaks."""
    try:
        needs = needs_for(rule_set, timer)
        _check_keys(needs)
    except Exception:
        log.exception("a timer cannot be read", timer=timer.key)
        return (timer.key,)
    return tuple(dict.fromkeys((timer.key, *needs)))


def enter_fired(
    rule_set: RuleSet,
    timer: Timer,
    rows: Mapping[str, StateRow],
    overlay: Overlay,
    batch: Batch,
    context: DecideContext,
) -> Mapping[str, int]:
    """Fire a timer and enter what follows into batch and overlay; says what is to be counted."""
    try:
        return _enter(fire(rule_set, timer, overlay, context), overlay, batch, -1)
    except Exception:
        log.exception("firing broke", topic=batch.topic.name, timer=timer.key)
        return _enter(_put_off(timer, rows[timer.key], overlay, context.now_us), overlay, batch, -1)


def postpone_timer(
    timer: Timer,
    rows: Mapping[str, StateRow],
    overlay: Overlay,
    batch: Batch,
    context: DecideContext,
    reason: str,
) -> Mapping[str, int]:
    """Put off a timer that may not be fired; with a ``reason``, a dead letter tells of it."""
    if reason:
        batch.add_unfired(timer, reason)
    return _enter(_put_off(timer, rows[timer.key], overlay, context.now_us), overlay, batch, -1)


def _enter(decision: Decision, overlay: Overlay, batch: Batch, offset: int) -> Mapping[str, int]:
    """Everything that can fail comes before anything is changed."""
    for change in decision.changes:
        if change.key not in overlay:
            raise MissingState(change.key)
    _check_keys(tuple(change.key for change in decision.changes))
    batch.add(decision, offset)
    overlay.apply(decision)
    return decision.counts


def _check_keys(keys: tuple[str, ...]) -> None:
    """Raise UnicodeEncodeError for a key that no store can keep: it would fail the whole batch."""
    for key in keys:
        if not key.isascii():
            key.encode()


def _put_off(timer: Timer, row: StateRow, overlay: Overlay, now_us: int) -> Decision:
    """The timer as it stands, due again later; nothing when its row has moved meanwhile."""
    if overlay[timer.key].value != timer.value:
        return Decision()
    due_us = now_us + us(_PUT_OFF_S)
    expires_us = max(row.expires_us, due_us + us(_KEPT_LONGER_S))
    later = StateChange(timer.key, timer.value, timer.rule, expires_us, due_us, row.waits_for)
    return Decision(changes=(later,), reads={timer.key: row.version}, counts=Counter(undecidable=1))
