"""What a call of HTTP is bounded by, and what comes of it; http_session.py makes it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was answered: the status, and as much of the body as was asked for and could be read.

    ``unread`` says why the body could not be read to its end.
    """

    status: int
    body: bytes
    unread: str = ""


class NoAnswer(Exception):
    """No answer came, not even a status; the text says why."""


@dataclass(frozen=True, slots=True)
class CallBounds:
    """How long a call may take, and how much of an answer's body is read, packed or not."""

    timeout_s: float
    longest_bytes: int
