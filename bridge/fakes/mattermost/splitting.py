"""What the server does with a webhook post that is too large for one: several posts, attachments on the last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from bridge.fakes.mattermost.attachments import props_runes
from bridge.fakes.mattermost.errors import AppError
from bridge.fakes.mattermost.settings import Settings

_MOST_RUNES_PER_BYTE = 20  # "<" becomes \u003c in the server's JSON, and an attachment has names for all it leaves out
Attachments: TypeAlias = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One of the posts that a webhook's post is split into."""

    text: str
    attachments: Attachments = ()


def split_post(
    text: str, attachments: Sequence[Mapping[str, Any]], props: Mapping[str, Any], body_bytes: int, settings: Settings
) -> list[Part]:
    """The posts a webhook's post becomes, seldom more than one. Raises AppError when the props are too large.

    ``body_bytes`` is the size of the request: a small one need not be measured.
    """
    size = settings.max_post_runes
    cuts = range(0, max(len(text), 1), size)
    parts = [Part(text[start : start + size]) for start in cuts]
    limit = settings.webhook_props_limit_runes
    if body_bytes * _MOST_RUNES_PER_BYTE <= limit:
        parts[-1] = Part(parts[-1].text, tuple(attachments))
        return parts
    if props_runes(props) > limit:
        raise _too_large(limit)
    for attachment in attachments:
        _add(parts, attachment, props, settings)
    return parts


def _add(parts: list[Part], attachment: Mapping[str, Any], props: Mapping[str, Any], settings: Settings) -> None:
    last = parts[-1]
    over = _over((*last.attachments, attachment), props, settings)
    if over > 0 and last.attachments:
        parts.append(Part("", ()))
        last = parts[-1]
        over = _over((attachment,), props, settings)
    if over > 0:
        text = attachment.get("text") or ""
        if len(text) < over:
            raise _too_large(settings.webhook_props_limit_runes)
        attachment = {**attachment, "text": text[: len(text) - over]}
    parts[-1] = Part(last.text, (*last.attachments, attachment))


def _over(attachments: Attachments, props: Mapping[str, Any], settings: Settings) -> int:
    return props_runes(props, attachments, fills_in=settings.is_of_5) - settings.webhook_props_limit_runes


def _too_large(limit: int) -> AppError:
    return AppError("web.incoming_webhook.split_props_length.app_error", 400, max=limit)
