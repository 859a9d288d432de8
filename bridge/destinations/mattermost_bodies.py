"""The JSON bodies by which a Mattermost bot makes a post, changes it, and replies to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bridge.destinations.attachment import CUT_TEXT_RUNES, MAX_TEXT_RUNES, cut, drawn, priority_of, text_of
from bridge.destinations.base import Parcel
from bridge.destinations.receipt import Receipt, course_of

MARKER: Final = "ams_bridge"
"""The prop by which a post of ours is known again."""


def draw_post(
    parcel: Parcel, channel_id: str, meant_for: str, root: str = "", follows: Receipt | None = None
) -> dict[str, Any]:
    """The body that makes a post, in the form the delivery asks for; ``root`` is the post to reply to. Pure.

    ``meant_for`` is the channel's name, told where the post has to go to another one; ``follows`` is a post of the same
    incident that cannot be changed any more.
    """
    post, form = parcel.post, parcel.form
    course = course_of(parcel, follows) if follows is not None else ""
    text, details = (text_of(post), None) if form == "cut" else drawn(post, parcel.phase, course=course)
    if form == "other-channel":
        text = f"_(meant for {meant_for})_\n{text}"
    root = root or str(post.overrides.get("thread") or post.overrides.get("root_id") or "")
    if form in ("without-thread", "other-channel"):
        root = ""
    text = cut(text, CUT_TEXT_RUNES if form == "cut" else MAX_TEXT_RUNES)
    body = _body(channel_id, text, _props(parcel, details, parcel.id), root)
    priority = priority_of(post)
    if priority and form != "without-priority" and not parcel.part and not root:
        body["metadata"] = {"priority": priority}
    return body


def draw_edit(parcel: Parcel, earlier: Receipt) -> dict[str, Any]:
    """The body that changes a post. The server replaces ``props`` as a whole, so everything is said again. Pure."""
    course = course_of(parcel, earlier)
    text, details = (
        (text_of(parcel.post), None) if parcel.form == "cut" else drawn(parcel.post, parcel.phase, course=course)
    )
    text = cut(text, CUT_TEXT_RUNES if parcel.form == "cut" else MAX_TEXT_RUNES)
    return {"message": text, "props": _props(parcel, details, parcel.id)}


def draw_history(parcel: Parcel, earlier: Receipt) -> dict[str, Any]:
    """The reply that says in a post's thread what changed it. Pure."""
    marker = f"{parcel.id}/history"
    text, details = drawn(parcel.post, parcel.phase)
    return _body(earlier.channel, cut(text, MAX_TEXT_RUNES), _props(parcel, details, marker), thread_of(earlier))


def _body(channel_id: str, text: str, props: dict[str, Any], root: str) -> dict[str, Any]:
    body = {"channel_id": channel_id, "message": text, "props": props, "pending_post_id": props[MARKER]["delivery"]}
    return body | ({"root_id": root} if root else {})


def _props(parcel: Parcel, details: Mapping[str, Any] | None, marker: str) -> dict[str, Any]:
    props: dict[str, Any] = {MARKER: {"delivery": marker, "rule": parcel.rule, "key": parcel.key}}
    if details is not None:
        props["attachments"] = [details]
    if parcel.post.overrides.get("card"):
        props["card"] = str(parcel.post.overrides["card"])
    return props


def thread_of(earlier: Receipt | None) -> str:
    """The post to reply to, "" without one: a reply to a reply is refused."""
    return "" if earlier is None else earlier.root or earlier.post
