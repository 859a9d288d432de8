"""Stands before every place that takes a token: slows guesses down, and puts each wrong token on the audit trail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from bridge.core.audit import AuditEntry
from bridge.core.guesses import GuessLimit, Whence

Note: TypeAlias = Callable[[AuditEntry], Awaitable[None]]
"""Puts an entry on the audit trail."""
TOO_MANY: Final = "too many wrong tokens came from this address: wait {} s"


class TokenGate:
    """Slows down wrong tokens at one place, asked before a token is used.

    ``is_known`` says of a token's digest whether anybody has it.
    """

    def __init__(self, limit: GuessLimit, is_known: Callable[[str], bool], note: Note) -> None:
        self._limit = limit
        self._is_known = is_known
        self._note = note

    async def wait_s(self, digest: str, whence: Whence, place: str, what: str = "token") -> int:
        """Seconds to wait before a token from there is looked at; 0 when it was.

        ``place`` is where it was given, ``what`` the word for a wrong one on the audit trail.
        """
        return await self.judge_s(digest, whence, place, is_right=self._is_known(digest), what=what)

    async def judge_s(self, digest: str, whence: Whence, place: str, *, is_right: bool, what: str = "token") -> int:
        """Seconds to wait, as ``wait_s`` says, where only the place tells right from wrong: a receiver's token."""
        wait_s = self._limit.wait_s(whence, digest)
        if wait_s:
            return wait_s
        if is_right:
            self._limit.accept(whence, digest)
            return 0
        next_s = self._limit.refuse(whence, digest)
        after = {"wait_s": next_s} if next_s else {}
        entry = AuditEntry(what=what, address=whence.address, target=place, outcome="refused", after=after)
        await self._note(entry)
        return 0
