"""The records of the stand-in server: teams, people, channels, hooks and posts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from bridge.fakes.exchange import Request
from bridge.fakes.mattermost.mentions import Mentions, list_searched_texts, mentions_in

ChannelKind: TypeAlias = Literal["O", "P", "D"]  # open, private, direct: the server's own letters


@dataclass(frozen=True, slots=True)
class User:
    """A person or a bot."""

    id: str
    username: str
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Team:
    """A team; channels belong to one."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel; a direct one has no team.

    ``members`` are the user ids of one that is not open; of an open one everybody is a member but those ``outside``.
    """

    id: str
    name: str
    team_id: str
    kind: ChannelKind = "O"
    members: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Hook:
    """An incoming webhook. ``id`` is its whole secret; ``locked`` ties it to its channel."""

    id: str
    user_id: str
    team_id: str
    channel_id: str
    display_name: str = ""
    username: str = ""
    icon_url: str = ""
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Priority:
    """The priority of a post: ``priority`` is "", "important" or "urgent"."""

    priority: str
    requested_ack: bool = False
    persistent_notifications: bool = False


@dataclass(frozen=True, slots=True)
class Reaction:
    """One person's emoji on a post."""

    user_id: str
    post_id: str
    emoji_name: str
    create_at_ms: int


@dataclass(frozen=True, slots=True)
class Post:
    """A post as it stands in its channel.

    ``channel`` is the channel's name and ``username`` the name people see. ``attachments`` are the message
    attachments, not part of ``props`` here. ``request`` is what made it; a text that the server had to split gives
    several posts of one request, ``part`` (from 0) of ``parts``. Times are milliseconds, as on the wire.
    """

    id: str
    channel: str
    channel_id: str
    user_id: str
    username: str
    text: str
    request: Request
    create_at_ms: int
    update_at_ms: int
    edit_at_ms: int = 0
    delete_at_ms: int = 0
    icon_url: str | None = None
    icon_emoji: str | None = None
    attachments: tuple[Mapping[str, Any], ...] = ()
    priority: Priority | None = None
    props: Mapping[str, Any] = field(default_factory=dict)
    type: str = ""
    root_id: str = ""
    pending_post_id: str = ""
    is_pinned: bool = False
    silent: bool = False
    part: int = 0
    parts: int = 1
    usernames: frozenset[str] = frozenset()

    @property
    def mentions(self) -> Mentions:
        """Whom its texts mention, as the server reads them."""
        return mentions_in(list_searched_texts(self.text, self.attachments), self.usernames)

    @property
    def pings(self) -> frozenset[str]:
        """Who would have been notified: @channel, @here, @all, @name. Empty for a silent post."""
        return frozenset() if self.silent else self.mentions.told
