"""What it means that Mattermost refused a bot's post or edit: the one plainer form worth a try."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import httpx

from bridge.destinations.mattermost_rest import error_id
from bridge.destinations.posting import Answer

_PRIORITY_REFUSED: Final = re.compile(r"priority|^license_error\.|^api\.context\.invalid_param\.")

Form: TypeAlias = Literal["", "without-priority", "without-thread", "without-history", "other-channel", "cut"]
"""The full form, and the plainer ones."""


def plainer_of(answer: Answer, body: Mapping[str, Any]) -> Form | None:
    """The one plainer form worth a try after a refusal, judged by the error's id."""
    wrong = error_id(answer)
    if answer.status == httpx.codes.REQUEST_ENTITY_TOO_LARGE or wrong.startswith("model.post.is_valid."):
        return "cut"
    if "metadata" in body and _PRIORITY_REFUSED.search(wrong):
        return "without-priority"
    if "root_id" in body and wrong.endswith("root_id.app_error"):
        return "without-thread"
    return None


def is_closed(answer: Answer) -> bool:
    """Whether the channel is gone, or not the bot's to write to."""
    closed = (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND)
    return answer.status in closed or error_id(answer).endswith("can_not_post_to_deleted.error")
