"""What the chat server tells, as far as we listen: reactions, replies, posts. Times are its clock's milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import msgspec

_MACHINES: Final = ("from_webhook", "from_bot", "from_plugin", "from_oauth_app")


class Reaction(msgspec.Struct, frozen=True):
    """Somebody's emoji on a post. Put there again it keeps its ``create_at`` and has another ``update_at``."""

    user_id: str
    post_id: str
    emoji_name: str
    create_at: int = 0
    update_at: int = 0
    delete_at: int = 0

    @property
    def at_ms(self) -> int:
        """When the emoji was put there, the last time."""
        return max(self.create_at, self.update_at)

    @property
    def name(self) -> str:
        """The name by which this very reaction is known again."""
        return f"r/{self.user_id}/{self.emoji_name}/{self.at_ms}"


class _Metadata(msgspec.Struct, frozen=True):
    """What the server tells beside a post."""

    reactions: list[Reaction] | None = None


class ChatPost(msgspec.Struct, frozen=True):
    """A post, ours or anybody's. Nothing in it is to be believed but what the server wrote: ids, times, ``user_id``."""

    id: str
    user_id: str = ""
    channel_id: str = ""
    root_id: str = ""
    message: str = ""
    type: str = ""
    props: dict[str, Any] | None = None
    create_at: int = 0
    update_at: int = 0
    delete_at: int = 0
    metadata: _Metadata | None = None

    @property
    def at_ms(self) -> int:
        """When the post was written."""
        return self.create_at

    @property
    def name(self) -> str:
        """The name by which the post is known again."""
        return f"p/{self.id}"

    @property
    def is_of_a_machine(self) -> bool:
        """Whether a webhook, a bot or the server itself wrote it."""
        return bool(self.type) or any(str((self.props or {}).get(key, "")) == "true" for key in _MACHINES)

    @property
    def reactions(self) -> list[Reaction]:
        """The emoji on the post."""
        return (self.metadata.reactions or []) if self.metadata is not None else []


ChatEvent: TypeAlias = Reaction | ChatPost
"""What we act upon: a reaction that was added, or a reply that was written."""


class Frame(msgspec.Struct, frozen=True):
    """One frame of the websocket: an event with its number, or the answer to one of ours."""

    event: str = ""
    data: dict[str, Any] | None = None
    seq: int = -1
    seq_reply: int = -1
    status: str = ""
    error: dict[str, Any] | None = None


_FRAMES: Final = msgspec.json.Decoder(Frame)
_REACTIONS: Final = msgspec.json.Decoder(Reaction)
_POSTS: Final = msgspec.json.Decoder(ChatPost)


def frame_in(text: str) -> Frame:
    """Read one frame of the websocket. Raises msgspec.DecodeError."""
    return _FRAMES.decode(text)


def event_in(frame: Frame) -> ChatEvent | None:
    """What a frame tells, if we act upon such a thing: a reaction or a reply. What cannot be read is nothing to us."""
    try:
        match frame.event:
            case "reaction_added":
                return _REACTIONS.decode(_text(frame.data, "reaction"))
            case "posted":
                post = _POSTS.decode(_text(frame.data, "post"))
                return post if post.root_id else None
            case _:
                return None
    except (msgspec.DecodeError, RecursionError):
        return None


def events_of(posts: Mapping[str, ChatPost], since_ms: int) -> Iterator[ChatEvent]:
    """What happened since then, as posts that were read show it: each reaction and reply, in no order."""
    for post in posts.values():
        if post.delete_at:
            continue
        yield from (reaction for reaction in post.reactions if reaction.at_ms >= since_ms and not reaction.delete_at)
        if post.root_id and post.at_ms >= since_ms:
            yield post


def _text(data: Mapping[str, Any] | None, name: str) -> str:
    value = (data or {}).get(name)
    return value if isinstance(value, str) else ""
