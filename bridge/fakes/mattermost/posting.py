"""The incoming webhook: from a payload to posts in a channel, refusing in the order in which the server refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from bridge.fakes.exchange import Request
from bridge.fakes.mattermost.actions import assign_action_ids
from bridge.fakes.mattermost.errors import AppError
from bridge.fakes.mattermost.markup import attachment_as_kept, text_as_kept
from bridge.fakes.mattermost.model import Channel, Hook, Post
from bridge.fakes.mattermost.payload import Payload
from bridge.fakes.mattermost.priorities import check_recipients, grant_priority
from bridge.fakes.mattermost.splitting import Part, split_post
from bridge.fakes.mattermost.town import may_see
from bridge.fakes.mattermost.world import World

_RESERVED_PROPS = frozenset(
    {
        "attachments",
        "from_webhook",
        "from_bot",
        "from_plugin",
        "from_oauth_app",
        "override_username",
        "override_icon_url",
        "override_icon_emoji",
        "webhook_display_name",
        "force_notification",
    }
)
_HOOK_ID = re.compile(r"[A-Za-z0-9]+")


def post_by_hook(world: World, hook_id: str, payload: Payload, request: Request) -> list[Post]:
    """Make the posts a webhook asks for, and keep them on the board. Raises AppError."""
    if not world.settings.hooks_enabled:
        raise AppError("web.incoming_webhook.disabled.app_error", 501)
    if not payload.text and not any(payload.attachments or ()):
        raise AppError("web.incoming_webhook.text.app_error", 400)
    hook = _hook(world, hook_id)
    channel = _channel(world, hook, payload.channel or "")
    _check_channel(world, hook, channel)
    draft = _draft(world, hook, channel, payload, request)
    parts = split_post(draft.text, draft.attachments, draft.props, len(request.body), world.settings)
    posts = [_number(world, draft, part, number, len(parts)) for number, part in enumerate(parts)]
    if "\0" in draft.text:
        raise AppError("api.post.create_webhook_post.creating.app_error", 500)  # the database takes no such text
    if world.broken_after:
        world.board.add(posts[: world.broken_after.popleft()])
        raise AppError("api.post.create_webhook_post.creating.app_error", 500)
    world.board.add(posts)
    return posts


def _hook(world: World, hook_id: str) -> Hook:
    hook = world.town.hooks.get(hook_id)
    if hook is None and world.settings.open_house and _HOOK_ID.fullmatch(hook_id):
        hook = world.town.add_hook(next(iter(world.town.channels.values())).name, id=hook_id)
    if hook is None:
        raise AppError("web.incoming_webhook.invalid.app_error", 400)
    return hook


def _channel(world: World, hook: Hook, name: str) -> Channel:
    town = world.town
    if not name:
        own = town.channels.get(hook.channel_id)
        if own is None or own.archived:
            raise AppError("app.channel.get.existing.app_error", 404)
        return own
    if name.startswith("@"):
        user = town.find_user(name[1:])
        if user is None and world.settings.open_house:
            user = town.add_user(name[1:])
        if user is None:
            raise AppError("web.incoming_webhook.user.app_error", 400, user=name[1:])
        return town.open_direct_channel(hook.user_id, user.id)
    named = town.find_channel(name.removeprefix("#"))
    if named is None and world.settings.open_house:
        named = town.add_channel(name.removeprefix("#"))
    if named is None:
        raise AppError("web.incoming_webhook.channel.app_error", 404)
    return named


def _check_channel(world: World, hook: Hook, channel: Channel) -> None:
    if hook.locked and channel.id != hook.channel_id:
        raise AppError("web.incoming_webhook.channel_locked.app_error", 403, channel_id=channel.id)
    if hook.user_id not in world.town.users:
        raise AppError("web.incoming_webhook.user.app_error", 403, user=hook.user_id)
    if not may_see(world.town, hook.user_id, channel):
        raise AppError("web.incoming_webhook.permissions.app_error", 403, user=hook.user_id, channel=channel.id)


def _draft(world: World, hook: Hook, channel: Channel, payload: Payload, request: Request) -> Post:
    """The whole post before it is split."""
    settings, town = world.settings, world.town
    root_id = (payload.root_id or "") if settings.version >= (11, 8) else ""
    silent = bool(payload.silent) and settings.version >= (11, 10)
    _check_root(world, channel, root_id)
    text = text_as_kept(payload.text or "", _names(world))
    attachments = _attachments(world, payload)
    try:
        priority = grant_priority(payload.priority, root_id, settings)
    except AppError as refusal:
        refusal.status = 400
        raise
    check_recipients(priority, text, attachments, town.usernames, settings)
    if silent and priority and priority.persistent_notifications:
        raise AppError("api.post.create_post.silent_persistent_notification.app_error", 400)
    now_ms = world.now_ms
    return Post(
        id="",
        channel=channel.name,
        channel_id=channel.id,
        user_id=hook.user_id,
        username=_show_name(world, hook, payload),
        text=text,
        request=request,
        create_at_ms=now_ms,
        update_at_ms=now_ms,
        icon_url=(payload.icon_url or hook.icon_url or None) if settings.icon_override else None,
        icon_emoji=(payload.icon_emoji or None) if settings.icon_override else None,
        attachments=attachments,
        priority=priority,
        props=_props(world, hook, payload),
        type="slack_attachment" if attachments else _type(payload.type or ""),
        root_id=root_id,
        silent=silent,
        usernames=town.usernames,
    )


def _attachments(world: World, payload: Payload) -> tuple[Mapping[str, Any], ...]:
    if not payload.attachments:
        return ()
    kept = (attachment_as_kept(each, _names(world)) for each in payload.attachments if each is not None)
    return assign_action_ids((msgspec.to_builtins(each) for each in kept), world.ids)


def _names(world: World) -> Callable[[str], str | None]:
    return lambda user_id: user.username if (user := world.town.users.get(user_id)) else None


def _show_name(world: World, hook: Hook, payload: Payload) -> str:
    if world.settings.username_override:
        return payload.username or hook.username or "webhook"
    return world.town.users[hook.user_id].username


def _props(world: World, hook: Hook, payload: Payload) -> Mapping[str, Any]:
    props = {name: value for name, value in (payload.props or {}).items() if name not in _RESERVED_PROPS}
    props |= {"from_webhook": "true", "webhook_display_name": hook.display_name}
    if world.settings.username_override:
        props["override_username"] = _show_name(world, hook, payload)
    if world.settings.icon_override:
        asked = {"override_icon_url": payload.icon_url or hook.icon_url, "override_icon_emoji": payload.icon_emoji}
        props |= {name: value for name, value in asked.items() if value}
    return props


def _type(asked: str) -> str:
    if asked.startswith("system_"):
        raise AppError("api.context.invalid_param.app_error", 400, name="post.type")
    if asked and not asked.startswith("custom_"):
        raise AppError("api.post.create_webhook_post.creating.app_error", 500)
    return asked


def _check_root(world: World, channel: Channel, root_id: str) -> None:
    if not root_id:
        return
    root = world.board.find(root_id)
    if root is None or root.delete_at_ms or root.root_id or root.channel_id != channel.id:
        raise AppError("api.post.create_post.root_id.app_error", 400)


def _number(world: World, draft: Post, part: Part, number: int, parts: int) -> Post:
    return replace(draft, id=world.ids.new(), text=part.text, attachments=part.attachments, part=number, parts=parts)
