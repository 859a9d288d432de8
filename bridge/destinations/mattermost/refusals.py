"""What it means that Mattermost refused a bot's post or edit: the one plainer form worth a try."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import httpx

from bridge.destinations.kit.http_call import HttpAnswer
from bridge.destinations.mattermost.rest import error_id

_PRIORITY_REFUSED: Final = re.compile(r"priority|^license_error\.|^api\.context\.invalid_param\.")

_NOT_THE_POSTS: Final = frozenset({401, 407, 408, 425, 429})
"""The token's, or for later: nothing that an edit is refused with for good."""

BotForm: TypeAlias = Literal[
    "", "without-priority", "without-thread", "without-history", "other-channel", "small", "cut"
]
"""The full form, and the plainer ones."""


def plainer_of(answer: HttpAnswer, body: Mapping[str, Any]) -> BotForm | None:
    """The one plainer form worth a try after a refusal, judged by the error's id."""
    wrong = error_id(answer)
    if wrong.endswith(".is_valid.props.app_error"):
        return "small"
    if _is_about_body(answer, wrong):
        return "cut"
    if "metadata" in body and _PRIORITY_REFUSED.search(wrong):
        return "without-priority"
    if "root_id" in body and wrong.endswith("root_id.app_error"):
        return "without-thread"
    return None


def explain_closed_channel(answer: HttpAnswer) -> str:
    """Why the channel takes no posts (gone, or not the bot's to write to), and what to do; "" when nothing says so."""
    if error_id(answer).endswith("can_not_post_to_deleted.error"):
        return "the channel is archived"
    if answer.status == httpx.codes.FORBIDDEN:
        return "the bot may not post there: invite it to the channel (/invite), or give it post:channels"
    return "there is no such channel" if answer.status == httpx.codes.NOT_FOUND else ""


def is_final_for_post(answer: HttpAnswer) -> bool:
    """Whether a refused edit says that this post will never be changed: all but what is about the body or the token.

    A post is deleted, its channel archived or closed, its time over, the permission taken away: servers have many words
    for it, and new ones come. What all of them leave possible is a new post.
    """
    is_refusal = 400 <= answer.status < 500 and answer.status not in _NOT_THE_POSTS
    return is_refusal and not _is_about_body(answer, error_id(answer))


def is_too_old(answer: HttpAnswer) -> bool:
    """Whether a refused edit says that the post stands, and only its time to be changed is over."""
    return error_id(answer).endswith("permissions_time_limit.app_error")


def _is_about_body(answer: HttpAnswer, wrong: str) -> bool:
    return answer.status == httpx.codes.REQUEST_ENTITY_TOO_LARGE or wrong.startswith("model.post.is_valid.")
