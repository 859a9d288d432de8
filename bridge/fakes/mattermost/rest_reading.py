"""Posts over the REST API: read one, a thread, a channel."""

from __future__ import annotations

from bridge.fakes.exchange import Reply
from bridge.fakes.mattermost.errors import AppError
from bridge.fakes.mattermost.model import Channel, Post
from bridge.fakes.mattermost.rest import Call, Route
from bridge.fakes.mattermost.town import may_see
from bridge.fakes.mattermost.wire import json_reply, post_json

_MOST_CHANGED = 1_000


def require_readable(call: Call) -> Post:
    """The post of the path, if the caller may read it. Raises AppError."""
    post = call.world.board.find(call.params["post_id"])
    if post is None or post.delete_at_ms:
        raise AppError("app.post.get.app_error", 404)
    channel = call.world.town.channels[post.channel_id]
    if not may_see(call.world.town, call.user.id, channel):
        raise AppError("api.context.permissions.app_error", 403)
    return post


def _get(call: Call) -> Reply:
    return json_reply(post_json(call.world, require_readable(call)))


def _thread(call: Call) -> Reply:
    """The root of the thread a post stands in, and all replies to it."""
    post = require_readable(call)
    root_id = post.root_id or post.id
    posts = [one for one in call.world.board.all() if root_id in (one.id, one.root_id) and not one.delete_at_ms]
    return _page_of(call, posts[::-1])


def _posts_of_channel(call: Call) -> Reply:
    """Newest first. ``since`` (milliseconds) tells of every change after it, deleted posts included.

    Of such changes the server gives 1,000 at most, with the posts they reply to, and no word that there are more.
    """
    channel = _readable_channel(call)
    posts = [post for post in call.world.board.all() if post.channel_id == channel.id]
    if since := call.option("since"):
        if not since.isdigit():
            raise AppError("api.context.invalid_body_param.app_error", 400, name="since")
        changed = [post for post in posts if post.update_at_ms > int(since)][:_MOST_CHANGED]
        roots = {post.root_id for post in changed}
        page = [post for post in posts if post in changed or post.id in roots][::-1]
    else:
        number, size = _number(call, "page", 0), min(_number(call, "per_page", 60), 200)
        page = [post for post in posts if not post.delete_at_ms][::-1][number * size : (number + 1) * size]
    return _page_of(call, page)


def _readable_channel(call: Call) -> Channel:
    """The channel whose posts are asked for. Newer servers show those of open channels to the whole team."""
    town, channel_id = call.world.town, call.params["channel_id"]
    channel = town.channels.get(channel_id)
    is_open = channel is not None and not channel.archived and may_see(town, call.user.id, channel)
    if channel is not None and is_open and not call.world.settings.is_of_5:
        return channel
    return call.own_channel(channel_id)


def _page_of(call: Call, posts: list[Post]) -> Reply:
    shown = {post.id: post_json(call.world, post) for post in posts}
    page = {"order": list(shown), "posts": shown, "next_post_id": "", "prev_post_id": ""}
    return json_reply(page if call.world.settings.is_of_5 else page | {"has_next": False})


def _number(call: Call, name: str, default: int) -> int:
    text = call.option(name)
    return int(text) if text.isdigit() else default


READS: dict[str, Route] = {
    "GET /posts/{post_id}": _get,
    "GET /posts/{post_id}/thread": _thread,
    "GET /channels/{channel_id}/posts": _posts_of_channel,
}
