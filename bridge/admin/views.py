"""What the pages show, as plain values: no HTML here, and no HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from markupsafe import Markup

from bridge.admin.markdown import to_html
from bridge.emoji import with_emoji
from bridge.posts import post_from_bytes
from broker.clock import US_PER_S
from broker.model import Attempt, Balance, Delivery
from rules.model import Field

_SUMMARY_RUNES = 160


@dataclass(frozen=True, slots=True)
class PostView:
    """A post as the inbox shows it."""

    id: str
    at: str
    username: str
    channel: str
    title: str
    url: str
    color: str
    html: Markup
    fields: tuple[Field, ...]
    footer: str


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A delivery as tables and its own page show it."""

    id: str
    at: str
    due: str
    destination: str
    rule: str
    key: str
    state: str
    by: str
    tries: int
    version: str
    message: str
    summary: str
    html: Markup


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One try, as the delivery's page shows it."""

    at: str
    outcome: str
    unclear: bool
    reason: str
    took_ms: int


@dataclass(frozen=True, slots=True)
class DestinationView:
    """A destination's row on the overview."""

    name: str
    kind: str
    waiting: int = 0
    delivered: int = 0
    suppressed: int = 0
    dead: int = 0


def post_view(delivery: Delivery) -> PostView:
    """The inbox's view of a delivered post."""
    new = delivery.new
    post = post_from_bytes(new.post)
    return PostView(
        id=delivery.id,
        at=iso(delivery.settled_us or new.created_us),
        username=str(post.overrides.get("username") or "ams-bridge"),
        channel=str(post.overrides.get("channel") or new.destination),
        title=with_emoji(post.title),
        url=post.url if post.url.startswith(("https://", "http://")) else "",
        color=post.severity or new.severity,
        html=to_html(post.text),
        fields=tuple(replace(field, value=with_emoji(field.value)) for field in post.fields),
        footer=post.footer,
    )


def delivery_view(delivery: Delivery) -> DeliveryView:
    """The tables' view of a delivery."""
    new = delivery.new
    post = post_from_bytes(new.post)
    return DeliveryView(
        id=delivery.id,
        at=iso(new.created_us),
        due=iso(delivery.due_us) if delivery.state == "waiting" else "",
        destination=new.destination,
        rule=new.rule,
        key=new.key,
        state=delivery.state,
        by=delivery.by,
        tries=delivery.tries,
        version=new.version,
        message=new.origin,
        summary=with_emoji(" ".join((post.title or post.text).split()))[:_SUMMARY_RUNES],
        html=to_html(post.text),
    )


def attempt_view(attempt: Attempt) -> AttemptView:
    """The delivery page's view of one try."""
    return AttemptView(
        at=iso(attempt.at_us),
        outcome=attempt.outcome,
        unclear=attempt.unclear,
        reason=attempt.reason,
        took_ms=round(attempt.took_us / 1000),
    )


def destination_views(kinds: Mapping[str, str], balances: Iterable[Balance]) -> Sequence[DestinationView]:
    """One row per configured destination, then those that exist only in the books."""
    views = {name: DestinationView(name, kind) for name, kind in kinds.items()}
    for balance in balances:
        view = views.get(balance.destination) or DestinationView(balance.destination, "gone")
        views[view.name] = replace(
            view,
            waiting=view.waiting + balance.deliveries * (balance.state == "waiting"),
            delivered=view.delivered + balance.deliveries * (balance.state == "delivered"),
            suppressed=view.suppressed + balance.deliveries * (balance.state == "suppressed"),
            dead=view.dead + balance.deliveries * (balance.state == "dead"),
        )
    return list(views.values())


def iso(at_us: int) -> str:
    """A time as RFC 3339 text with whole seconds, UTC."""
    return datetime.fromtimestamp(at_us // US_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
