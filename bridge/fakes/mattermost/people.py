"""What people do in chat, beside clicking: they write, reply and react."""

from __future__ import annotations

from bridge.fakes.exchange import Request
from bridge.fakes.mattermost.model import Channel, Post, Reaction, User
from bridge.fakes.mattermost.town import may_see
from bridge.fakes.mattermost.world import World

_BY_HAND = Request(0, "POST", "/api/v4/posts", "", (), b"", "", 0)


def react(world: World, post_id: str, emoji: str, username: str) -> None:
    """Put an emoji on a post, by its name without colons. Raises KeyError for who or what is not there."""
    post, user = _post(world, post_id), _user(world, username)
    _check(world, user, post.channel_id)
    world.board.react(Reaction(user.id, post.id, emoji, world.now_ms))


def unreact(world: World, post_id: str, emoji: str, username: str) -> None:
    """Take an emoji away again. Raises KeyError."""
    world.board.unreact(_post(world, post_id).id, _user(world, username).id, emoji, world.now_ms)


def reply(world: World, post_id: str, text: str, username: str) -> Post:
    """Write in the thread of a post, or in the one it stands in itself. Raises KeyError."""
    post = _post(world, post_id)
    return _write_post(world, world.town.channels[post.channel_id], text, username, root_id=post.root_id or post.id)


def say(world: World, channel: str, text: str, username: str) -> Post:
    """Write in a channel, by its name. Raises KeyError."""
    found = world.town.find_channel(channel)
    if found is None:
        raise KeyError(channel)
    return _write_post(world, found, text, username)


def _write_post(world: World, channel: Channel, text: str, username: str, root_id: str = "") -> Post:
    user = _user(world, username)
    _check(world, user, channel.id)
    post = Post(
        id=world.ids.new(),
        channel=channel.name,
        channel_id=channel.id,
        user_id=user.id,
        username=user.username,
        text=text,
        request=_BY_HAND,
        create_at_ms=world.now_ms,
        update_at_ms=world.now_ms,
        root_id=root_id,
        usernames=world.town.usernames,
    )
    world.board.add([post])
    return post


def _check(world: World, user: User, channel_id: str) -> None:
    if not may_see(world.town, user.id, world.town.channels[channel_id]):
        raise KeyError(f"{user.username} is no member there")
    world.town.join(channel_id, user.id)


def _user(world: World, username: str) -> User:
    user = world.town.find_user(username)
    if user is None:
        raise KeyError(username)
    return user


def _post(world: World, post_id: str) -> Post:
    post = world.board.find(post_id)
    if post is None or post.delete_at_ms:
        raise KeyError(post_id)
    return post
