"""What the pages show of posts and times, as plain values: no HTML here but a post's own, and no HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from markupsafe import Markup

from bridge.admin.safe_markdown import to_html, to_line, to_words
from bridge.core.posts import post_from_bytes
from bridge.operate.hidden_values import hide_in_value
from bridge.operate.operator_times import rfc3339
from broker.model import Delivery


@dataclass(frozen=True, slots=True)
class FieldView:
    """One named value of a post."""

    title: Markup
    value: Markup
    short: bool


@dataclass(frozen=True, slots=True)
class PostView:
    """A post as people will see it; ``body`` is the exact payload of one that has no text, as JSON."""

    id: str
    at: str
    username: str
    channel: str
    title: str | Markup
    url: str
    color: str
    html: Markup
    fields: tuple[FieldView, ...]
    footer: Markup
    body: str


def post_view(delivery: Delivery) -> PostView:
    """What a page shows of a delivery's post."""
    new = delivery.new
    post = post_from_bytes(new.post)
    url = post.url if post.url.startswith(("https://", "http://")) else ""
    return PostView(
        id=delivery.id,
        at=rfc3339(delivery.settled_us or new.created_us),
        username=str(post.overrides.get("username") or "ams-bridge"),
        channel=str(post.overrides.get("channel") or new.destination),
        title=to_words(post.title) if url else to_line(post.title),
        url=url,
        color=post.severity or new.severity,
        html=to_html(post.text),
        fields=tuple(FieldView(to_line(field.title), to_line(field.value), field.short) for field in post.fields),
        footer=to_line(post.footer),
        body=format_json(hide_in_value(post.body)) if post.body is not None else "",
    )


def format_json(value: Any) -> str:
    """A value as JSON for people to read."""
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()


def short_time(at: str | None) -> str:
    """A time of the API as a page shows it where no script makes it local: ``2026-01-05 12:00:00Z``."""
    return f"{at[:10]} {at[11:19]}Z" if at else "—"


def many(number: float) -> str:
    """A number as people read it, with separators between thousands: ``1,234,567``."""
    return f"{number:,}"


def short_duration(seconds: float | None) -> str:
    """Seconds in the largest unit that leaves a whole number worth reading: ``45 s``, ``12 min``, ``3 h``, ``2 d``."""
    if seconds is None:
        return "—"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
