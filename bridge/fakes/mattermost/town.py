"""Who and what there is on the server: teams, people, channels, hooks, tokens. Safe to change from any thread."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from dataclasses import replace

from bridge.fakes.mattermost.model import Channel, ChannelKind, Hook, Team, User

_ALPHABET = "ybndrfg8ejkmcpqxot1uwisza345h769"  # Mattermost's ids are 128 bits in this base 32


class Ids:
    """Makes ids as the server does: 26 lower-case letters and digits."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def new(self) -> str:
        """A new id."""
        bits = self._rng.getrandbits(130)
        return "".join(_ALPHABET[(bits >> shift) & 31] for shift in range(0, 130, 5))


class Town:
    """The accounts and channels of one server with one team.

    The mappings go from id to record and may be read directly; they are changed by the methods only.
    """

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._lock = threading.RLock()
        self.team = Team(ids.new(), "operations")
        self.users: dict[str, User] = {}
        self.usernames: frozenset[str] = frozenset()
        self.channels: dict[str, Channel] = {}
        self.hooks: dict[str, Hook] = {}
        self.tokens: dict[str, str] = {}

    def add_user(self, username: str, *, is_bot: bool = False) -> User:
        """Add an account. It is a member of every open channel made before and after."""
        with self._lock:
            user = User(self._ids.new(), username, is_bot)
            self.users[user.id] = user
            self.usernames = frozenset(each.username.lower() for each in self.users.values())
            return user

    def remove_user(self, username: str) -> None:
        """Remove an account: hooks it made answer 403, its tokens 401. Raises KeyError."""
        with self._lock:
            user = self.find_user(username)
            if user is None:
                raise KeyError(username)
            del self.users[user.id]
            self.usernames -= {username.lower()}
            self.tokens = {token: user_id for token, user_id in self.tokens.items() if user_id != user.id}

    def add_token(self, username: str) -> str:
        """Add an access token to an account. Raises KeyError."""
        with self._lock:
            user = self.find_user(username)
            if user is None:
                raise KeyError(username)
            token = self._ids.new()
            self.tokens[token] = user.id
            return token

    def add_channel(self, name: str, *, private: bool = False, members: Iterable[str] = ()) -> Channel:
        """Add a channel; ``members`` are usernames. An open one without them has everybody in it."""
        ids = frozenset(user.id for each in members if (user := self.find_user(each)))
        outside = frozenset(self.users) - ids if ids and not private else frozenset()
        return self._keep_channel(name, self.team.id, "P" if private else "O", ids, outside)

    def leave(self, channel_id: str, username: str) -> None:
        """Take an account out of a channel. Raises KeyError."""
        with self._lock:
            channel, user = self.channels[channel_id], self.find_user(username)
            if user is None:
                raise KeyError(username)
            left = replace(channel, members=channel.members - {user.id}, outside=channel.outside | {user.id})
            self.channels[channel_id] = left

    def join(self, channel_id: str, user_id: str) -> None:
        """Let an account into an open channel. Raises KeyError."""
        with self._lock:
            channel = self.channels[channel_id]
            self.channels[channel_id] = replace(channel, outside=channel.outside - {user_id})

    def open_direct_channel(self, text: str, other: str) -> Channel:
        """The direct channel of two user ids, made when there is none."""
        name = "__".join(sorted((text, other)))
        with self._lock:
            return self.find_channel(name) or self._keep_channel(name, "", "D", frozenset({text, other}))

    def change_channel(
        self, name: str, *, new_name: str | None = None, archived: bool | None = None, private: bool | None = None
    ) -> Channel:
        """Rename, archive (its webhooks are gone for good), or make private (its members stay). Raises KeyError."""
        with self._lock:
            channel = next((each for each in self.channels.values() if each.name == name), None)
            if channel is None:
                raise KeyError(name)
            changed = replace(
                channel,
                name=new_name or channel.name,
                archived=channel.archived if archived is None else archived,
                kind=channel.kind if private is None else ("P" if private else "O"),
            )
            self.channels[channel.id] = changed
            if changed.archived:
                self.hooks = {id_: hook for id_, hook in self.hooks.items() if hook.channel_id != channel.id}
            return changed

    def add_hook(
        self,
        channel: str,
        *,
        owner: str = "hook-owner",
        locked: bool = False,
        display_name: str = "",
        username: str = "",
        icon_url: str = "",
        id: str | None = None,  # noqa: A002 - the server's word
    ) -> Hook:
        """Add an incoming webhook into a channel, by name. Raises KeyError."""
        with self._lock:
            target, user = self.find_channel(channel), self.find_user(owner)
            if target is None or user is None:
                raise KeyError(channel if target is None else owner)
            hook = Hook(
                id or self._ids.new(), user.id, self.team.id, target.id, display_name, username, icon_url, locked
            )
            self.hooks[hook.id] = hook
            return hook

    def delete_hook(self, hook_id: str) -> None:
        """Delete a hook; it answers "Invalid webhook." from now on. Raises KeyError."""
        with self._lock:
            del self.hooks[hook_id]

    def find_user(self, username: str) -> User | None:
        """The account of that name, whatever its case."""
        wanted = username.lower()
        with self._lock:
            return next((user for user in self.users.values() if user.username.lower() == wanted), None)

    def find_channel(self, name: str) -> Channel | None:
        """The channel of that name (not its display name) that is not archived."""
        with self._lock:
            return next((each for each in self.channels.values() if each.name == name and not each.archived), None)

    def _keep_channel(
        self,
        name: str,
        team_id: str,
        kind: ChannelKind,
        members: frozenset[str],
        outside: frozenset[str] = frozenset(),
    ) -> Channel:
        with self._lock:
            channel = Channel(self._ids.new(), name, team_id, kind, members, outside)
            self.channels[channel.id] = channel
            return channel


def is_member(town: Town, user_id: str, channel: Channel) -> bool:
    """Whether an account may write there, and is told of what happens."""
    is_in = user_id not in channel.outside if channel.kind == "O" else user_id in channel.members
    return user_id in town.users and is_in


def may_see(town: Town, user_id: str, channel: Channel) -> bool:
    """Whether an account may know of the channel, and read single posts: everybody of the team where it is open."""
    return user_id in town.users and (channel.kind == "O" or user_id in channel.members)
