"""The JSON bodies by which a Mattermost bot makes a post, changes it, and replies to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bridge.destinations.attachment import (
    CUT_TEXT_RUNES,
    MAX_TEXT_RUNES,
    MAX_TITLE_RUNES,
    cut,
    drawn,
    is_too_large,
    priority_of,
    text_of,
    with_remarks,
)
from bridge.destinations.base import Parcel
from bridge.destinations.mattermost_cards import CARD, PLAIN, Face
from bridge.destinations.receipt import Receipt

MARKER: Final = "ams_bridge"
"""The prop by which a post of ours is known again."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a post says beside its delivery: the incident's course, and the channel it should have gone to, by name."""

    course: str = ""
    meant_for: str = ""


def draw_post(parcel: Parcel, channel_id: str, said: Said, root: str = "", face: Face = PLAIN) -> dict[str, Any]:
    """The body that makes a post, in the form the delivery asks for; ``root`` is the post to reply to. Pure."""
    post, form = parcel.post, parcel.form
    root = root or str(post.overrides.get("thread") or post.overrides.get("root_id") or "")
    if form in ("without-thread", "other-channel"):
        root = ""
    body = _body(channel_id, draw_edit(parcel, said, face), root)
    priority = priority_of(post)
    if priority and form != "without-priority" and not parcel.part and not root:
        body["metadata"] = {"priority": priority}
    return body


def draw_edit(parcel: Parcel, said: Said, face: Face = PLAIN, *, is_cut: bool = False) -> dict[str, Any]:
    """The body that changes a post. The server replaces ``props`` as a whole, so everything is said again.

    One that no server takes is cut. Pure.
    """
    is_cut = is_cut or parcel.form == "cut"
    if is_cut:
        text, details = text_of(parcel.post), None
    else:
        text, details = drawn(parcel.post, parcel.phase, course=said.course)
    if parcel.form == "other-channel":
        text = f"_(meant for {said.meant_for})_\n{text}"
    text = with_remarks(text, face.remarks, CUT_TEXT_RUNES if is_cut else MAX_TEXT_RUNES)
    if face.actions and not is_cut:
        title = parcel.post.title or parcel.post.text
        details = (details or {"fallback": cut(title, MAX_TITLE_RUNES)}) | {"actions": list(face.actions)}
    body = {"message": text, "props": _props(parcel, details, parcel.id, face.card)}
    return draw_edit(parcel, said, face, is_cut=True) if not is_cut and is_too_large(body) else body


def draw_history(parcel: Parcel, earlier: Receipt) -> dict[str, Any]:
    """The reply that says in a post's thread what changed it. Pure."""
    text, details = drawn(parcel.post, parcel.phase)
    edit = {"message": with_remarks(text, ()), "props": _props(parcel, details, f"{parcel.id}/history")}
    return _body(earlier.channel, edit, thread_of(earlier))


def _body(channel_id: str, edit: dict[str, Any], root: str) -> dict[str, Any]:
    body = {"channel_id": channel_id, **edit, "pending_post_id": edit["props"][MARKER]["delivery"]}
    return body | ({"root_id": root} if root else {})


def _props(parcel: Parcel, details: Mapping[str, Any] | None, marker: str, card: str = "") -> dict[str, Any]:
    props: dict[str, Any] = {MARKER: {"delivery": marker, "rule": parcel.rule, "key": parcel.key}}
    if card:
        props[MARKER][CARD] = card
    if details is not None:
        props["attachments"] = [details]
    if parcel.post.overrides.get("card"):
        props["card"] = str(parcel.post.overrides["card"])
    return props


def thread_of(earlier: Receipt | None) -> str:
    """The post to reply to, "" without one: a reply to a reply is refused."""
    return "" if earlier is None else earlier.root or earlier.post
