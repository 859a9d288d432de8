"""Who listens on a websocket, and what each is told, as the server publishes it. Safe to use from any thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Tell = Callable[["Event"], None]


@dataclass(frozen=True, slots=True)
class Event:
    """An event for websockets; who may not read ``channel_id`` is not told. ``team_id`` stands in what is broadcast."""

    name: str
    data: Mapping[str, Any]
    channel_id: str = ""
    team_id: str = ""

    def frame(self, seq: int) -> dict[str, Any]:
        """The event as it goes over the wire, under the connection's next number."""
        broadcast = {
            "omit_users": None,
            "user_id": "",
            "channel_id": self.channel_id,
            "team_id": self.team_id,
            "connection_id": "",
            "omit_connection_id": "",
        }
        return {"event": self.name, "data": dict(self.data), "broadcast": broadcast, "seq": seq}


@dataclass(eq=False)
class Line:
    """One open websocket. ``user_id`` is "" until the client has proved who it is; ``cut`` resets the connection."""

    loop: asyncio.AbstractEventLoop
    cut: Callable[[], None]
    user_id: str = ""
    waiting: asyncio.Queue[Event] = field(default_factory=asyncio.Queue)

    def tell(self, event: Event) -> None:
        """Let an event go out, from whatever thread."""
        try:
            self.loop.call_soon_threadsafe(self.waiting.put_nowait, event)
        except RuntimeError:  # the loop has ended, and the connection with it
            return


class Hub:
    """The open websockets of one server.

    ``refusing`` answers 503 to whoever wants to connect; ``lose`` is how many of the next events get their number and
    are not sent, as when a connection cannot keep up.
    """

    def __init__(self) -> None:
        self.refusing = False
        self.lose = 0
        self.opened = 0
        self._lines: list[Line] = []
        self._moved = threading.Condition()

    def join(self, line: Line) -> None:
        """Add a websocket whose client has proved who it is."""
        with self._moved:
            self._lines.append(line)
            self.opened += 1
            self._moved.notify_all()

    def leave(self, line: Line) -> None:
        """Remove a websocket that is closed."""
        with self._moved:
            if line in self._lines:
                self._lines.remove(line)
            self._moved.notify_all()

    @property
    def count(self) -> int:
        """How many listen now."""
        with self._moved:
            return len(self._lines)

    def publish(self, event: Event, may_hear: Callable[[str], bool]) -> None:
        """Tell everybody whose user id ``may_hear``."""
        with self._moved:
            for line in self._lines:
                if may_hear(line.user_id):
                    line.tell(event)

    def cut(self) -> int:
        """Cut every connection off without a word, and say how many there were."""
        with self._moved:
            lines = list(self._lines)
        for line in lines:
            line.loop.call_soon_threadsafe(line.cut)
        return len(lines)

    def wait_opened(self, count: int, timeout_s: float) -> None:
        """Return once so many have connected since the start, the closed ones included. Raises TimeoutError."""
        with self._moved:
            if not self._moved.wait_for(lambda: self.opened >= count, timeout_s):
                raise TimeoutError(f"{self.opened} of {count} websockets were opened within {timeout_s:g} s")
