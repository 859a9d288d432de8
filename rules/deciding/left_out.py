"""What a message says beyond the items that ``for_each`` takes of it: its last posts say that there was more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from rules.deciding.decision_builder import Draft
from rules.deciding.lazy_post import Unwritten
from rules.deciding.render_post import append_note
from rules.model import Send
from rules.rendering.split import cut_text

_ROOM: Final = 8  # for what stands between a text and its note


def note_left_out(draft: Draft, left_out: Mapping[str, int]) -> None:
    """Let the last post of each of these rules, at each destination, say how many items of the message are left out."""
    noted_at: set[tuple[str, int]] = set()
    for sends in (draft.sends, draft.shadows):
        for place in range(len(sends) - 1, -1, -1):
            send = sends[place]
            n = left_out.get(send.rule, 0)
            if n and (send.rule, send.send) not in noted_at and not isinstance(send.post, Unwritten):
                noted_at.add((send.rule, send.send))
                sends[place] = _with_note(
                    draft, send, f"{n:,} more items of this message are left out: it has too many."
                )


def _with_note(draft: Draft, send: Send, note: str) -> Send:
    """The post of the send with the note, within the size that its destination takes."""
    text, limit = send.post.text, None
    for entry in draft.rule_set.by_name[send.rule].sends:
        if entry.index == send.send:
            limit = draft.rule_set.home_of(entry).to.max_text_runes
    if limit is not None and len(text) + len(note) + _ROOM > limit:
        text = cut_text(text, max(0, limit - len(note) - _ROOM))
    return replace(send, post=replace(send.post, text=append_note(text, note)))
