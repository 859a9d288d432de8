"""Takes or gives back an incident, or silences a rule and key, as people ask for it below a post or elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge.operate.operator_context import OperatorContext, Requester
from bridge.operate.operator_times import rfc3339
from bridge.operate.silencing import add_silence
from bridge.routing.commit_batch import present
from broker.clock import US_PER_S, us
from broker.conflicts import retry_on_conflict
from broker.errors import StateMoved
from broker.model import Commit, StatePut, StateRow
from broker.records import SilenceRecord
from rules.deciding.quiet.incident_rows import firing_incident, give_back_row, take_row
from rules.deciding.quiet.rows import Incident, key_row

_AS_LONG_AS_US: Final = 60 * US_PER_S
_WHY: Final = "asked for in chat"


@dataclass(frozen=True, slots=True)
class Taken:
    """The incident is ``who``'s now; ``before`` had it until then, "" nobody."""

    who: str
    before: str = ""


@dataclass(frozen=True, slots=True)
class GivenBack:
    """The incident is nobody's; ``before`` had it until then, "" nobody."""

    before: str


@dataclass(frozen=True, slots=True)
class Over:
    """No incident fires that could be taken or given back."""


@dataclass(frozen=True, slots=True)
class Silenced:
    """A silence holds until ``until_us``; if it ``stood`` before, it is not ours.

    ``suppressed`` is how many waiting deliveries it settled.
    """

    who: str
    until_us: int
    suppressed: int = 0
    stood: bool = False


@dataclass(frozen=True, slots=True)
class Nothing:
    """The post is of no incident that could be taken, or of no rule that could be silenced."""


@dataclass(frozen=True, slots=True)
class TooLate:
    """The silence would have ended at ``until_us``, before anybody heard of it."""

    until_us: int


async def take_incident(
    context: OperatorContext, by: Requester, rule: str, incident: str, who: str = ""
) -> Taken | Over | Nothing:
    """Stop the incident's reminders in the name of ``who``, or else of whoever asks (semantics.md item 34).

    Raises StoreUnavailable, OutcomeUnknown.
    """
    if not incident:
        return Nothing()
    taker, names = who or by.who, _incident_rows(context, rule, incident)

    async def step() -> Taken | Over:
        rows = await _read(context, names)
        changes = ((rows[name], take_row(name, rows[name].value, taker)) for name in names)
        row, taken = next(((row, taken) for row, taken in changes if taken is not None), (None, None))
        if row is None or taken is None:
            return Over()
        if taken.before == taker:
            return Taken(taker, taker)
        put = StatePut(row.key, taken.value, row.rule, row.topic_uid, row.expires_us, row.due_us, row.waits_for)
        await context.store.commit(Commit(reads={name: rows[name].version for name in names}, state=(put,)))
        return Taken(taker, taken.before)

    done = await retry_on_conflict(step, what="the incident", on=StateMoved)
    if isinstance(done, Taken) and done.before != done.who:
        before, after = {"taken_by": done.before}, {"taken_by": done.who}
        await context.note(by, "incident.take", f"{rule}: {incident}", before=before, after=after)
    return done


async def give_back_incident(context: OperatorContext, by: Requester, rule: str, incident: str) -> GivenBack | Over:
    """Let the incident be nobody's again: its reminders go on, one that is overdue within a minute.

    Raises StoreUnavailable, OutcomeUnknown.
    """
    names = _incident_rows(context, rule, incident)

    async def step() -> GivenBack | Over:
        rows, now_us = await _read(context, names), context.clock.wall_us()
        changes = ((rows[name], give_back_row(name, rows[name].value, now_us)) for name in names)
        row, given = next(((row, given) for row, given in changes if given is not None), (None, None))
        if row is None or given is None:
            return Over()
        if not given.before:
            return GivenBack("")
        due_us = min((due for due in (row.due_us, given.remind_us) if due is not None), default=None)
        put = StatePut(row.key, given.value, row.rule, row.topic_uid, row.expires_us, due_us, row.waits_for)
        await context.store.commit(Commit(reads={name: rows[name].version for name in names}, state=(put,)))
        return GivenBack(given.before)

    done = await retry_on_conflict(step, what="the incident", on=StateMoved)
    if isinstance(done, GivenBack) and done.before:
        before, after = {"taken_by": done.before}, {"taken_by": ""}
        await context.note(by, "incident.give-back", f"{rule}: {incident}", before=before, after=after)
    return done


async def silence_key(
    context: OperatorContext, by: Requester, rule: str, key: str, span_s: float, *, asked_us: int = 0
) -> Silenced | TooLate | Nothing:
    """Silence a rule and key ("": all of the rule) for ``span_s`` from when it was asked for (0: now).

    A silence that holds as long already, up to a minute, is not added again: clicks are cheap. Raises StoreUnavailable,
    OutcomeUnknown.
    """
    if not rule:
        return Nothing()
    now_us = context.clock.wall_us()
    until_us = min(asked_us or now_us, now_us) + us(span_s)
    if until_us <= now_us:
        return TooLate(until_us)
    matchers = _matchers(context, rule, key)
    for record in context.broker.cache.list_all(SilenceRecord):
        holds = record.starts_us <= now_us < record.until_us and record.until_us >= until_us - _AS_LONG_AS_US
        if holds and record.matchers == matchers:
            return Silenced(record.who, record.until_us, stood=True)
    record, suppressed = await add_silence(
        context, matchers=matchers, starts_us=now_us, until_us=until_us, who=by.who, why=_WHY, keep_waiting=False
    )
    after = {"until": rfc3339(record.until_us), "suppressed": suppressed}
    await context.note(by, "silence.add", f"{rule}: {key}", after=after)
    return Silenced(by.who, record.until_us, suppressed)


async def read_incident(context: OperatorContext, rule: str, incident: str) -> Incident | None:
    """The incident as it stands, if it fires; None also for "". Raises StoreUnavailable."""
    if not incident:
        return None
    names = _incident_rows(context, rule, incident)
    rows = await _read(context, names)
    return next(
        (row_incident for name in names if (row_incident := firing_incident(name, rows[name].value)) is not None), None
    )


async def _read(context: OperatorContext, names: tuple[str, ...]) -> Mapping[str, StateRow]:
    return {key: present(row) for key, row in (await context.store.state.read(names)).items()}


def _incident_rows(context: OperatorContext, name: str, incident: str) -> tuple[str, ...]:
    """The rows in which an incident may stand: under its rule's name now, and the ones it had (``was:``)."""
    rule = context.in_force.rule_set.by_name.get(name)
    names = (rule.name, *rule.was, name) if rule is not None else (name,)
    return tuple(dict.fromkeys(key_row(text, incident) for text in names))


def _matchers(context: OperatorContext, name: str, key: str) -> dict[str, str]:
    rule = context.in_force.rule_set.by_name.get(name)
    matchers = {"rule": rule.name if rule is not None else name}
    return matchers | ({"key": key} if key else {})
