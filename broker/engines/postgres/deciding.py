"""Making calls together: one read of what they look at, each made on it in turn, one write of what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broker.engines.postgres.calls import Shared, Together
from broker.engines.postgres.catalog import prepare_changes, want_records
from broker.engines.postgres.connections import Db
from broker.engines.postgres.cursors import apply_moves, check_moves
from broker.engines.postgres.decisions import apply_decisions
from broker.engines.postgres.deliveries import add, check_new, check_waiting, withdraw
from broker.engines.postgres.fencing import check_owner, explain_lost_lease
from broker.engines.postgres.flushing import flush
from broker.engines.postgres.loading import load_unit
from broker.engines.postgres.queries import Question
from broker.engines.postgres.state import apply_state, check_reads, wake
from broker.engines.postgres.unit import Unit, UnitNeeds
from broker.engines.postgres.waking import CATALOG, news_of
from broker.engines.postgres.writer import CallOutcome
from broker.errors import BrokerError, LeaseLost
from broker.model import Commit
from broker.steady import Reading, SteadyTime


async def make_together(
    steady: SteadyTime, shard: int, db: Db, calls: Sequence[Shared[Any]], touched: set[str]
) -> tuple[list[CallOutcome], Sequence[Question]]:
    """Make calls in one transaction. See MakeShared."""
    asked = [call for call in calls if isinstance(call, Together)]
    wanted = UnitNeeds()
    for call in asked:
        call.want(wanted)
        if call.owner is not None and not call.by_lease:
            wanted.owners.add(call.owner)
    unit = await load_unit(db, wanted, steady.read())
    outcomes: list[CallOutcome] = []
    for call in asked:
        try:
            check_owner(unit.tokens, None if call.by_lease else call.owner)
            outcomes.append((call.make(unit), None))
        except LeaseLost as lost:
            outcomes.append((None, await explain_lost_lease(db, lost, call.owner)))
        except BrokerError as error:
            outcomes.append((None, error))
    await flush(db, unit, shard)
    for place, (call, (result, refusal)) in enumerate(zip(asked, outcomes, strict=True)):
        if call.then is not None and refusal is None:
            outcomes[place] = (await call.then(db, result, unit.touched), None)
    touched |= news_of(unit.touched)
    if unit.record_puts:
        touched.add(CATALOG)
    return outcomes, ()


def want_commit(wanted: UnitNeeds, commit: Commit) -> None:
    """Name what a commit looks at."""
    wanted.cursors.update(move.cursor.id for move in commit.cursors)
    wanted.keys.update(commit.reads)
    wanted.keys.update(change.key for change in commit.state)
    wanted.names.update(commit.wake)
    wanted.ids.update(commit.withdraw)
    wanted.ids.update(commit.waiting)
    news = (*commit.deliveries, *commit.dead, *commit.shadows)
    wanted.destinations.update(new.destination for new in news)
    wanted.destinations.update(request.destination for request in commit.leases)
    wanted.news += news
    want_records(wanted, commit.catalog)


def make_commit(unit: Unit, commit: Commit, now: Reading) -> None:
    """Check everything that can be checked, then change the unit: nothing can fail from there on."""
    check_moves(unit, commit.cursors)
    check_reads(unit, commit.reads, now.steady_us)
    check_waiting(unit, commit.waiting, now)
    catalog = prepare_changes(unit, commit.catalog)
    check_new(unit, [*commit.deliveries, *commit.dead, *commit.shadows])
    catalog.apply(unit)
    add(unit, commit.deliveries, commit.dead, now, commit.shadows)
    apply_moves(unit, commit.cursors, now)
    wake(unit, commit.wake, now.steady_us)
    apply_state(unit, commit.state, now)
    apply_decisions(unit, commit.decisions, now)
    unit.counters.update(commit.counters)
    withdraw(unit, commit.withdraw, now)
