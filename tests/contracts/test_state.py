"""The State: versions, expiry, timers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from broker.errors import StateMoved
from broker.model import WAKE_ALL, Commit, StateDelete, StatePut, StateRow, SweepPolicy
from broker.store import Store
from tests.contracts.builders import LATER_US, NOW_US, OTHER_TOPIC, TOPIC, a_row
from tests.contracts.engines import Engine

_S = 1_000_000


async def _put(store: Store, *rows: StatePut | StateDelete) -> None:
    await store.commit(Commit(state=rows))


async def _read(store: Store, key: str = "r/dedupe/host-1") -> StateRow:
    return (await store.state.read([key]))[key]


def _keys(rows: Sequence[StateRow]) -> list[str]:
    return [row.key for row in rows]


async def test_a_row_is_read_as_it_was_written(engine: Engine) -> None:
    async with engine.open() as store:
        await _put(store, a_row(value=b"\x00\xff", due_us=NOW_US + 7))
        row = await _read(store)
        assert (row.value, row.rule, row.topic_uid, row.due_us, row.expires_us) == (
            b"\x00\xff",
            "registry",
            TOPIC,
            NOW_US + 7,
            LATER_US,
        )
        assert row.version > 0


async def test_every_key_asked_has_a_row_and_absent_ones_have_version_0(engine: Engine) -> None:
    async with engine.open() as store:
        await _put(store, a_row("a"), a_row('"ü'))
        rows = await store.state.read(["a", "nothing", '"ü', "a"])
        assert {key: row.version > 0 for key, row in rows.items()} == {"a": True, "nothing": False, '"ü': True}
        assert rows["nothing"] == StateRow("nothing", None, 0)
        assert await store.state.read([]) == {}


async def test_each_write_gives_another_version_also_after_a_removal(engine: Engine) -> None:
    async with engine.open() as store:
        versions = []
        for _ in range(3):
            await _put(store, a_row())
            versions.append((await _read(store)).version)
        await _put(store, StateDelete("r/dedupe/host-1"))
        assert await _read(store) == StateRow("r/dedupe/host-1", None, 0)
        await _put(store, a_row())
        versions.append((await _read(store)).version)
        assert len(set(versions)) == 4


async def test_the_last_of_several_changes_of_a_row_in_one_commit_holds(engine: Engine) -> None:
    async with engine.open() as store:
        await _put(store, a_row(value=b"1"), a_row(value=b"2"))
        assert (await _read(store)).value == b"2"
        await _put(store, a_row(value=b"3"), StateDelete("r/dedupe/host-1"))
        assert (await _read(store)).value is None
        await _put(store, StateDelete("r/dedupe/host-1"), a_row(value=b"4"))
        assert (await _read(store)).value == b"4"
        assert await store.state.counts() == {"registry": 1}


async def test_a_row_is_gone_when_it_expires(engine: Engine) -> None:
    async with engine.open() as store:
        await _put(store, a_row(expires_us=NOW_US + 5 * _S))
        await engine.clock.advance(4.999_999)
        assert (await _read(store)).value == b"value"
        await engine.clock.advance(0.000_001)
        assert (await _read(store)).version == 0
        assert await store.state.list("r/", 10) == []


async def test_timers_that_are_due_come_earliest_first(engine: Engine) -> None:
    async with engine.open() as store:
        await _put(
            store,
            a_row("c", due_us=NOW_US + 3),
            a_row("a", due_us=NOW_US + 1),
            a_row("b", due_us=NOW_US + 2),
            a_row("none"),
            a_row("elsewhere", due_us=NOW_US, topic_uid=OTHER_TOPIC),
        )
        assert _keys(await store.state.due(TOPIC, NOW_US + 2, 10)) == ["a", "b"]
        assert _keys(await store.state.due(TOPIC, NOW_US + 9, 2)) == ["a", "b"]
        assert await store.state.due(TOPIC, NOW_US, 10) == []


async def test_the_next_due_time_is_that_of_the_topics_earliest_timer(engine: Engine) -> None:
    async with engine.open() as store:
        assert await store.state.next_due_us(TOPIC) is None
        await _put(store, a_row("a", due_us=NOW_US + 9), a_row("b", due_us=NOW_US + 7), a_row("c"))
        await _put(store, a_row("d", due_us=NOW_US + 1, topic_uid=OTHER_TOPIC))
        assert await store.state.next_due_us(TOPIC) == NOW_US + 7


async def test_a_timer_rearmed_or_removed_is_no_longer_due(engine: Engine) -> None:
    async with engine.open() as store:
        await _put(store, a_row("a", due_us=NOW_US), a_row("b", due_us=NOW_US), a_row("c", due_us=NOW_US))
        await _put(store, a_row("a", due_us=NOW_US + 5), a_row("b"), StateDelete("c"))
        assert await store.state.due(TOPIC, NOW_US, 10) == []
        assert await store.state.next_due_us(TOPIC) == NOW_US + 5


async def test_a_due_timer_outlives_its_expiry_until_it_is_fired(engine: Engine) -> None:
    async with engine.open() as store:
        await _put(store, a_row("a", due_us=NOW_US + 10 * _S, expires_us=NOW_US + 60 * _S))
        await engine.clock.advance(3_600)
        now_us = engine.clock.wall_us()
        await store.sweep(SweepPolicy(now_us, 0, 0))
        assert _keys(await store.state.due(TOPIC, now_us, 10)) == ["a"]
        assert (await _read(store, "a")).value == b"value"
        assert _keys(await store.state.list("", 10)) == ["a"]


async def test_a_row_that_expired_before_its_timer_is_no_timer(engine: Engine) -> None:
    async with engine.open() as store:
        await _put(store, a_row("a", due_us=NOW_US + 90 * _S, expires_us=NOW_US + 60 * _S))
        assert await store.state.next_due_us(TOPIC) == NOW_US + 90 * _S
        await engine.clock.advance(60)
        assert await store.state.next_due_us(TOPIC) is None


async def test_rows_are_listed_by_prefix_in_key_order(engine: Engine) -> None:
    async with engine.open() as store:
        await _put(store, *(a_row(key) for key in ("g/b", "g/a", "g", "h/a", "g/é", "g/z")))
        assert _keys(await store.state.list("g/", 10)) == ["g/a", "g/b", "g/z", "g/é"]
        assert _keys(await store.state.list("g/", 2)) == ["g/a", "g/b"]
        assert len(await store.state.list("", 100)) == 6


async def test_rows_with_a_due_time_are_listed_without_the_others(engine: Engine) -> None:
    async with engine.open() as store:
        timed = [a_row(f"k/{n}", due_us=NOW_US + n) for n in (1, 3, 5)]
        await _put(store, *timed, *(a_row(f"k/{n}") for n in (0, 2, 4)), a_row("l/1", due_us=NOW_US))
        assert _keys(await store.state.list("k/", 10, timed=True)) == ["k/1", "k/3", "k/5"]
        assert _keys(await store.state.list("k/", 2, timed=True)) == ["k/1", "k/3"]
        assert _keys(await store.state.list("k/", 2, "k/3", timed=True)) == ["k/5"]
        await _put(store, a_row("k/1"), StateDelete("k/3"))
        assert _keys(await store.state.list("", 10, timed=True)) == ["k/5", "l/1"]


async def test_rows_are_counted_by_rule(engine: Engine) -> None:
    async with engine.open() as store:
        await _put(store, a_row("a"), a_row("b"), a_row("c", rule="other"))
        assert await store.state.counts() == {"registry": 2, "other": 1}
        await _put(store, StateDelete("a"), StateDelete("nothing"), a_row("c"), a_row("b", value=b"again"))
        assert await store.state.counts() == {"registry": 2}


async def test_sweeping_removes_expired_rows_and_their_counts(engine: Engine) -> None:
    async with engine.open() as store:
        await _put(store, a_row("a", expires_us=NOW_US + 1), a_row("b", expires_us=NOW_US + 9))
        swept = await store.sweep(SweepPolicy(NOW_US + 5, 0, 0))
        assert (swept.state_rows, swept.more) == (1, False)
        assert await store.state.counts() == {"registry": 1}


async def test_many_rows_are_read_at_once(engine: Engine) -> None:
    async with engine.open() as store:
        await _put(store, *(a_row(f"k{number}") for number in range(2_000)))
        rows = await store.state.read([f"k{number}" for number in range(3_000)])
        assert sum(row.version > 0 for row in rows.values()) == 2_000


async def test_what_waits_for_something_is_due_at_once_when_that_is_over(engine: Engine) -> None:
    async with engine.open() as store:
        far_us = NOW_US + 900 * _S
        await _put(
            store,
            a_row("one", due_us=far_us, waits_for=("silence:1",)),
            a_row("both", due_us=far_us, waits_for=("hours:office", "silence:1")),
            a_row("other", due_us=far_us, waits_for=("silence:11",)),
            a_row("timeless", waits_for=("silence:1",)),
            a_row("nothing", due_us=far_us),
        )
        before = {row.key: row.version for row in await store.state.list("", 10)}
        await store.commit(Commit(wake=["silence:1", "silence:2"]))
        due = await store.state.due(TOPIC, NOW_US, 10)
        assert _keys(due) == ["both", "one", "timeless"]
        assert [row.due_us for row in due] == [NOW_US] * 3
        assert all(row.version > before[row.key] for row in due)
        assert (await _read(store, "both")).waits_for == ("hours:office", "silence:1")


async def test_whatever_waits_can_be_woken_together_and_what_is_due_stays_as_it_is(engine: Engine) -> None:
    async with engine.open() as store:
        due_us, far_us = NOW_US - 7 * _S, NOW_US + 900 * _S
        await _put(store, a_row("a", due_us=due_us, waits_for=("x",)), a_row("b", due_us=far_us, waits_for=("y",)))
        version = (await _read(store, "a")).version
        await store.commit(Commit(wake=[WAKE_ALL]))
        assert [(row.key, row.due_us) for row in await store.state.due(TOPIC, NOW_US, 10)] == [
            ("a", due_us),
            ("b", NOW_US),
        ]
        assert (await _read(store, "a")).version == version


async def test_a_decision_that_read_a_row_before_it_was_woken_is_made_again(engine: Engine) -> None:
    async with engine.open() as store:
        await _put(store, a_row("k", due_us=NOW_US + 900 * _S, waits_for=("silence:1",)))
        read = await _read(store, "k")
        await store.commit(Commit(wake=["silence:1"]))
        with pytest.raises(StateMoved):
            await store.commit(Commit(reads={"k": read.version}, state=[a_row("k")]))


async def test_a_list_of_rows_goes_on_behind_the_last_one_seen(engine: Engine) -> None:
    async with engine.open() as store:
        await _put(store, *(a_row(f"k/{n}") for n in range(5)), a_row("l"))
        seen: list[str] = []
        while page := await store.state.list("k/", 2, seen[-1] if seen else ""):
            seen += _keys(page)
        assert seen == [f"k/{n}" for n in range(5)]
