"""The table of open connections: who waits for what and since when, who is overdue, and who gives way when it is full.

A connection that the app works for stands in no line: it has no deadline and never gives way. Every other one stands in
the line of what it waits for, in the order in which it began to, so finding those that are overdue costs nothing.
"""

from __future__ import annotations

from typing import Final, Protocol

from bridge.front.http_refusals import RefusalLog
from bridge.front.limits import ConnectionLimits
from broker.clock import Clock

_FULL_FOR_S: Final = 60.0
_HEARD_WITHIN_S: Final = 0.25
"""So long a connection that has just come is left alone, that it may be heard."""

_HURRIED_S: Final = 2.0
"""Well within what a stop waits for answers, so that half a request neither prolongs it nor breaks off in the app."""


class Waiter(Protocol):
    """A connection as the table sees it."""

    line: Line | None
    client_name: str

    def end_overdue(self, line: Line) -> None:
        """End the connection, or ask for more time, once its time in the line is over."""

    def give_way(self) -> None:
        """End the connection at once: another needs the room."""


class Line:
    """Connections that wait for the same thing, those that wait longest first."""

    __slots__ = ("limit_s", "since")

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.since: dict[Waiter, float] = {}


class ConnectionTable:
    """All connections of the daemon's servers, and the limits they share."""

    def __init__(self, limits: ConnectionLimits, clock: Clock) -> None:
        self.limits = limits
        self.refusals = RefusalLog(clock)
        self.handshake = Line(limits.handshake_s)
        self.head = Line(limits.head_s)
        self.body = Line(limits.body_s)
        self.reader = Line(limits.body_s)
        self.closing = Line(limits.closing_s)
        self.idle = Line(limits.idle_s)
        self.open = 0
        self._clock = clock
        self._full_at_s: float | None = None
        self._owing = (self.handshake, self.head, self.body, self.reader)
        self._lines = (self.closing, self.idle, *self._owing)

    def admit(self, client: str) -> bool:
        """Whether one more connection may stay; when the table is full, the one that waits longest gives way to it."""
        if self.open >= self.limits.connections:
            self._full_at_s = self._clock.monotonic()
            if not self.make_room():
                self.refusals.record("no_room", client, "every connection is being answered")
                return False
        self.open += 1
        return True

    def make_room(self) -> bool:
        """End the connection that waits longest. False when none waits."""
        waiter = self._longest_waiting()
        if waiter is None:
            return False
        self.leave_line(waiter)
        self.refusals.record("waited_longest", waiter.client_name, "as many connections are open as may be")
        waiter.give_way()
        return True

    def is_pressed(self) -> bool:
        """Whether the table is full of those who have only just come: nobody is to give way before being heard."""
        if self.open < self.limits.connections:
            return False
        waiter = self._longest_waiting()
        return waiter is not None and self._waits_s(waiter) < _HEARD_WITHIN_S

    def _longest_waiting(self) -> Waiter | None:
        """Who gives way next: who is leaving; who keeps others waiting; who is kept for later; else the oldest."""
        leaving, kept = self._first(self.closing), self._first(self.idle)
        owing = [first for line in self._owing if (first := self._first(line)) is not None]
        oldest = max(owing, key=self._waits_s, default=None)
        if leaving is not None:
            return leaving
        if oldest is not None and (kept is None or self._waits_s(oldest) >= _HEARD_WITHIN_S):
            return oldest
        return kept

    @staticmethod
    def _first(line: Line) -> Waiter | None:
        return next(iter(line.since), None)

    def _waits_s(self, waiter: Waiter) -> float:
        return self._clock.monotonic() - waiter.line.since[waiter] if waiter.line is not None else 0

    def close_one(self) -> None:
        """Note that a connection that was admitted is gone."""
        self.open -= 1

    def enter_line(self, waiter: Waiter, line: Line) -> None:
        """Let the connection wait from now on in this line, at its end."""
        if waiter.line is not None:
            del waiter.line.since[waiter]
        waiter.line = line
        line.since[waiter] = self._clock.monotonic()

    @staticmethod
    def leave_line(waiter: Waiter) -> None:
        """Let the connection wait no longer."""
        if waiter.line is not None:
            del waiter.line.since[waiter]
            waiter.line = None

    def end_overdue(self) -> None:
        """End every connection whose time is over; called every second."""
        now_s = self._clock.monotonic()
        for line in self._lines:
            while line.since:
                waiter = next(iter(line.since))
                if now_s - line.since[waiter] < line.limit_s:
                    break
                self.leave_line(waiter)
                waiter.end_overdue(line)
        self.refusals.tell_rest()

    def hurry(self) -> None:
        """The daemon stops: who owes something, or does not read, is overdue before everybody's answers are cut off."""
        for line in self._lines:
            line.limit_s = min(line.limit_s, _HURRIED_S)

    def full(self) -> str:
        """What ``/readyz`` says while the table is full or was within the minute; "" otherwise."""
        if self._full_at_s is None or self._clock.monotonic() - self._full_at_s > _FULL_FOR_S:
            return ""
        return (
            f"{self.open} connections are open, {self.limits.connections} may be (server.connections): "
            "those that wait longest give way"
        )
