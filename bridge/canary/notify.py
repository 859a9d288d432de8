"""The deliveries of canaries: the marked post itself, and what the other destination is told.

What is told is an incident of its own: where a destination can change its posts, the end changes the post that told of
the beginning.
"""

from __future__ import annotations

from typing import Final

from bridge.canary.state import CanaryRow
from bridge.core.built_in_rules import CANARY_RULE
from bridge.core.posts import post_to_bytes
from bridge.destinations.canary_settings import CanarySettings
from bridge.destinations.kit.payload import rfc3339_ms
from broker.clock import US_PER_S
from broker.model import NewDelivery
from rules.model import Phase, Post
from rules.rendering.escape import escape_md
from rules.source.words import duration_text

_FIRST: Final = 3  # critical: a canary goes as the posts do that may least be late


def canary_delivery(destination: str, delivery_id: str, now_us: int) -> NewDelivery:
    """The canary: a silent post that holds its own id as the marker to look for."""
    text = f"ams-bridge canary {delivery_id}: nothing to do, this looks whether posts arrive here"
    return _delivery(
        destination,
        delivery_id,
        f"canary/{destination}",
        Post(text=text, overrides={"silent": True}),
        phase="message",
        key=destination,
        incident="",
        now_us=now_us,
    )


def tell_failure(
    destination: str, canary: CanarySettings, known: CanaryRow, delivery_id: str, now_us: int
) -> NewDelivery:
    """The delivery that tells the other destination that canaries begin to fail."""
    post = Post(
        title=f"{destination}: posts do not arrive",
        text=(
            f"The canary of {rfc3339_ms(known.sent_us)} for `{destination}` was not found in the channel within "
            f"{duration_text(canary.within)}: {escape_md(known.reason)}\n\n"
            f"What is sent to `{destination}` may not be read by anybody until this is over."
        ),
        severity="critical",
    )
    return _incident_delivery(destination, canary, known, post, "firing", delivery_id, now_us)


def tell_recovery(
    destination: str, canary: CanarySettings, before: CanaryRow, delivery_id: str, now_us: int
) -> NewDelivery:
    """The delivery that tells the other destination that canaries arrive again; ``before`` was known until now."""
    lasted = duration_text(max(0, now_us - before.since_us) // US_PER_S)
    post = Post(
        title=f"{destination}: posts arrive again",
        text=f"The last canary for `{destination}` was found in the channel. Canaries had failed for {lasted}.",
        severity="ok",
    )
    return _incident_delivery(destination, canary, before, post, "resolved", delivery_id, now_us)


def _incident_delivery(
    destination: str, canary: CanarySettings, known: CanaryRow, post: Post, phase: Phase, delivery_id: str, now_us: int
) -> NewDelivery:
    incident = f"canary/{destination}/{known.since_us}"
    return _delivery(
        canary.tell, delivery_id, incident, post, phase=phase, key=destination, incident=incident, now_us=now_us
    )


def _delivery(
    to: str, delivery_id: str, order_key: str, post: Post, *, phase: Phase, key: str, incident: str, now_us: int
) -> NewDelivery:
    return NewDelivery(
        id=delivery_id,
        origin=f"canary/{delivery_id}",
        rule=CANARY_RULE,
        send=0,
        part=0,
        parts=1,
        destination=to,
        order_key=order_key,
        priority=_FIRST,
        post=post_to_bytes(post),
        phase=phase,
        key=key,
        incident=incident,
        stands_for=1,
        topic_uid="",
        offset=-1,
        version="",
        places={},
        severity=post.severity,
        due_us=now_us,
        created_us=now_us,
    )
