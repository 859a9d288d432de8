"""What a silence covers now, so that whoever adds one sees at once whether its matchers fit anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import msgspec

from bridge.operate.control_context import ControlSource
from bridge.operate.silencing import waiting_covered
from broker.model import StateRow
from rules.deciding.quiet.rows import Incident, KeyRow, from_bytes
from rules.deciding.quiet.silences import CompiledSilence, Facts, compile_silence
from rules.deciding.render_post import severity_of
from rules.deciding.vars import revive
from rules.model import Silence
from rules.ruleset import Rule

_PAGE: Final = 200
_MOST_ROWS: Final = 20_000


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How many open incidents and waiting posts a silence fits; ``complete`` when every incident was looked at."""

    incidents: int
    waiting: int
    complete: bool


async def coverage_of(source: ControlSource, matchers: Mapping[str, Any], now_us: int) -> Coverage:
    """What a silence with these matchers would keep quiet if it held now; nothing is changed.

    Ends of told incidents that wait are not counted, for no silence keeps them. Raises ProblemsFound; StoreUnavailable.
    """
    compiled = compile_silence(Silence("new", matchers, 0, 0, "", ""))
    waiting = sum(one.new.part == 0 for one in await waiting_covered(source, compiled, now_us))
    looked_at = fit = 0
    async for rule, row in _key_rows(source):
        if looked_at == _MOST_ROWS:
            return Coverage(incidents=fit, waiting=waiting, complete=False)
        looked_at += 1
        fit += _fits(source, compiled, rule, row, now_us)
    return Coverage(incidents=fit, waiting=waiting, complete=True)


def coverage_text(incidents: int, waiting: int, *, complete: bool) -> str:
    """In words: ``covers 3 open incidents, 2 waiting posts``, or ``covers nothing now``."""
    found = [
        f"{count} {what}{'' if count == 1 else 's'}"
        for count, what in ((incidents, "open incident"), (waiting, "waiting post"))
        if count
    ]
    if complete:
        return f"covers {', '.join(found) or 'nothing now'}"
    return f"covers {', '.join(found) or 'nothing'} among the {_MOST_ROWS:,} keys looked at; there are more"


async def _key_rows(source: ControlSource) -> AsyncIterator[tuple[Rule, StateRow]]:
    """The rows of all keys of rules that have incidents, under every name the rule had."""
    rules = {one.name: one for one in source.in_force.rule_set.rules if one.quiet.resolved is not None}
    names = {name: one for one in rules.values() for name in one.was} | rules
    for name, rule in names.items():
        prefix = after = f"k/{name}/"
        while True:
            rows = await source.store.state.list(prefix, _PAGE, after)
            for row in rows:
                yield rule, row
            if len(rows) < _PAGE:
                break
            after = rows[-1].key


def _fits(source: ControlSource, compiled: CompiledSilence, rule: Rule, row: StateRow, now_us: int) -> bool:
    known = from_bytes(row.key, row.value) if row.value is not None else None
    if not isinstance(known, KeyRow) or known.incident is None or not known.incident.fires:
        return False
    rule_set = source.in_force.rule_set
    event, _ = revive(rule_set, rule, known.incident.event, now_us)

    def severity() -> str:
        return severity_of(rule_set, rule, event, now_us)

    topic = f"projects/{event.message.project}/topics/{event.message.topic}"
    return any(
        compiled.fits(Facts(rule.name, topic, destination, known.key, severity), event, now_us)
        for destination in _destinations(rule, known.incident)
    )


def _destinations(rule: Rule, incident: Incident) -> list[str]:
    """Where the incident was told or would be, each once."""
    told = [one.to for one in incident.told.values()]
    return list(dict.fromkeys([*(entry.to.name for entry in rule.sends), *told]))
