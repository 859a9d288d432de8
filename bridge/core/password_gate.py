"""Stands before passwords: slows guesses down, by the address they come from and by the name they are tried at."""

from __future__ import annotations

import hashlib
from typing import Final

from bridge.core.audit import AuditEntry
from bridge.core.guesses import GuessLimit, Whence
from bridge.core.passwords import PasswordsWait
from bridge.core.token_gate import Note

TOO_MANY_PASSWORDS: Final = "too many wrong passwords were tried: wait {} s"


class PasswordGate:
    """Slows down wrong passwords. Asked before one is compared, and told afterwards.

    A password that was right from an address goes on being taken from there, so nobody locks its owner out by guessing.
    ``key`` makes it worthless to whoever reads the memory of what was right.
    """

    def __init__(self, by_address: GuessLimit, by_name: GuessLimit, key: bytes, note: Note) -> None:
        self._by_address = by_address
        self._by_name = by_name
        self._key = key
        self._note = note

    def check(self, name: str, password: str, whence: Whence) -> None:
        """Let a password be looked at now. Raises PasswordsWait."""
        digest = self._digest(name, password)
        wait_s = max(self._by_address.wait_s(whence, digest), self._by_name.wait_s(_at_name(name, whence), digest))
        if wait_s:
            raise PasswordsWait(wait_s, TOO_MANY_PASSWORDS.format(wait_s))

    def accept(self, name: str, password: str, whence: Whence) -> None:
        """Note that the password was right."""
        digest = self._digest(name, password)
        self._by_address.accept(whence, digest)
        self._by_name.accept(_at_name(name, whence), digest)

    async def refuse(self, name: str, password: str, whence: Whence) -> None:
        """Note that the password was wrong, and put that on the audit trail. The name tried is only the target."""
        digest = self._digest(name, password)
        waits_s = self._by_address.refuse(whence, digest), self._by_name.refuse(_at_name(name, whence), digest)
        after = {"wait_s": max(waits_s)} if max(waits_s) else {}
        entry = AuditEntry(
            what="login", address=whence.address, target=f"/login as {name}", outcome="refused", after=after
        )
        await self._note(entry)

    def _digest(self, name: str, password: str) -> str:
        return hashlib.blake2b(f"{name}\0{password}".encode("utf-8", "surrogatepass"), key=self._key).hexdigest()


def _at_name(name: str, whence: Whence) -> Whence:
    """What is counted for a name, wherever it is tried from."""
    return Whence(f"name {name}", whence.peer)
