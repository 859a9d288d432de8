"""Everything the stand-in server knows, in one record that its routes are given."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

from bridge.fakes.mattermost.board import Board
from bridge.fakes.mattermost.hub import Hub
from bridge.fakes.mattermost.settings import Settings
from bridge.fakes.mattermost.town import Ids, Town
from broker.clock import Clock

_REMEMBERED_S = 30.0


class PendingPosts:
    """Which ``pending_post_id`` led to which post, for 30 seconds: how the server makes a retry harmless."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, float]] = {}

    def find(self, pending_id: str) -> str | None:
        """The post's id, "" while it is being made, None when the id is unknown or forgotten."""
        with self._lock:
            post_id, until_s = self._known.get(pending_id, ("", 0.0))
            if pending_id not in self._known or self._clock.monotonic() >= until_s:
                self._known.pop(pending_id, None)
                return None
            return post_id

    def begin(self, pending_id: str) -> None:
        """Note that a post with this id is being made; another request with it is refused meanwhile."""
        self.end(pending_id, "")

    def end(self, pending_id: str, post_id: str) -> None:
        """Note that the post is made."""
        with self._lock:
            self._known[pending_id] = (post_id, self._clock.monotonic() + _REMEMBERED_S)

    def forget(self, pending_id: str) -> None:
        """Note that the post could not be made; a retry may."""
        with self._lock:
            self._known.pop(pending_id, None)


@dataclass(slots=True)
class World:
    """The state of one stand-in server: its town, board, settings and clock.

    ``broken_after`` says for each of the next webhook posts after how many parts creating fails.
    """

    settings: Settings
    clock: Clock
    ids: Ids
    town: Town
    board: Board
    pending: PendingPosts
    hub: Hub = field(default_factory=Hub)
    broken_after: deque[int] = field(default_factory=deque)

    @property
    def now_ms(self) -> int:
        """The time, as posts carry it."""
        return self.clock.wall_us() // 1000
