"""``throttle: 20/1m``: at most twenty posts of a rule in any minute, over all its keys; of several rates each holds.

``post`` is the last gate before rendering: what it lets pass becomes one send for each address. What it holds waits in
the rule's row and is posted from there by ``fire``: under ``overflow: delay`` one by one, else (and beyond what a
queue can hold) as one digest that lists what it stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from rules.deciding.decision_builder import Draft
from rules.deciding.emit import LONG_US, Posting, SendTarget, compose_by_slot, emit, emit_all, entry_for
from rules.deciding.quiet import window
from rules.deciding.quiet.rows import ThrottledPost, ThrottleRow, WaitingPost
from rules.deciding.quiet.silences import places_of
from rules.deciding.quiet.state_rows import recall, store
from rules.deciding.quiet.verdicts import PASSED, Held, Hidden, Passed, Quieted
from rules.deciding.render_post import Composed, Scene, compose_alone, overrides_of
from rules.deciding.state_keys import Names
from rules.deciding.vars import revive
from rules.model import Post
from rules.ruleset import Rule
from rules.source.words import Rate, duration_text

MAX_LINE_RUNES: Final = 200
_POST: Final = msgspec.msgpack.Decoder(Post)


def post(draft: Draft, posting: Posting, names: Names) -> Passed | Held | Quieted | Hidden:
    """Post now if the rule's throttle (in the row ``names``; empty: it has none) has room."""
    limit = posting.rule.quiet.throttle
    if limit is None or not names:
        emit_all(draft, posting)
        return PASSED
    row = draft.rows.find(names, ThrottleRow) or ThrottleRow()
    shadow = posting.rule.quiet.shadow
    if window.waits(row) and row.shadow != shadow:
        emit_all(draft, posting)
        return PASSED
    row.shadow = shadow
    windows = window.windows_of(row, limit.rates)
    if window.all_have_room(windows, draft.now_us) and not window.waits(row):
        _remember(windows, draft.now_us)
        keep(draft, posting.rule, names, row)
        emit_all(draft, posting)
        return PASSED
    again_us = window.all_room_again_us(windows, draft.now_us)
    if limit.overflow == "drop":
        return Hidden("throttle", again_us) if posting.owed else Quieted("throttle")
    _hold(draft, posting, row, queued=limit.overflow == "delay" and not window.queue_is_full(row))
    keep(draft, posting.rule, names, row)
    turns_us = max(round(len(row.queue) // rate.count * rate.per_s * 1_000_000) for rate in limit.rates)
    return Held("throttle", names[0], again_us + turns_us)


def keep(draft: Draft, rule: Rule, names: Names, row: ThrottleRow) -> None:
    """Write the throttle's row, due when something that waits has room again."""
    limit = rule.quiet.throttle
    windows = window.windows_of(row, limit.rates) if limit is not None else []
    for counted, rate in windows:
        window.forget_posts(counted, rate, draft.now_us)
    if not window.waits(row):
        expires_us = max((window.expiry_us(counted, rate) for counted, rate in windows), default=draft.now_us)
        draft.rows.keep(names, row, expires_us=max(expires_us, draft.now_us + 1))
        return
    due_us = max(window.all_room_again_us(windows, draft.now_us), draft.now_us + 1)
    draft.rows.keep(names, row, expires_us=due_us + LONG_US, due_us=due_us)


def fire(draft: Draft, rule: Rule, names: Names, row: ThrottleRow) -> None:
    """Post what waits, as far as there is room: delayed posts one by one, then a digest."""
    limit = rule.quiet.throttle
    windows = window.windows_of(row, limit.rates) if limit is not None else []
    while row.queue and window.all_have_room(windows, draft.now_us):
        _post_waiting(draft, rule, row, row.queue.pop(0))
        _remember(windows, draft.now_us)
    if row.stands_for and not row.queue and window.all_have_room(windows, draft.now_us):
        _post_digest(draft, rule, row)
        _remember(windows, draft.now_us)
    keep(draft, rule, names, row)


def _remember(windows: Sequence[tuple[window.Window, Rate]], now_us: int) -> None:
    for counted, rate in windows:
        window.remember_post(counted, rate, now_us)


def _hold(draft: Draft, posting: Posting, row: ThrottleRow, *, queued: bool) -> None:
    composed = compose_by_slot(draft, posting)
    row.event = store(posting.scene.event)
    if not queued:
        for address in posting.addresses:
            slot = address.entry.slot
            window.add_lines(row, slot, _lines(draft, posting, composed[slot].post, slot), address.stands_for)
        return
    posts = {
        address.entry.slot: WaitingPost(
            to=address.entry.to.name,
            send=address.entry.index,
            post=msgspec.msgpack.encode(composed[address.entry.slot].post),
            stands_for=address.stands_for,
            fallback=composed[address.entry.slot].fallback,
        )
        for address in posting.addresses
    }
    places = places_of(posting.scene.event)
    row.queue.append(
        ThrottledPost(posting.key, posting.scene.phase, posting.order_key, posting.incident, places, posts)
    )


def _lines(draft: Draft, posting: Posting, post: Post, slot: str) -> list[str]:
    """A line for each event that a digest will stand for, with the note on it."""
    scene, now_us = posting.scene, draft.now_us
    if len(scene.events) <= 1:
        return [_line(post.title or post.text, posting.notes.get(slot) or posting.notes.get("", ""))]
    lines: list[str] = []
    for event in scene.events:
        alone = Scene(scene.rule, event.event, event.phase, scene.key, broken=scene.broken)
        shown = compose_alone(draft.rule_set, alone, now_us)
        lines.append(_line(shown.title or shown.text, event.note))
    return lines


def _line(text: str, note: str) -> str:
    line = next((line for line in text.splitlines() if line.strip()), "(no text)")
    line = line if len(line) <= MAX_LINE_RUNES else f"{line[: MAX_LINE_RUNES - 1]}…"
    return f"{line} _{note}_" if note else line


def _post_waiting(draft: Draft, rule: Rule, row: ThrottleRow, waiting: ThrottledPost) -> None:
    scene = Scene(rule, recall(row.event), waiting.phase)
    for slot, throttled in waiting.posts.items():
        entry = entry_for(draft.rule_set, rule, slot, throttled.to, throttled.send)
        address = SendTarget(entry, row.shadow, throttled.stands_for)
        posting = Posting(scene, [address], waiting.key, waiting.order_key, incident=waiting.incident)
        emit(draft, posting, address, Composed(_POST.decode(throttled.post), throttled.fallback), waiting.places)
        draft.release(throttled.stands_for)


def _post_digest(draft: Draft, rule: Rule, row: ThrottleRow) -> None:
    event, broken = revive(draft.rule_set, rule, row.event, draft.now_us)
    scene = Scene(rule, event, "digest", broken=broken)
    limit = rule.quiet.throttle
    rates = [f"{rate.count} in {duration_text(rate.per_s)}" for rate in limit.rates] if limit is not None else []
    why = f" (more than {' or '.join(rates)})" if rates else ""
    for slot, stands_for in row.stands_for.items():
        entry = entry_for(draft.rule_set, rule, slot, slot.split(":", 1)[1], 0)
        lines = row.lines.get(slot, [])
        text = "\n".join(
            [
                f"**{stands_for} more from {rule.name}**{why}",
                *(f"- {line}" for line in lines),
                *([f"- and {stands_for - len(lines)} more"] if stands_for > len(lines) else []),
            ]
        )
        overrides = overrides_of(draft.rule_set, scene, draft.now_us, entry)
        address = SendTarget(entry, row.shadow, stands_for)
        posting = Posting(scene, [address], "", f"{rule.name}:digest")
        emit(draft, posting, address, Composed(Post(text=text, overrides=overrides)), {})
        draft.release(stands_for)
    row.lines, row.stands_for, row.event = {}, {}, b""
