"""PostgreSQL's errors, and what they are to us. Nothing outside this package knows ``psycopg.Error``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec
import psycopg

from broker.errors import StoreCorrupt, StoreTrouble, StoreUnavailable, StoreUnusable

_REASONS: Final[Mapping[str, tuple[str, StoreTrouble]]] = {
    "53100": ("its disk is full; make room, it goes on by itself", "full"),
    "53200": ("it has no memory left", "failed"),
    "53300": ("it takes no more connections; raise max_connections, or end some", "locked"),
    "58030": ("its disk failed to read or write; see its log", "failed"),
    "25006": ("it takes no writes: it is a standby, or was told to be read only", "denied"),
    "42501": ("access is denied; see what the user may do there", "denied"),
    "57P01": ("it was shut down; it goes on when it is back", ""),
    "57P03": ("it is starting", ""),
    "55P03": ("another program has a table locked; end that program", "locked"),
}
_UNUSABLE: Final[Mapping[str, str]] = {
    "28P01": "the password is not right",
    "28000": "the user may not connect; see pg_hba.conf and the user's rights",
    "3D000": "the database does not exist; create it",
    "42501": "the user may not create tables there; grant CREATE on the schema",
}
_AGAIN: Final = ("40001", "40P01", "42P01")
"""Two transactions were in each other's way; or a table was dropped between a look at which there are and its use."""


def reason_of(error: Exception) -> str:
    """The first line of what PostgreSQL or the driver said: nothing of the values is in it."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__


def store_error(error: Exception) -> StoreUnavailable | StoreCorrupt:
    """What an error of PostgreSQL's, or of reading a row, means for who called the store."""
    if isinstance(error, msgspec.DecodeError | UnicodeDecodeError):
        return StoreCorrupt(f"what is written in the database cannot be read; restore a backup ({error})")
    code = getattr(error, "sqlstate", None) or ""
    if code[:2] == "XX":
        return StoreCorrupt(f"PostgreSQL says that its files are damaged; restore a backup ({reason_of(error)})")
    reason, trouble = _REASONS.get(code, ("", ""))
    if reason:
        return StoreUnavailable(f"the database cannot serve: {reason} ({code})", trouble)
    return StoreUnavailable(f"the database cannot serve: {reason_of(error)}" + (f" ({code})" if code else ""))


def opening_error(error: Exception, place: str) -> StoreUnavailable | StoreCorrupt:
    """The same for opening: what no waiting mends is told apart."""
    code = getattr(error, "sqlstate", None) or _code_in(str(error))
    if code in _UNUSABLE:
        return StoreUnusable(f"{place}: {_UNUSABLE[code]} ({code})")
    if isinstance(error, psycopg.OperationalError) and not code:
        return StoreUnavailable(f"{place} cannot be reached: {reason_of(error)}")
    return store_error(error)


def is_broken(error: Exception) -> bool:
    """Whether the connection is of no use any more, so that another one may fare better."""
    if isinstance(error, psycopg.InterfaceError):
        return True
    code = getattr(error, "sqlstate", None) or ""
    if code == "25P03":  # the session was paused within a transaction, and the server ended it
        return True
    return isinstance(error, psycopg.OperationalError) and (not code or code[:2] in ("08", "57"))


def is_of_the_moment(error: Exception) -> bool:
    """Whether two transactions were in each other's way: the same once more may succeed."""
    return getattr(error, "sqlstate", None) in _AGAIN


@contextmanager
def translate_errors() -> Iterator[None]:
    """Let errors of PostgreSQL's leave the block as StoreUnavailable or StoreCorrupt."""
    try:
        yield
    except (psycopg.Error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise store_error(error) from error


def _code_in(text: str) -> str:
    """The code of a refusal while connecting, for which the driver gives none."""
    codes = {
        "password authentication failed": "28P01",
        "no password supplied": "28P01",
        "no pg_hba.conf entry": "28000",
        'role "': "28000",
        'database "': "3D000",
    }
    return next((code for words, code in codes.items() if words in text and "starting up" not in text), "")
