"""The records as the REST API writes them."""

from __future__ import annotations

import json
from typing import Any

from bridge.fakes.exchange import Reply
from bridge.fakes.mattermost.actions import hide_integrations
from bridge.fakes.mattermost.attachments import fill_in
from bridge.fakes.mattermost.errors import JSON
from bridge.fakes.mattermost.model import Channel, Hook, Post, Reaction, Team, User
from bridge.fakes.mattermost.world import World

_MADE_AT_MS = 1_600_000_000_000


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
    told: dict[str, Any] = {
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
        "props": {**post.props, **_attachments_of(world, post)},
        "hashtags": "",
        "pending_post_id": post.pending_post_id,
        "reply_count": len(replies),
        "last_reply_at": max((each.create_at_ms for each in replies), default=0),
        "participants": None,
        "metadata": metadata,
    }
    return told | {"parent_id": post.root_id} if world.settings.is_of_5 else told


def _attachments_of(world: World, post: Post) -> dict[str, Any]:
    if not post.attachments:
        return {}
    shown = hide_integrations(post.attachments)
    return {"attachments": [fill_in(each) for each in shown] if world.settings.is_of_5 else shown}


def reaction_json(reaction: Reaction) -> dict[str, Any]:
    """A reaction as clients see it."""
    return {
        "user_id": reaction.user_id,
        "post_id": reaction.post_id,
        "emoji_name": reaction.emoji_name,
        "create_at": reaction.create_at_ms,
        "update_at": reaction.create_at_ms,
        "delete_at": 0,
        "remote_id": "",
    }


def user_json(user: User, *, is_self: bool = False) -> dict[str, Any]:
    """An account; whoever asks for themselves is told a little more."""
    told: dict[str, Any] = {
        "id": user.id,
        "create_at": _MADE_AT_MS,
        "update_at": _MADE_AT_MS,
        "delete_at": 0,
        "username": user.username,
        "auth_data": "",
        "auth_service": "",
        "email": f"{user.username}@example.org",
        "nickname": "",
        "first_name": "",
        "last_name": "",
        "position": "",
        "roles": "system_user",
        "locale": "en",
        "timezone": {"automaticTimezone": "", "manualTimezone": "", "useAutomaticTimezone": "true"},
        "disable_welcome_email": False,
    }
    if user.is_bot:
        told["is_bot"] = True
    if is_self:
        told |= {"notify_props": {"channel": "true", "desktop": "mention"}, "last_password_update": _MADE_AT_MS}
    return told


def team_json(team: Team) -> dict[str, Any]:
    """A team as clients see it."""
    return {
        "id": team.id,
        "create_at": _MADE_AT_MS,
        "update_at": _MADE_AT_MS,
        "delete_at": 0,
        "display_name": team.name,
        "name": team.name,
        "description": "",
        "email": "",
        "type": "O",
        "company_name": "",
        "allowed_domains": "",
        "invite_id": "",
        "allow_open_invite": False,
        "scheme_id": None,
        "group_constrained": None,
        "policy_id": None,
    }


def channel_json(channel: Channel) -> dict[str, Any]:
    """A channel as clients see it."""
    return {
        "id": channel.id,
        "create_at": _MADE_AT_MS,
        "update_at": _MADE_AT_MS,
        "delete_at": _MADE_AT_MS if channel.archived else 0,
        "team_id": channel.team_id,
        "type": channel.kind,
        "display_name": channel.name,
        "name": channel.name,
        "header": "",
        "purpose": "",
        "last_post_at": 0,
        "total_msg_count": 0,
        "extra_update_at": 0,
        "creator_id": "",
        "scheme_id": None,
        "props": None,
        "group_constrained": None,
        "shared": None,
        "total_msg_count_root": 0,
        "policy_id": None,
    }


def member_json(channel: Channel, user: User) -> dict[str, Any]:
    """Somebody's place in a channel."""
    return {
        "channel_id": channel.id,
        "user_id": user.id,
        "roles": "channel_user",
        "last_viewed_at": 0,
        "msg_count": 0,
        "mention_count": 0,
        "mention_count_root": 0,
        "msg_count_root": 0,
        "notify_props": {"desktop": "default", "email": "default", "mark_unread": "all", "push": "default"},
        "last_update_at": _MADE_AT_MS,
        "scheme_guest": False,
        "scheme_user": True,
        "scheme_admin": False,
        "explicit_roles": "",
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


def client_config(world: World, *, is_known: bool = True) -> dict[str, str]:
    """What ``/config/client?format=old`` tells, more to who is logged in: everything is a text."""
    settings = world.settings
    limit_s = -1 if settings.post_edit_limit_s is None else settings.post_edit_limit_s
    told: dict[str, object] = {"Version": f"{settings.version[0]}.{settings.version[1]}.0"}
    if is_known:
        told |= {
            "MaxPostSize": settings.max_post_runes,
            "EnableIncomingWebhooks": settings.hooks_enabled,
            "EnablePostUsernameOverride": settings.username_override,
            "EnablePostIconOverride": settings.icon_override,
            "PostEditTimeLimit": limit_s,
        }
    if is_known and settings.knows_priority:
        told |= {
            "PostPriority": settings.post_priority,
            "AllowPersistentNotifications": settings.persistent_notifications,
        }
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in told.items()}


def ping(world: World) -> dict[str, str]:
    """What ``/system/ping`` tells."""
    told = {"status": "OK"}
    if world.settings.is_of_5:
        told |= {f"{kind}{which}Version": "" for kind in ("Android", "Desktop", "Ios") for which in ("Latest", "Min")}
    return told
