"""What listeners are told when something on the board changes: the events of posts and reactions, as the server's."""

from __future__ import annotations

import json
from typing import Any

from bridge.fakes.mattermost.hub import Event
from bridge.fakes.mattermost.model import Post, Reaction
from bridge.fakes.mattermost.town import is_member
from bridge.fakes.mattermost.wire import post_json, reaction_json
from bridge.fakes.mattermost.world import World


def tell_of_post(world: World, kind: str, post: Post) -> None:
    """Tell websockets of a post: ``posted``, ``post_edited`` or ``post_deleted``.

    The post is a text inside of the event.
    """
    data: dict[str, Any] = {"post": json.dumps(post_json(world, post), ensure_ascii=False)}
    channel = world.town.channels.get(post.channel_id)
    if kind == "posted":
        data |= {
            "channel_name": post.channel,
            "channel_type": channel.kind if channel is not None else "O",
            "sender_name": f"@{post.username}",
            "set_online": not post.props.get("from_bot"),
        }
    _publish(world, kind, data, post.channel_id)


def tell_of_reaction(world: World, kind: str, reaction: Reaction) -> None:
    """Tell websockets of a reaction: ``reaction_added`` or ``reaction_removed``."""
    post = world.board.find(reaction.post_id)
    if post is not None:
        _publish(world, kind, {"reaction": json.dumps(reaction_json(reaction))}, post.channel_id)


def _publish(world: World, kind: str, data: dict[str, Any], channel_id: str) -> None:
    channel = world.town.channels.get(channel_id)
    if channel is None:
        return
    event = Event(kind, data, channel_id, channel.team_id)
    world.hub.publish(event, lambda user_id: is_member(world.town, user_id, channel))
