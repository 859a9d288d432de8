"""The commit: all of it, or none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from broker.errors import BrokerError, CursorMoved, DuplicateDelivery, NotOwner, StateMoved, VersionMoved
from broker.model import (
    Commit,
    Cursor,
    CursorMove,
    Leased,
    LeaseRequest,
    OwnerToken,
    Put,
    Remove,
    SettleDelivered,
    StateDelete,
    SweepPolicy,
)
from broker.store import Store
from tests.contracts.builders import (
    NOW_US,
    OTHER_TOPIC,
    TOPIC,
    a_decision,
    a_delivery,
    a_move,
    a_project,
    a_row,
    an_attempt,
    in_time,
    lease_names,
    put_in,
)
from tests.contracts.engines import Engine


def a_whole_commit(**changed: Any) -> Commit:
    """A commit with something of everything."""
    parts: dict[str, Any] = {
        "cursors": [a_move(10), a_move(3, name="s/one")],
        "reads": {"k1": 0, "k2": 0},
        "state": [a_row("k1"), a_row("k3", due_us=NOW_US)],
        "deliveries": [a_delivery("d1"), a_delivery("d2", destination="mail")],
        "decisions": [a_decision(), a_decision(offset=1)],
        "counters": {(TOPIC, "decided"): 2, (TOPIC, "unmatched"): 8},
        "withdraw": {"before": "silence:1"},
        "catalog": [Put("new", a_project("new"), 0)],
        "dead": [a_delivery("d3", order_key="dead")],
        "owner": OwnerToken(f"router:{TOPIC}", 1),
    }
    return Commit(**(parts | changed))


async def everything(store: Store) -> Any:
    """All that a commit can change."""
    before = await store.outbox.read("before")
    return (
        await store.cursors.list(""),
        [(row.key, row.value) for row in await store.state.list("", 100)],
        await store.state.counts(),
        [before and before[0].state] + [(await store.outbox.read(f"d{number}")) is not None for number in range(1, 4)],
        await store.outbox.balances(),
        await store.decisions.list_after(0, 100),
        await store.counters(),
        [(one.key, one.version) for one in await store.catalog.list("project")],
        await store.catalog.seq(),
        await store.outbox.next_due_us("ops"),
        await store.outbox.next_due_us("mail"),
    )


async def test_all_of_a_commit_is_there_when_it_returns(engine: Engine) -> None:
    async with engine.open() as store:
        await store.ownership.hold("node", [f"router:{TOPIC}"])
        await put_in(store, a_delivery("before"))
        await store.commit(a_whole_commit())
        assert [(cursor.id, cursor.offset, cursor.rev) for cursor in await store.cursors.list("")] == [
            (f"r/{TOPIC}", 10, 1),
            ("s/one", 3, 1),
        ]
        assert [row.key for row in await store.state.list("", 10)] == ["k1", "k3"]
        assert await lease_names(store) == ["d1"]
        assert await lease_names(store, destination="mail") == ["d2"]
        assert [one.offset for one in await store.decisions.list_for_message(TOPIC, 1)] == [1]
        assert await store.counters(TOPIC) == {(TOPIC, "decided"): 2, (TOPIC, "unmatched"): 8}
        assert await store.catalog.read("project", "new") is not None
        states = {balance.state: balance.by for balance in await store.outbox.balances()}
        assert states == {"waiting": "", "suppressed": "silence:1", "dead": "gave up"}


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"owner": OwnerToken(f"router:{TOPIC}", 2)}, NotOwner),
        ({"cursors": [a_move(10, rev=1)]}, CursorMoved),
        ({"cursors": [a_move(10), a_move(3, rev=4, name="s/one")]}, CursorMoved),
        ({"cursors": [a_move(10), a_move(11)]}, CursorMoved),
        ({"reads": {"k1": 0, "k2": 7}}, StateMoved),
        ({"reads": {"standing": 0}}, StateMoved),
        ({"deliveries": [a_delivery("d1"), a_delivery("d2", origin=f"m/{TOPIC}/before/0")]}, DuplicateDelivery),
        ({"deliveries": [a_delivery("d1"), a_delivery("before", origin="t/new")]}, DuplicateDelivery),
        ({"deliveries": [a_delivery("d1"), a_delivery("d2", origin=f"m/{TOPIC}/d1/0")]}, DuplicateDelivery),
        ({"deliveries": [a_delivery("d1"), a_delivery("d1", origin="t/new")]}, DuplicateDelivery),
        ({"dead": [a_delivery("d3", origin=f"m/{TOPIC}/d1/0")]}, DuplicateDelivery),
        ({"catalog": [Put("new", a_project("new"), 0), Put("EGI", a_project(), 9)]}, VersionMoved),
        ({"catalog": [Remove("project", "EGI", 1), Remove("project", "nothing", 1)]}, VersionMoved),
    ],
)
async def test_one_piece_that_fails_leaves_nothing_of_the_rest(
    engine: Engine, changed: dict[str, Any], error: type[BrokerError]
) -> None:
    async with engine.open() as store:
        await store.ownership.hold("node", [f"router:{TOPIC}"])
        await store.commit(
            Commit(deliveries=[a_delivery("before")], state=[a_row("standing")], catalog=[Put("EGI", a_project(), 0)])
        )
        stood = await everything(store)
        with pytest.raises(error):
            await store.commit(a_whole_commit(**changed))
        assert await everything(store) == stood


async def test_one_commit_that_fails_leaves_the_others_of_its_group_alone(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("before"))
        commits = [
            Commit(deliveries=[a_delivery("d1")], counters={(TOPIC, "n"): 1}),
            Commit(deliveries=[a_delivery("d2"), a_delivery("before")], counters={(TOPIC, "n"): 10}),
            Commit(cursors=[a_move(1, rev=5)], counters={(TOPIC, "n"): 100}),
            Commit(deliveries=[a_delivery("d3")], counters={(TOPIC, "n"): 1_000}),
        ]
        answers = await asyncio.gather(*(store.commit(commit) for commit in commits), return_exceptions=True)
        assert [type(answer) for answer in answers] == [type(None), DuplicateDelivery, CursorMoved, type(None)]
        assert await store.counters() == {(TOPIC, "n"): 1_001}
        assert [await store.outbox.read(name) is not None for name in ("d1", "d2", "d3")] == [True, False, True]


async def test_a_delivery_key_differs_by_any_of_its_four_parts(engine: Engine) -> None:
    async with engine.open() as store:
        same = {"origin": "m/x/0/0"}
        await put_in(
            store,
            a_delivery("d1", **same),
            a_delivery("d2", **same, rule="other"),
            a_delivery("d3", **same, send=1),
            a_delivery("d4", **same, part=1),
        )
        with pytest.raises(DuplicateDelivery) as error:
            await put_in(store, a_delivery("d5", **same, part=1))
        assert "m/x/0/0" in error.value.key


async def test_a_row_changed_since_it_was_read_refuses_the_commit_by_name(engine: Engine) -> None:
    async with engine.open() as store:
        await store.commit(Commit(state=[a_row("k")]))
        read = (await store.state.read(["k"]))["k"].version
        await store.commit(Commit(state=[a_row("k", value=b"other")]))
        with pytest.raises(StateMoved) as moved:
            await store.commit(Commit(reads={"k": read, "nothing": 0}, state=[a_row("k")]))
        assert moved.value.keys == ("k",)


async def test_a_row_removed_or_made_since_it_was_read_refuses_the_commit(engine: Engine) -> None:
    async with engine.open() as store:
        await store.commit(Commit(state=[a_row("k")]))
        read = (await store.state.read(["k"]))["k"].version
        await store.commit(Commit(state=[StateDelete("k")]))
        with pytest.raises(StateMoved):
            await store.commit(Commit(reads={"k": read}))
        await store.commit(Commit(state=[a_row("k")]))
        for version in (read, 0):
            with pytest.raises(StateMoved):
                await store.commit(Commit(reads={"k": version}))


async def test_an_expired_row_that_was_read_as_absent_does_not_refuse_the_commit(engine: Engine) -> None:
    async with engine.open() as store:
        await store.commit(Commit(state=[a_row("k", expires_us=NOW_US + 5)]))
        version = (await store.state.read(["k"]))["k"].version
        await engine.clock.advance(1)
        await store.commit(Commit(reads={"k": version}, counters={(TOPIC, "still as it was"): 1}))
        await store.commit(Commit(reads={"k": 0}, state=[a_row("k", value=b"new")]))
        assert (await store.state.read(["k"]))["k"].value == b"new"


async def test_of_commits_that_rest_on_the_same_absent_row_one_wins(engine: Engine) -> None:
    async with engine.open() as store:
        commits = [Commit(reads={"k": 0}, state=[a_row("k", value=b"%d" % number)]) for number in range(10)]
        answers = await asyncio.gather(*(store.commit(commit) for commit in commits), return_exceptions=True)
        assert sum(answer is None for answer in answers) == 1
        assert sum(isinstance(answer, StateMoved) for answer in answers) == 9


async def test_a_cursor_can_move_twice_in_one_commit(engine: Engine) -> None:
    async with engine.open() as store:
        await store.commit(Commit(cursors=[a_move(1), a_move(2, rev=1)]))
        assert await store.cursors.get(f"r/{TOPIC}") == Cursor(f"r/{TOPIC}", 2, 2)


async def test_of_commits_that_move_the_same_cursor_one_wins(engine: Engine) -> None:
    async with engine.open() as store:
        commits = [
            Commit(cursors=[CursorMove(Cursor("r/x", number))], deliveries=[a_delivery(f"d{number}")])
            for number in range(10)
        ]
        answers = await asyncio.gather(*(store.commit(commit) for commit in commits), return_exceptions=True)
        assert sum(isinstance(answer, CursorMoved) for answer in answers) == 9
        assert sum(balance.deliveries for balance in await store.outbox.balances()) == 1


async def test_a_catalog_change_may_ride_along_and_is_told(engine: Engine) -> None:
    async with engine.open() as store:
        await store.commit(Commit(catalog=[Put("a", a_project("a"), 0), Put("b", a_project("b"), 1, old_key="a")]))
        assert [one.key for one in await store.catalog.list("project")] == ["b"]
        async for change in store.catalog.changes(1):
            if change.key == "b":
                break


async def test_an_empty_commit_is_fine(engine: Engine) -> None:
    async with engine.open() as store:
        await store.commit(Commit())


async def test_counters_add_up_by_topic(engine: Engine) -> None:
    async with engine.open() as store:
        await store.commit(Commit(counters={(TOPIC, "a"): 2, (OTHER_TOPIC, "a"): 5}))
        await store.commit(Commit(counters={(TOPIC, "a"): 3, (TOPIC, "b"): -1}))
        assert await store.counters(TOPIC) == {(TOPIC, "a"): 5, (TOPIC, "b"): -1}
        assert len(await store.counters()) == 3


async def test_decisions_keep_their_order_and_number(engine: Engine) -> None:
    async with engine.open() as store:
        await store.commit(Commit(decisions=[a_decision(rule="a"), a_decision(rule="b", offset=1)]))
        await store.commit(Commit(decisions=[a_decision(rule="c")]))
        assert [one.rule for one in await store.decisions.list_for_message(TOPIC, 0)] == ["a", "c"]
        found = await store.decisions.list_after(0, 10)
        assert [(one.rule, one.seq) for one in found] == [("a", 1), ("b", 2), ("c", 3)]
        assert [one.rule for one in await store.decisions.list_after(1, 1)] == ["b"]
        assert found[0] == a_decision(rule="a", seq=1)


async def test_concurrent_commits_all_hold(engine: Engine) -> None:
    async with engine.open() as store:
        work: Callable[[int], Awaitable[None]] = lambda number: store.commit(  # noqa: E731
            Commit(deliveries=[a_delivery(f"d{number}")], counters={(TOPIC, "n"): 1})
        )
        await asyncio.gather(*(work(number) for number in range(100)))
        assert await store.counters() == {(TOPIC, "n"): 100}


async def test_sweeping_removes_what_is_past_its_time_up_to_its_limit(engine: Engine) -> None:
    async with engine.open() as store:
        await store.commit(Commit(decisions=[a_decision(offset=number, at_us=NOW_US + number) for number in range(10)]))
        swept = await store.sweep(SweepPolicy(NOW_US, NOW_US + 8, 0, limit=5))
        assert (swept.decisions, swept.more) == (5, True)
        swept = await store.sweep(SweepPolicy(NOW_US, NOW_US + 8, 0, limit=5))
        assert (swept.decisions, swept.more) == (3, False)
        assert [one.offset for one in await store.decisions.list_after(0, 100)] == [8, 9]


async def test_a_commit_leases_what_is_due_behind_it(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("before", order_key="host-0"))
        commit = Commit(
            deliveries=[a_delivery("d1"), a_delivery("d2"), a_delivery("mail", destination="mail")],
            leases=[LeaseRequest("ops", 3, 30.0, run=2), LeaseRequest("mail", 1, 10.0)],
        )
        taken: list[Leased] = []
        await store.commit(commit, taken.extend)
        assert [one.delivery.id for one in taken] == ["before", "d1", "d2", "mail"]
        assert {one.delivery.due_us - NOW_US for one in taken} == {30_000_000, 10_000_000}
        assert await lease_names(store) == []
        for one in taken:
            assert (await store.outbox.settle(one.token, SettleDelivered(), an_attempt())).state == "delivered"


async def test_a_commit_that_fails_leases_nothing(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("before"))
        taken: list[Leased] = []
        commit = Commit(cursors=[a_move(5, rev=7)], leases=[LeaseRequest("ops", 3, 30.0)])
        with pytest.raises(CursorMoved):
            await store.commit(commit, taken.extend)
        assert taken == []
        assert await lease_names(store) == ["before"]


async def test_nobody_is_told_of_deliveries_that_a_commit_leased_all_of(engine: Engine) -> None:
    async with engine.open() as store:
        assert await lease_names(store) == []
        news = asyncio.ensure_future(store.outbox.wait_for_news("ops"))
        await store.commit(Commit(deliveries=[a_delivery("d1")], leases=[LeaseRequest("ops", 2, 30.0)]), lambda _: None)
        await engine.clock.advance(0.0, turns=20)
        assert not news.done()
        await store.commit(Commit(deliveries=[a_delivery("d2", order_key="k")], leases=[LeaseRequest("ops", 1, 30.0)]))
        await in_time(news)


async def test_what_a_commit_leaves_for_later_is_news_though_it_leases(engine: Engine) -> None:
    async with engine.open() as store:
        assert await lease_names(store) == []
        later = a_delivery("d1", due_us=NOW_US + 60_000_000)
        await store.commit(Commit(deliveries=[later], leases=[LeaseRequest("ops", 2, 30.0)]))
        await in_time(store.outbox.wait_for_news("ops"))
        assert await store.outbox.next_due_us("ops") == NOW_US + 60_000_000


async def test_what_was_leased_is_handed_over_although_who_committed_was_cancelled(engine: Engine) -> None:
    async with engine.open() as store:
        taken: list[Leased] = []
        handed = asyncio.Event()

        def take(leased: Sequence[Leased]) -> None:
            taken.extend(leased)
            handed.set()

        commit = Commit(deliveries=[a_delivery("d1")], leases=[LeaseRequest("ops", 2, 30.0)])
        committing = asyncio.ensure_future(store.commit(commit, take))
        if engine.survives:  # in memory nothing is under way between the asking and the answer
            await engine.clock.sleep(0)
            committing.cancel()
        await in_time(handed.wait())
        assert [one.delivery.id for one in taken] == ["d1"]
