"""The audit trail: who did what, from where, and to what; one log line each (``event=audit``), and kept in the store.

Entries are messages of a log of their own, which no topic has; they go when they are older than ``retention.audit``,
and the oldest beyond a hundred thousand. A token, a password or an address with a secret in it is never part of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
import structlog

from broker.clock import Clock, moment_of, us
from broker.errors import BrokerError
from broker.model import NewMessage
from broker.names import AUDIT_LOG
from broker.store import Log

MOST_ENTRIES: Final = 100_000
_LONGEST_TEXT: Final = 500
_PAGE_BYTES: Final = 4 * 1024 * 1024
_READ: Final = 500

log = structlog.get_logger("audit")


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who did ``what`` to ``target``, from which address; ``before`` and ``after`` hold what changed, where small.

    ``outcome`` is refused where it was not allowed, or not possible.
    """

    what: str
    who: str = ""
    address: str = ""
    target: str = ""
    outcome: Literal["done", "refused"] = "done"
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}


class StoredEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it is kept: ``number`` counts all there ever were."""

    number: int
    at_us: int
    entry: AuditEntry


class AuditTrail:
    """Writes entries, reads them, and forgets the old ones."""

    def __init__(self, messages: Log, clock: Clock, keep_s: float) -> None:
        self._messages = messages
        self._clock = clock
        self._keep_s = keep_s

    async def note(self, entry: AuditEntry) -> None:
        """Log an entry and keep it. What it tells of is done: a store that does not answer is only logged."""
        entry = msgspec.structs.replace(entry, who=entry.who[:_LONGEST_TEXT], target=entry.target[:_LONGEST_TEXT])
        fields = {name: value for name, value in msgspec.to_builtins(entry).items() if value}
        log.info("audit", **({"who": "", "outcome": "done"} | fields))
        try:
            await self._messages.append(AUDIT_LOG, [NewMessage(msgspec.json.encode(entry, enc_hook=str).decode(), {})])
        except BrokerError as error:
            log.warning("an audit entry is in the log only: the store does not answer", reason=str(error))

    async def list_newest(
        self,
        limit: int,
        *,
        before: int | None = None,
        since_us: int = 0,
        until_us: int | None = None,
        wanted: Mapping[str, str] | None = None,
    ) -> tuple[list[StoredEntry], int | None]:
        """Up to ``limit`` entries below number ``before``, newest first, and where the next page begins, or None.

        They are of ``since_us`` or later, and of before ``until_us``.
        ``wanted`` gives what fields must begin with. Raises StoreUnavailable.
        """
        bounds = await self._messages.bounds(AUDIT_LOG)
        end = bounds.end if before is None else min(before, bounds.end)
        if until_us is not None and (behind := await self._messages.offset_at(AUDIT_LOG, until_us)) is not None:
            end = min(end, behind)
        entries: list[StoredEntry] = []
        while end > bounds.first:
            start = max(bounds.first, end - _READ)
            for entry in reversed(await self._read(start, end)):
                if entry.at_us < since_us:
                    return entries, None
                if fits(entry.entry, wanted or {}):
                    entries.append(entry)
                if len(entries) == limit:
                    return entries, entry.number if entry.number > bounds.first else None
            end = start
        return entries, None

    async def trim(self) -> None:
        """Forget what is past its time, and the oldest of too many. Raises StoreUnavailable."""
        bounds = await self._messages.bounds(AUDIT_LOG)
        if bounds.end == bounds.first:
            return
        now = moment_of(self._clock)
        young = await self._messages.offset_at(AUDIT_LOG, now.wall_us - us(self._keep_s), now)
        keep = max(bounds.end if young is None else young, bounds.end - MOST_ENTRIES)
        if keep > bounds.first:
            await self._messages.trim(AUDIT_LOG, keep)

    async def _read(self, start: int, end: int) -> list[StoredEntry]:
        """The entries from one number up to before another, oldest first."""
        entries: list[StoredEntry] = []
        while start < end and (page := await self._messages.read(AUDIT_LOG, start, end - start, _PAGE_BYTES)):
            for message in page:
                entry = msgspec.json.decode(message.data, type=AuditEntry)
                entries.append(StoredEntry(number=message.offset, at_us=message.publish_time_us, entry=entry))
            start = page[-1].offset + 1
        return entries


def fits(entry: AuditEntry, wanted: Mapping[str, str]) -> bool:
    """Whether each named field begins with what is wanted of it."""
    return all(str(getattr(entry, name)).startswith(text) for name, text in wanted.items() if text)
