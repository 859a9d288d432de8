"""What open incidents still owe: which rules must go on judging them, and which destinations must hear of their end.

Read from the rows of state once, at start and at a reload; a hundred thousand rows take about a second, in pages, so
that everything else goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

import structlog

from broker.store import Store
from rules.deciding.quiet.rows import GroupRow, KeyRow, QuietRow, ThrottleRow, from_bytes

_PAGE: Final = 500
_KINDS: Final = ("k/", "g/", "t/")

log = structlog.get_logger("rules")


@dataclass(slots=True)
class OpenObligations:
    """``forms`` are the judging forms of rules with open incidents, ``versions`` the rule sets that hold them.

    ``told`` counts, by destination, the incidents of which somebody there still has to hear the end, and ``held`` what
    waits for it in groups and behind throttles. ``speaking`` are the rules that have something to post later.
    """

    forms: set[str] = field(default_factory=set)
    versions: set[str] = field(default_factory=set)
    told: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    speaking: set[str] = field(default_factory=set)


async def read_owed(store: Store) -> OpenObligations:
    """What is owed by all rows of state; one that cannot be read is passed over."""
    owed = OpenObligations()
    for kind in _KINDS:
        async for rule, row in _rows(store, kind):
            match row:
                case KeyRow():
                    speaks = _add_key(owed, row)
                case GroupRow():
                    speaks = bool(row.held)
                    if not row.shadow:
                        owed.held.update(to for one in row.held for to, _ in one.slots.values())
                case ThrottleRow():
                    speaks = bool(row.queue or row.stands_for)
                    if not row.shadow:
                        _add_throttle(owed, row)
                case _:
                    speaks = False
            if speaks:
                owed.speaking.add(rule)
    return owed


def _add_key(owed: OpenObligations, row: KeyRow) -> bool:
    """Whether something about the key may be told later without another event."""
    incident = row.incident
    if incident is not None and incident.fires:
        owed.forms.add(incident.judging)
        owed.versions.add(incident.version)
    told = [*(incident.told.values() if incident is not None else ())]
    told += row.flaps.told.values() if row.flaps is not None else ()
    owed.told.update({one.to for one in told if not one.shadow})
    return bool(told)


def _add_throttle(owed: OpenObligations, row: ThrottleRow) -> None:
    owed.held.update(post.to for waiting in row.queue for post in waiting.posts.values())
    for slot, stands_for in row.stands_for.items():
        owed.held[slot.partition(":")[2]] += stands_for


async def _rows(store: Store, kind: str) -> AsyncIterator[tuple[str, QuietRow]]:
    after = ""
    while page := await store.state.list(kind, _PAGE, after):
        after = page[-1].key
        for one in page:
            try:
                yield one.rule, from_bytes(one.key, one.value or b"")
            except ValueError as error:
                log.warning("a row of state cannot be read", row=one.key, reason=str(error)[:200])
