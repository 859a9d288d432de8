"""The JSON bodies by which a Mattermost bot makes a post, changes it, and replies to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from bridge.destinations.base import Parcel
from bridge.destinations.kit.receipt import Receipt
from bridge.destinations.mattermost.attachment import (
    CUT_TEXT_RUNES,
    MAX_TEXT_RUNES,
    MAX_TITLE_RUNES,
    Shape,
    append_remarks,
    draw_attachment,
    fits,
    post_priority,
    post_text,
    shapes_of,
    shorten_to,
    strip_nul,
)
from bridge.destinations.mattermost.cards import CARD, PLAIN, Face

MARKER: Final = "ams_bridge"
"""The prop by which a post of ours is known again."""
_MAX_KEY_RUNES: Final = 200


@dataclass(frozen=True, slots=True)
class Said:
    """What a post says beside its delivery: the incident's course, and the channel it should have gone to, by name."""

    course: str = ""
    target_channel: str = ""


def draw_post(parcel: Parcel, channel_id: str, context: Said, root: str = "", face: Face = PLAIN) -> dict[str, Any]:
    """The body that makes a post, in the form the delivery asks for; ``root`` is the post to reply to. Pure."""
    post, form = parcel.post, parcel.form
    root = root or str(post.overrides.get("thread") or post.overrides.get("root_id") or "")
    if form in ("without-thread", "other-channel"):
        root = ""
    body = _body(channel_id, draw_edit(parcel, context, face), root)
    priority = post_priority(post)
    if priority and form != "without-priority" and not parcel.part and not root:
        body["metadata"] = {"priority": priority}
    return body


def draw_edit(parcel: Parcel, context: Said, face: Face = PLAIN) -> dict[str, Any]:
    """The body that changes a post. The server replaces ``props`` as a whole, so everything is said again.

    One that no server takes is cut. A plainer form is small enough for every server, for there is only one. Pure.
    """
    for shape in shapes_of(parcel.form):
        body = _draw_edit(parcel, context, face, shape)
        if fits(parcel.form, body, body["props"]):
            return body
    return _draw_edit(parcel, context, face, None)


def _draw_edit(parcel: Parcel, context: Said, face: Face, shape: Shape | None) -> dict[str, Any]:
    """The body in one shape; without one it is cut."""
    if shape is None:
        text, details = post_text(parcel.post), None
    else:
        text, details = draw_attachment(parcel.post, parcel.phase, course=context.course, shape=shape)
    if parcel.form == "other-channel":
        text = f"_(meant for {context.target_channel})_\n{text}"
    text = append_remarks(text, face.remarks, CUT_TEXT_RUNES if shape is None else MAX_TEXT_RUNES)
    if face.actions and shape is not None and shape.buttons:
        title = parcel.post.title or parcel.post.text
        details = (details or {"fallback": shorten_to(title, MAX_TITLE_RUNES)}) | {"actions": list(face.actions)}
    body: dict[str, Any] = strip_nul({"message": text, "props": _props(parcel, details, parcel.id, face.card, shape)})
    return body


def draw_history(parcel: Parcel, earlier: Receipt) -> dict[str, Any]:
    """The reply that says in a post's thread what changed it. Pure."""
    edit = draw_edit(replace(parcel, form="small" if parcel.form == "small" else ""), Said())
    edit["props"][MARKER]["delivery"] = f"{parcel.id}/history"
    return _body(earlier.channel, edit, thread_of(earlier))


def _body(channel_id: str, edit: dict[str, Any], root: str) -> dict[str, Any]:
    body = {"channel_id": channel_id, **edit, "pending_post_id": edit["props"][MARKER]["delivery"]}
    return body | ({"root_id": root} if root else {})


def _props(
    parcel: Parcel, details: Mapping[str, Any] | None, marker: str, card: str, shape: Shape | None
) -> dict[str, Any]:
    key = shorten_to(parcel.key, _MAX_KEY_RUNES)
    props: dict[str, Any] = {MARKER: {"delivery": marker, "rule": parcel.rule, "key": key}}
    if card:
        props[MARKER][CARD] = card
    if details is not None:
        props["attachments"] = [details]
    if parcel.post.overrides.get("card") and shape is not None:
        props["card"] = shorten_to(str(parcel.post.overrides["card"]), shape.card_runes)
    return props


def thread_of(earlier: Receipt | None) -> str:
    """The post to reply to, "" without one: a reply to a reply is refused."""
    return "" if earlier is None else earlier.root or earlier.post
