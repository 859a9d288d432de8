"""Every error a use case raises, as one small tree; whoever shows it (API, page, chat) gives it its form.

::

    OperateError                      what was asked for cannot be done; nothing was changed
    ├── InvalidInput(place, why)      what was given cannot be: ``place`` names it
    ├── NoSuchThing(kind, name)       what was named does not exist, or not any more
    ├── LimitReached(what, most)      no more of these at once: later, again
    ├── ReloadFailed(refused)         the files have problems, and everything stays as it was
    ├── UnreachableTable(what, why)   something outside of the daemon does not answer: later, again
    ├── AmsRefused(code, message)      the AMS API does not let whoever asks do this, or it cannot be
    └── Undecidable(offset, cause)    a bug of ours met in deciding one message

Errors of the store (``broker.errors``) pass through as they are.
"""

from __future__ import annotations

from bridge.operate.reload_outcome import ReloadRefused


class OperateError(Exception):
    """Something an operator asked for that cannot be done; the text says what would help."""


class InvalidInput(OperateError):
    """What was given at ``place`` cannot be, and ``why``; the text names the place where ``why`` does not."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(why)
        self.place = place
        self.why = why


class NoSuchThing(OperateError):
    """No ``kind`` of this name exists; the text says what may have become of it, or what was meant."""

    def __init__(self, kind: str, name: str, text: str = "") -> None:
        super().__init__(text or f"there is no such {kind}")
        self.kind = kind
        self.name = name


class LimitReached(OperateError):
    """No more of ``what`` may be made: ``most`` exist already."""

    def __init__(self, what: str, most: int) -> None:
        super().__init__(f"{most} {what} are open already")
        self.what = what
        self.most = most


class ReloadFailed(OperateError):
    """The files could not be taken up."""

    def __init__(self, refused: ReloadRefused) -> None:
        super().__init__(f"nothing was reloaded, the old settings and rules stay in force:\n{refused.text}")
        self.refused = refused


class AmsRefused(OperateError):
    """What the AMS API answers, in its own words, with the status that it has over HTTP."""

    code: int = 400

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class UnreachableTable(OperateError):
    """``what`` is outside of the daemon and cannot be asked now, and ``why``."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what} cannot be read: {why}")
        self.what = what
        self.why = why


class Undecidable(OperateError):
    """A message that cannot be decided: a bug costs this message alone, as in a router."""

    def __init__(self, offset: int, cause: str) -> None:
        super().__init__(f"message {offset} cannot be decided: {cause}")
        self.offset = offset
        self.cause = cause
