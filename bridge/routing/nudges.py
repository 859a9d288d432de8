"""How one router wakes another: a timer of a topic may be set by the router of another one."""

from __future__ import annotations

import asyncio

from broker.model import Commit, StatePut


class Nudges:
    """Lets a router that set a timer for another topic wake that topic's router."""

    def __init__(self) -> None:
        self._events: dict[str, asyncio.Event] = {}

    def event_for(self, topic_uid: str) -> asyncio.Event:
        """The event of a topic; its router clears it before it looks."""
        return self._events.setdefault(topic_uid, asyncio.Event())

    def tell(self, commit: Commit, own_uid: str) -> None:
        """Wake the routers of other topics whose timers this commit set."""
        for change in commit.state:
            if isinstance(change, StatePut) and change.due_us is not None and change.topic_uid != own_uid:
                self.event_for(change.topic_uid).set()
