"""One push: a batch to an endpoint, or a message to Mattermost, and why it failed if it did (ams-api.md 8.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bridge.api.push_texts import (
    HTTP_SUCCESS,
    MATTERMOST_SUCCESS,
    http_body,
    mattermost_body,
    read_mattermost_reason,
    read_reason,
)
from bridge.push.http import NotPosted, PostCall
from broker.model import Message
from broker.records import PushConfig

_JSON: Final = {"Content-Type": "application/json"}


def body_of(push: PushConfig, subscription: str, messages: Sequence[Message]) -> bytes:
    """What goes out for these messages; Mattermost takes one at a time."""
    if push.type == "mattermost":
        return mattermost_body(push, messages[0])
    return http_body(push, subscription, messages)


async def send(post: PostCall, push: PushConfig, body: bytes) -> str | None:
    """Push a body to an endpoint; None when it was taken, else why not. The hook's address is never part of it."""
    mattermost = push.type == "mattermost"
    headers = dict(_JSON)
    if push.authorization_value:
        headers["Authorization"] = push.authorization_value
    url = push.mattermost_url if mattermost else push.endpoint
    try:
        posted = await post(url, body, headers)
    except NotPosted as why:
        return str(why).replace(url, "the endpoint")
    if posted.status in (MATTERMOST_SUCCESS if mattermost else HTTP_SUCCESS):
        return None
    text = read_mattermost_reason(posted.body) if mattermost else read_reason(posted.body)
    return text or f"status {posted.status}"
