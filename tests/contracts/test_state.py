"""The State: versions, expiry, timers."""

from __future__ import annotations

from collections.abc import Sequence

from broker.model import Commit, StateDelete, StatePut, StateRow, SweepPolicy
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
