"""The built-in inbox: posts stay in the store, and the inbox page shows them.

A delivery holds its rendered post, so there is nothing to send: being settled as delivered is being in the inbox.
It stands in for a chat service in the demo and in trials, and is kept as long as deliveries are (``retention``).
"""

from __future__ import annotations

from typing import Literal

from bridge.destinations.base import Delivered, Outcome, Parcel, Preview
from bridge.destinations.config import DestinationConfig
from rules.model import DestinationFacts


class InboxConfig(DestinationConfig):
    """Settings of an inbox. There is nothing to set but what all destinations share."""

    type: Literal["inbox"] = "inbox"


class Inbox:
    """Keeps posts and shows them on the inbox page."""

    def __init__(self, name: str) -> None:
        self.facts = DestinationFacts(
            name=name, kind="inbox", overrides=frozenset({"channel", "username", "icon_emoji", "priority"})
        )

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination. Always delivered: the outbox has it on record."""
        return Delivered(receipt=parcel.id)

    async def probe(self) -> Outcome:
        """See Destination."""
        return Delivered()

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination."""
        return Preview(target="the inbox page", body={"title": parcel.post.title, "text": parcel.post.text})

    async def close(self) -> None:
        """See Destination. Nothing is held open."""
