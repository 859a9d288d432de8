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
from rules.deciding.quiet.row_obligations import RowObligations, obligations_of

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


async def read_obligations(store: Store) -> OpenObligations:
    """What is owed by all rows of state; one that cannot be read is passed over."""
    obligations = OpenObligations()
    for kind in _KINDS:
        async for rule, row in _rows(store, kind):
            if row.form is not None and row.version is not None:
                obligations.forms.add(row.form)
                obligations.versions.add(row.version)
            obligations.told.update(row.told)
            obligations.held.update(row.held)
            if row.speaks:
                obligations.speaking.add(rule)
    return obligations


async def _rows(store: Store, kind: str) -> AsyncIterator[tuple[str, RowObligations]]:
    after = ""
    while page := await store.state.list(kind, _PAGE, after):
        after = page[-1].key
        for row in page:
            try:
                yield row.rule, obligations_of(row.key, row.value)
            except ValueError as error:
                log.warning("a row of state cannot be read", row=row.key, reason=str(error)[:200])
