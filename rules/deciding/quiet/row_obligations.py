"""What one stored row still owes: who must hear of an end, what waits, and which rules must go on judging. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from rules.deciding.quiet.rows import GroupRow, KeyRow, ThrottleRow, row_from_bytes


@dataclass(frozen=True, slots=True)
class RowObligations:
    """``form`` and ``version`` are those that judge the row's firing incident, None when there is none.

    ``told`` are the destinations of which somebody has to hear the end; ``held`` counts what waits for each.
    ``speaks`` is whether something may be told later without another event.
    """

    form: str | None = None
    version: str | None = None
    told: frozenset[str] = frozenset()
    held: Counter[str] = field(default_factory=Counter)
    speaks: bool = False


def obligations_of(name: str, value: bytes | None) -> RowObligations:
    """What the row owes. Raises ValueError for bytes that are no row."""
    match row_from_bytes(name, value or b""):
        case KeyRow() as row:
            return _of_key(row)
        case GroupRow() as row:
            counts = Counter(to for event in row.held for to, _ in event.slots.values())
            return RowObligations(held=Counter() if row.shadow else counts, speaks=bool(row.held))
        case ThrottleRow() as row:
            speaks = bool(row.queue or row.stands_for)
            return RowObligations(held=Counter() if row.shadow else _behind(row), speaks=speaks)
        case _:
            return RowObligations()


def _of_key(row: KeyRow) -> RowObligations:
    incident = row.incident
    firing = incident if incident is not None and incident.fires else None
    notified = [*(incident.told.values() if incident is not None else ())]
    notified += row.flaps.told.values() if row.flaps is not None else ()
    return RowObligations(
        form=firing.judging if firing is not None else None,
        version=firing.version if firing is not None else None,
        told=frozenset(target.to for target in notified if not target.shadow),
        speaks=bool(notified),
    )


def _behind(row: ThrottleRow) -> Counter[str]:
    """What waits behind a throttle, by destination."""
    counts = Counter(post.to for waiting in row.queue for post in waiting.posts.values())
    for slot, stands_for in row.stands_for.items():
        counts[slot.partition(":")[2]] += stands_for
    return counts
