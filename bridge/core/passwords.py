"""Passwords of people: hashed with argon2id beside the event loop, one at a time, so that nobody waits for logins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from broker.beside import Beside

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST_PASSWORD: Final = 10
LONGEST_PASSWORD: Final = 1_000
_MEMORY_KIB: Final = 19 * 1024
_PASSES: Final = 2
_MOST_WAITING: Final = 20
"""A hash takes about a thirtieth of a second and one runs at a time: more than so many would wait too long."""


class PasswordsWait(Exception):
    """A password is not looked at now but in ``wait_s`` seconds; the text says why."""

    def __init__(self, wait_s: int, text: str) -> None:
        super().__init__(text)
        self.wait_s = wait_s


class Passwords:
    """Hashes passwords, and says whether one is right."""

    def __init__(self) -> None:
        self._beside = Beside()
        self._waiting = 0
        self._nobodys = ""

    async def hash_password(self, password: str) -> str:
        """What is kept of a password: a text that holds salt and costs, and from which it cannot be read."""
        hasher = _hasher()
        return await self._beside.run(lambda: str(hasher.hash(password)), large=True)

    async def is_right(self, password_hash: str, password: str) -> bool:
        """Whether it is the password that was hashed. Takes the same time where there is no hash ("").

        Raises PasswordsWait.
        """
        if self._waiting >= _MOST_WAITING:
            raise PasswordsWait(1, "many people log in just now: try again")
        self._waiting += 1
        try:
            self._nobodys = self._nobodys or await self.hash_password("a password that nobody has")
            given = password[:LONGEST_PASSWORD]
            return await self._beside.run(lambda: _verify(password_hash or self._nobodys, given), large=True) and bool(
                password_hash
            )
        finally:
            self._waiting -= 1


def _verify(password_hash: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return bool(_hasher().verify(password_hash, password))
    except (VerificationError, InvalidHashError):
        return False


def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # with its compiled part, only where somebody has a password

    return PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=1)
