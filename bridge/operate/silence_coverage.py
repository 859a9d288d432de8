"""What a silence covers now, so that whoever adds one sees at once whether its matchers fit anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import msgspec

from bridge.operate.operator_context import OperatorContext
from bridge.operate.silencing import find_covered_waiting
from broker.model import StateRow
from rules.deciding.quiet.incident_rows import fits_incident
from rules.deciding.quiet.silences import compile_silence
from rules.model import Silence
from rules.ruleset import Rule

_PAGE: Final = 200
_MOST_ROWS: Final = 20_000


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How many open incidents and waiting posts a silence fits; ``complete`` when every incident was looked at."""

    incidents: int
    waiting: int
    complete: bool


async def coverage_of(context: OperatorContext, matchers: Mapping[str, Any], now_us: int) -> Coverage:
    """What a silence with these matchers would keep quiet if it held now; nothing is changed.

    Ends of told incidents that wait are not counted, for no silence keeps them. Raises ProblemsFound; StoreUnavailable.
    """
    compiled = compile_silence(Silence("new", matchers, 0, 0, "", ""))
    waiting = sum(delivery.new.part == 0 for delivery in await find_covered_waiting(context, compiled, now_us))
    rule_set, looked_at, fit = context.in_force.rule_set, 0, 0
    async for rule, row in _key_rows(context):
        if looked_at == _MOST_ROWS:
            return Coverage(incidents=fit, waiting=waiting, complete=False)
        looked_at += 1
        fit += fits_incident(compiled, rule_set, rule, row.key, row.value, now_us)
    return Coverage(incidents=fit, waiting=waiting, complete=True)


def coverage_text(incidents: int, waiting: int, *, complete: bool) -> str:
    """What a silence covers, in words: ``covers 3 open incidents, 2 waiting posts``, or ``covers nothing now``."""
    texts = [
        f"{count} {what}{'' if count == 1 else 's'}"
        for count, what in ((incidents, "open incident"), (waiting, "waiting post"))
        if count
    ]
    if complete:
        return f"covers {', '.join(texts) or 'nothing now'}"
    return f"covers {', '.join(texts) or 'nothing'} among the {_MOST_ROWS:,} keys looked at; there are more"


async def _key_rows(context: OperatorContext) -> AsyncIterator[tuple[Rule, StateRow]]:
    """The rows of all keys of rules that have incidents, under every name the rule had."""
    rules = {rule.name: rule for rule in context.in_force.rule_set.rules if rule.quiet.has_life}
    names = {name: rule for rule in rules.values() for name in rule.was} | rules
    for name, rule in names.items():
        prefix = after = f"k/{name}/"
        while True:
            rows = await context.store.state.list(prefix, _PAGE, after)
            for row in rows:
                yield rule, row
            if len(rows) < _PAGE:
                break
            after = rows[-1].key
