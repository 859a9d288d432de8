"""Which priorities a post may have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bridge.fakes.mattermost.errors import AppError
from bridge.fakes.mattermost.mentions import list_searched_texts, mentions_in
from bridge.fakes.mattermost.model import Priority
from bridge.fakes.mattermost.payload import PriorityAsked
from bridge.fakes.mattermost.settings import Settings

_KNOWN = {"": "", "standard": "", "important": "important", "urgent": "urgent"}


def grant_priority(asked: PriorityAsked | None, root_id: str, settings: Settings) -> Priority | None:
    """The priority a post gets. Raises AppError with the status of the REST API (a webhook makes it 400)."""
    if asked is None or not settings.knows_priority:
        return None
    if asked.priority is None or asked.priority not in _KNOWN:
        raise AppError("api.context.invalid_param.app_error", 400, name="priority")
    if not settings.post_priority:
        raise _priority_error("priority_post_not_allowed_for_user", 403)
    if root_id:
        raise _priority_error("priority_post_only_allowed_for_root_post", 400)
    if (asked.requested_ack or asked.persistent_notifications) and not settings.licensed:
        raise AppError("license_error.feature_unavailable", 501)
    if asked.persistent_notifications:
        if not settings.persistent_notifications:
            raise _priority_error("priority_post_not_allowed_for_user", 403)
        if asked.priority != "urgent":
            raise _priority_error("urgent_persistent_notification_post", 400)
    return Priority(_KNOWN[asked.priority], bool(asked.requested_ack), bool(asked.persistent_notifications))


def check_recipients(
    priority: Priority | None,
    text: str,
    attachments: Iterable[Mapping[str, Any]],
    usernames: frozenset[str],
    settings: Settings,
) -> None:
    """Check that a persistent notification has somebody to notify, and not too many. Raises AppError."""
    if priority is None or not priority.persistent_notifications:
        return
    mentions = mentions_in(list_searched_texts(text, attachments), usernames)
    if not mentions.users:
        raise _priority_error("min_recipients_persistent_notification_post", 400)
    if len(mentions.users) > settings.persistent_recipients:
        raise _priority_error("max_recipients_persistent_notification_post", 400, most=settings.persistent_recipients)


def _priority_error(name: str, status: int, *, most: int = 0) -> AppError:
    return AppError(f"api.post.post_priority.{name}.request_error", status, max=most)
