"""Bells and flags."""

from __future__ import annotations

import asyncio

import pytest

from broker.clock import ManualClock
from broker.engines.texts import after_prefix, pairs_from_bytes, pairs_to_bytes, text_bytes
from broker.engines.wakeups import EdgeSignals, LevelSignals, Signals
from tests.contracts.builders import in_time


async def test_a_ring_wakes_all_who_listen_for_that_name() -> None:
    bells = EdgeSignals()
    with bells.listen("a") as one, bells.listen("a") as two, bells.listen("b") as other:
        bells.ring("a")
        await in_time(one)
        await in_time(two)
        assert not other.done()  # type: ignore[attr-defined]


async def test_a_ring_that_nobody_hears_is_forgotten() -> None:
    bells = EdgeSignals()
    bells.ring("a")
    with bells.listen("a") as rung:
        assert not rung.done()  # type: ignore[attr-defined]


async def test_a_ring_between_listening_and_waiting_is_heard() -> None:
    bells = EdgeSignals()
    with bells.listen("a") as rung:
        bells.ring("a")
        await in_time(rung)


async def test_who_stops_listening_leaves_nothing_behind() -> None:
    bells = EdgeSignals()
    with bells.listen("a"):
        pass
    bells.ring_all()
    assert not bells._waiting


async def test_a_flag_stays_up_until_it_is_lowered() -> None:
    flags = LevelSignals()
    await in_time(flags.wait("ops"))
    flags.lower("ops")
    waiter = asyncio.ensure_future(flags.wait("ops"))
    await ManualClock().sleep(0)
    assert not waiter.done()
    flags.lift("ops")
    await in_time(waiter)
    await in_time(flags.wait("ops"))


async def test_signals_wake_everybody_at_once() -> None:
    signals = Signals()
    signals.news.lower("ops")
    with signals.bells.listen("a") as rung:
        signals.wake_all()
        await in_time(rung)
        await in_time(signals.news.wait("ops"))


@pytest.mark.parametrize("prefix", ["a", "s/", "é", "\ud7ff", "a\U0010ffff", ""])
def test_the_end_of_a_prefix_lies_above_all_that_begin_with_it(prefix: str) -> None:
    end = after_prefix(prefix)
    for more in ("", "\x00", "z", "\U0010fffe"):
        if not prefix.endswith("\U0010ffff"):
            assert prefix + more < end
    assert not end.startswith(prefix) or not prefix


def test_pairs_are_read_as_they_were_written() -> None:
    for pairs in ({}, {"a": ""}, {"ü": "🔥", "": "x"}):
        assert pairs_from_bytes(pairs_to_bytes(pairs)) == pairs
    assert pairs_to_bytes({}) == b""


def test_texts_are_measured_in_utf_8() -> None:
    assert [text_bytes(text) for text in ("", "abc", "é", "🔥")] == [0, 3, 2, 4]
