"""Whether a Mattermost bot could post in a channel, asked by questions alone: not even a direct channel is made.

A name that can be looked up is not enough: everybody of a team may look up its open channels and the archived ones, and
only members may post.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeAlias

import msgspec

from bridge.destinations.base import Delivered, Later, Outcome, Refused
from bridge.destinations.mattermost.attachment import channel_name
from bridge.destinations.mattermost.rest import Directory, Rest, decode_answer

_POSTS_EVERYWHERE: Final = "system_post_all"
_POSTS_IN_OPEN_CHANNELS: Final = "system_post_all_public"


class _Account(msgspec.Struct, frozen=True):
    """The bot itself, as far as we look at it."""

    id: str
    username: str = ""
    roles: str = ""

    def may_post_uninvited(self, is_open: bool) -> bool:
        """Whether it needs no place in a channel to post there."""
        roles = self.roles.split()
        return _POSTS_EVERYWHERE in roles or (is_open and _POSTS_IN_OPEN_CHANNELS in roles)


class _Channel(msgspec.Struct, frozen=True):
    """A channel, as far as we look at it."""

    id: str
    type: str = ""
    delete_at: int = 0


class _Place(msgspec.Struct, frozen=True):
    """Somebody's place in a channel."""

    channel_id: str


_Wrong: TypeAlias = Later | Refused


async def ask_ready(rest: Rest, directory: Directory, team: str, channel: str, fallback: str) -> Outcome:
    """Whether posts can be made in the channel and, if one is named, in the other one. Never unclear."""
    answer = await rest.call("GET", "/users/me")
    if isinstance(answer, Later):
        return replace(answer, unclear=False)
    me = decode_answer(answer, _Account)
    if me is None:
        return rest.classify_failure(answer)
    wrong = await _wrong_with(rest, directory, me, team, channel_name(channel))
    if wrong is None and fallback:
        wrong = await _wrong_with(rest, directory, me, team, channel_name(fallback))
        if isinstance(wrong, Refused):
            wrong = replace(wrong, reason=f"the fallback_channel: {wrong.reason}")
    return wrong or Delivered()


async def _wrong_with(rest: Rest, directory: Directory, me: _Account, team: str, channel: str) -> _Wrong | None:
    if channel.startswith("@"):
        target_id = await directory.find_user_id(channel[1:])
        return None if isinstance(target_id, str) else target_id
    target_id = await directory.find_channel_id(team, channel)
    if not isinstance(target_id, str):
        return target_id
    answer = await rest.call("GET", f"/channels/{target_id}")
    if isinstance(answer, Later):
        return replace(answer, unclear=False)
    seen = decode_answer(answer, _Channel)
    if seen is None:
        failure = rest.classify_failure(answer)
        if isinstance(failure, Later) or failure.destination_gone:
            return failure
        return Refused(f'there is no channel "{channel}", or it is closed to the bot: {failure.reason}')
    if seen.delete_at:
        return Refused(f'the channel "{channel}" is archived')
    if me.may_post_uninvited(seen.type == "O"):
        return None
    answer = await rest.call("GET", f"/channels/{target_id}/members/me")
    if isinstance(answer, Later):
        return replace(answer, unclear=False)
    if decode_answer(answer, _Place) is not None:
        return None
    failure = rest.classify_failure(answer)
    if isinstance(failure, Later) or failure.destination_gone:
        return failure
    return Refused(f'the bot is no member of the channel "{channel}": invite it there, /invite @{me.username}')
