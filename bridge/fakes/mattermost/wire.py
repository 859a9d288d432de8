"""The records as the REST API writes them."""

from __future__ import annotations

import json
from typing import Any

from bridge.fakes.exchange import Reply
from bridge.fakes.mattermost.actions import as_shown
from bridge.fakes.mattermost.errors import JSON
from bridge.fakes.mattermost.model import Channel, Hook, Post, Reaction, User
from bridge.fakes.mattermost.world import World


def json_reply(value: object, status: int = 200) -> Reply:
    """A JSON answer."""
    return Reply(status, json.dumps(value, ensure_ascii=False).encode(), JSON)


def status_ok() -> Reply:
    """What the API answers where there is nothing to tell."""
    return json_reply({"status": "OK"})


def post_json(world: World, post: Post) -> dict[str, Any]:
    """A post as clients see it."""
    replies = [each for each in world.board.all() if each.root_id == post.id and not each.delete_at_ms]
    metadata: dict[str, Any] = {}
    if post.priority:
        metadata["priority"] = {
            "priority": post.priority.priority,
            "requested_ack": post.priority.requested_ack,
            "persistent_notifications": post.priority.persistent_notifications,
        }
    if reactions := world.board.reactions.on(post.id):
        metadata["reactions"] = [reaction_json(each) for each in reactions]
    shown = {"attachments": as_shown(post.attachments)} if post.attachments else {}
    return {
        "id": post.id,
        "create_at": post.create_at_ms,
        "update_at": post.update_at_ms,
        "edit_at": post.edit_at_ms,
        "delete_at": post.delete_at_ms,
        "is_pinned": post.is_pinned,
        "user_id": post.user_id,
        "channel_id": post.channel_id,
        "root_id": post.root_id,
        "original_id": "",
        "message": post.text,
        "type": post.type,
        "props": {**post.props, **shown},
        "hashtags": "",
        "pending_post_id": post.pending_post_id,
        "reply_count": len(replies),
        "last_reply_at": max((each.create_at_ms for each in replies), default=0),
        "participants": None,
        "metadata": metadata,
    }


def reaction_json(reaction: Reaction) -> dict[str, Any]:
    """A reaction."""
    return {
        "user_id": reaction.user_id,
        "post_id": reaction.post_id,
        "emoji_name": reaction.emoji_name,
        "create_at": reaction.create_at_ms,
        "update_at": reaction.create_at_ms,
        "delete_at": 0,
        "remote_id": "",
    }


def user_json(user: User) -> dict[str, Any]:
    """An account."""
    return {"id": user.id, "username": user.username, "is_bot": user.is_bot, "delete_at": 0, "roles": "system_user"}


def channel_json(channel: Channel) -> dict[str, Any]:
    """A channel."""
    return {
        "id": channel.id,
        "team_id": channel.team_id,
        "name": channel.name,
        "display_name": channel.name,
        "type": channel.kind,
        "delete_at": 1 if channel.archived else 0,
    }


def hook_json(hook: Hook) -> dict[str, Any]:
    """An incoming webhook, its secret id included: who may list hooks may use them."""
    return {
        "id": hook.id,
        "user_id": hook.user_id,
        "team_id": hook.team_id,
        "channel_id": hook.channel_id,
        "display_name": hook.display_name,
        "username": hook.username,
        "icon_url": hook.icon_url,
        "channel_locked": hook.locked,
        "delete_at": 0,
    }


def client_config(world: World) -> dict[str, str]:
    """What ``/config/client?format=old`` tells who is logged in: everything is a text."""
    settings = world.settings
    limit_s = -1 if settings.post_edit_limit_s is None else settings.post_edit_limit_s
    told: dict[str, object] = {
        "Version": f"{settings.version[0]}.{settings.version[1]}.0",
        "MaxPostSize": settings.max_post_runes,
        "EnableIncomingWebhooks": settings.hooks_enabled,
        "EnablePostUsernameOverride": settings.username_override,
        "EnablePostIconOverride": settings.icon_override,
        "PostPriority": settings.post_priority,
        "AllowPersistentNotifications": settings.persistent_notifications,
        "PostEditTimeLimit": limit_s,
    }
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in told.items()}
