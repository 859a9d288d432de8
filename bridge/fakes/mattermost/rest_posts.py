"""Posts over the REST API: make, edit, delete, pin, and react."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from bridge.fakes.exchange import Reply
from bridge.fakes.mattermost.actions import assign_action_ids
from bridge.fakes.mattermost.attachments import props_runes
from bridge.fakes.mattermost.errors import AppError
from bridge.fakes.mattermost.model import Channel, Post, Reaction
from bridge.fakes.mattermost.payload import PriorityAsked
from bridge.fakes.mattermost.priorities import check_recipients, grant_priority
from bridge.fakes.mattermost.rest import Call, Route
from bridge.fakes.mattermost.rest_reading import require_readable
from bridge.fakes.mattermost.wire import json_reply, post_json, reaction_json, status_ok

_EMOJI = re.compile(r"[a-zA-Z0-9_+-]{1,64}")


class _Metadata(msgspec.Struct):
    """What a post may say beside its text."""

    priority: PriorityAsked | None = None


class _PostAsked(msgspec.Struct):
    """A request to make a post."""

    channel_id: str = ""
    message: str | None = None
    root_id: str | None = None
    props: dict[str, Any] | None = None
    metadata: _Metadata | None = None
    pending_post_id: str | None = None
    type: str | None = None


class _Edit(msgspec.Struct):
    """A request to change a post."""

    id: str | None = None
    message: str | None = None
    props: dict[str, Any] | None = None
    is_pinned: bool | None = None


class _ReactionAsked(msgspec.Struct):
    """A request to add a reaction."""

    user_id: str
    post_id: str
    emoji_name: str


T = TypeVar("T")


def _create(call: Call) -> Reply:
    asked = _read_asked(call)
    channel = _writable_channel(call, asked.channel_id)
    pending_id = asked.pending_post_id or ""
    known = call.world.pending.find(pending_id) if pending_id else None
    if known == "":
        raise AppError("api.post.deduplicate_create_post.pending", 500)
    if known is not None:
        return json_reply(_repeat_post(call, known), 201)
    # A refused post is never remembered, so its id is free for the retry.
    post = _new_post(call, asked, channel)
    call.world.board.add([post])
    if pending_id:
        call.world.pending.end(pending_id, post.id)
    return json_reply(post_json(call.world, post), 201)


def _read_asked(call: Call) -> _PostAsked:
    """What is to be posted. Servers 5 go on with as much as they could read."""
    if not call.world.settings.is_of_5:
        return _body(call, _PostAsked, "post")
    try:
        value = json.loads(call.request.body)
    except ValueError:
        raise AppError("api.context.invalid_body_param.app_error", 400, name="post") from None
    return _as_far_as_read(value)


def _as_far_as_read(value: object) -> _PostAsked:
    if not isinstance(value, dict):
        return _PostAsked()
    asked = _PostAsked()
    for name in ("channel_id", "message", "root_id", "pending_post_id", "type"):
        if isinstance(value.get(name), str):
            setattr(asked, name, value[name])
    if isinstance(value.get("props"), dict):
        asked.props = value["props"]
    return asked


def _repeat_post(call: Call, post_id: str) -> dict[str, Any]:
    """A post as it is told a second time: without what stands beside it."""
    post = call.world.board.find(post_id)
    if post is None or post.delete_at_ms:
        raise AppError("api.post.deduplicate_create_post.failed_to_get", 500)
    return {name: value for name, value in post_json(call.world, post).items() if name != "metadata"}


def _writable_channel(call: Call, channel_id: str) -> Channel:
    channel = call.own_channel(channel_id)
    if channel.archived:
        raise AppError("api.post.create_post.can_not_post_to_deleted.error", 400)
    return channel


def _new_post(call: Call, asked: _PostAsked, channel: Channel) -> Post:
    world = call.world
    text, props, root_id = asked.message or "", dict(asked.props or {}), asked.root_id or ""
    priority = grant_priority(asked.metadata.priority if asked.metadata else None, root_id, world.settings)
    _check_root(call, root_id, channel)
    _check_size(call, text, props)
    _check_database(text, "app.post.save.app_error")
    attachments = assign_action_ids(props.pop("attachments", None) or (), world.ids)
    check_recipients(priority, text, attachments, world.town.usernames, world.settings)
    silent = call.option("silent") == "true" and world.settings.version >= (11, 10)
    if silent and priority and priority.persistent_notifications:
        raise AppError("api.post.create_post.silent_persistent_notification.app_error", 400)
    return Post(
        id=world.ids.new(),
        channel=channel.name,
        channel_id=channel.id,
        user_id=call.user.id,
        username=call.user.username,
        text=text,
        request=call.request,
        create_at_ms=world.now_ms,
        update_at_ms=world.now_ms,
        attachments=attachments,
        priority=priority,
        props=props | ({"from_bot": "true"} if call.user.is_bot else {}),
        type=_type(asked.type or ""),
        root_id=root_id,
        pending_post_id=asked.pending_post_id or "",
        silent=silent,
        usernames=world.town.usernames,
    )


def _type(asked: str) -> str:
    if asked.startswith("system_"):
        raise AppError("api.context.invalid_param.app_error", 400, name="post.type")
    return asked


def _check_root(call: Call, root_id: str, channel: Channel) -> None:
    if not root_id:
        return
    root = call.world.board.find(root_id)
    if root is None or root.delete_at_ms or root.root_id:
        raise AppError("api.post.create_post.root_id.app_error", 400)
    if root.channel_id != channel.id:
        raise AppError("api.post.create_post.channel_root_id.app_error", 400)


def _check_size(call: Call, text: str, props: Mapping[str, Any]) -> None:
    """What the server checks of a post as it is kept. Raises AppError."""
    settings = call.world.settings
    if len(text) > settings.max_post_runes:
        word = "msg" if settings.is_of_5 else "message_length"
        raise AppError(f"model.post.is_valid.{word}.app_error", 400)
    attachments = props.get("attachments") or ()
    own = {"from_bot": "true"} if call.user.is_bot else {}
    rest = {name: value for name, value in props.items() if name != "attachments"}
    if props_runes({**rest, **own}, attachments, fills_in=settings.is_of_5) > settings.props_limit_runes:
        raise AppError("model.post.is_valid.props.app_error", 400)


def _patch(call: Call) -> Reply:
    edit = _body(call, _Edit, "post")
    return _edit(call, edit, whole=False)


def _update(call: Call) -> Reply:
    edit = _body(call, _Edit, "post")
    if edit.id != call.params["post_id"]:
        raise AppError("api.context.invalid_body_param.app_error", 400, name="id")
    return _edit(call, edit, whole=True)


def _edit(call: Call, edit: _Edit, *, whole: bool) -> Reply:
    """Apply an edit; with ``whole`` what it leaves out is emptied."""
    world, post = call.world, _own(call)
    word = "update" if whole else "patch"
    _check_stands(call, post, f"api.post.{word}_post.can_not_update_post_in_deleted.error")
    text = edit.message if edit.message is not None else ("" if whole else post.text)
    limit_s = world.settings.post_edit_limit_s
    if limit_s is not None and text != post.text and world.now_ms > post.create_at_ms + limit_s * 1000:
        raise AppError("api.post.update_post.permissions_time_limit.app_error", 400, limit=limit_s)
    props = edit.props if edit.props is not None or not whole else {}
    _check_size(call, text, props or {})
    _check_database(text, "app.post.update.app_error")
    now_ms = world.now_ms
    changed = replace(post, text=text, update_at_ms=now_ms, edit_at_ms=now_ms if text != post.text else post.edit_at_ms)
    if props is not None:
        rest = {name: value for name, value in props.items() if name != "attachments"}
        attachments = assign_action_ids(props.get("attachments") or (), world.ids)
        changed = replace(changed, props=rest, attachments=attachments)
    if edit.is_pinned is not None:
        changed = replace(changed, is_pinned=edit.is_pinned)
    world.board.change(changed)
    return json_reply(post_json(world, changed))


def _delete(call: Call) -> Reply:
    post = _own(call)
    _check_stands(call, post, "api.post.delete_post.can_not_delete_post_in_deleted.error")
    call.world.board.delete(post, call.world.now_ms)
    return status_ok()


def _check_stands(call: Call, post: Post, refusal: str) -> None:
    """In an archived channel nothing changes any more. Raises AppError."""
    if call.world.town.channels[post.channel_id].archived:
        raise AppError(refusal, 400)


def _check_database(text: str, refusal: str) -> None:
    """The database takes no text with U+0000. Raises AppError."""
    if "\0" in text:
        raise AppError(refusal, 500)


def _pin(call: Call) -> Reply:
    call.world.board.change(replace(require_readable(call), is_pinned=True, update_at_ms=call.world.now_ms))
    return status_ok()


def _unpin(call: Call) -> Reply:
    call.world.board.change(replace(require_readable(call), is_pinned=False, update_at_ms=call.world.now_ms))
    return status_ok()


def _react(call: Call) -> Reply:
    asked = _body(call, _ReactionAsked, "reaction")
    if asked.user_id != call.user.id:
        raise AppError("api.reaction.save_reaction.user_id.app_error", 403)
    if not _EMOJI.fullmatch(asked.emoji_name):
        raise AppError("model.reaction.is_valid.emoji_name.app_error", 400)
    post = require_readable(replace(call, params={"post_id": asked.post_id}))
    if call.world.town.channels[post.channel_id].archived:
        raise AppError("api.reaction.save.archived_channel.app_error", 403)
    reaction = Reaction(call.user.id, post.id, asked.emoji_name, call.world.now_ms)
    call.world.board.react(reaction)
    return json_reply(reaction_json(reaction))


def _unreact(call: Call) -> Reply:
    if call.params["user_id"] not in ("me", call.user.id):
        raise AppError("api.context.permissions.app_error", 403)
    call.world.board.unreact(require_readable(call).id, call.user.id, call.params["emoji"], call.world.now_ms)
    return status_ok()


def _reactions(call: Call) -> Reply:
    return json_reply([reaction_json(each) for each in call.world.board.reactions.on(require_readable(call).id)])


def _own(call: Call) -> Post:
    """The caller's own post, in a channel it is in. One that is gone is refused like somebody else's: 403, not 404."""
    post = call.world.board.find(call.params["post_id"])
    if post is None or post.delete_at_ms or post.user_id != call.user.id:
        raise AppError("api.context.permissions.app_error", 403)
    call.own_channel(post.channel_id)
    return post


def _body(call: Call, kind: type[T], name: str) -> T:
    try:
        return msgspec.json.decode(call.request.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise AppError("api.context.invalid_body_param.app_error", 400, name=name) from None


POSTS: dict[str, Route] = {
    "POST /posts": _create,
    "PUT /posts/{post_id}": _update,
    "PUT /posts/{post_id}/patch": _patch,
    "DELETE /posts/{post_id}": _delete,
    "POST /posts/{post_id}/pin": _pin,
    "POST /posts/{post_id}/unpin": _unpin,
    "GET /posts/{post_id}/reactions": _reactions,
    "POST /reactions": _react,
    "DELETE /users/{user_id}/posts/{post_id}/reactions/{emoji}": _unreact,
}
