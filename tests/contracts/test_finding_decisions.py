"""Finding decisions that made no delivery of their own."""

from __future__ import annotations

from typing import Any

import pytest

from broker.clock import US_PER_S
from broker.model import Commit, DecisionQuery
from broker.store import Store
from tests.contracts.builders import NOW_US, OTHER_TOPIC, a_decision, a_delivery
from tests.contracts.engines import Engine

HOUR_US = 3600 * US_PER_S


async def _some(engine: Engine, store: Store) -> int:
    """Six decisions over six hours, one of them told; when the first was made."""
    first_us = engine.clock.wall_us()
    for nth, changed in enumerate(
        [
            {"outcome": "suppressed", "by": "silence:a"},
            {"outcome": "suppressed", "by": "duplicate"},
            {"outcome": "sent"},
            {"outcome": "held", "by": "group", "rule": "other", "key": "host-2"},
            {"outcome": "suppressed", "by": "silence_like", "topic_uid": OTHER_TOPIC},
            {"outcome": "suppressed", "by": "silence:b", "destination": "mail"},
        ]
    ):
        now_us = engine.clock.wall_us()
        decision = a_decision(offset=nth, at_us=now_us, **changed)
        sent = [a_delivery(f"d{nth}", offset=nth, created_us=now_us)] if changed["outcome"] == "sent" else []
        await store.commit(Commit(decisions=[decision], deliveries=sent))
        await engine.clock.advance(3600)
    return first_us


@pytest.mark.parametrize(
    ("query", "offsets"),
    [
        ({}, [5, 4, 3, 1, 0]),
        ({"limit": 2}, [5, 4]),
        ({"since": 1}, [5, 4, 3, 1]),
        ({"until": 1}, [0]),
        ({"since": 1, "until": 4}, [3, 1]),
        ({"since": 2, "until": 3}, []),
        ({"since": 9}, []),
        ({"by": "silence"}, [5, 0]),
        ({"by": "silence:a"}, [0]),
        ({"by": "duplicate"}, [1]),
        ({"outcome": "held"}, [3]),
        ({"rule": "other"}, [3]),
        ({"key": "host-2"}, [3]),
        ({"topic_uid": OTHER_TOPIC}, [4]),
        ({"destination": "mail"}, [5]),
    ],
)
async def test_decisions_that_fit_are_found_newest_first(engine: Engine, query: Any, offsets: list[int]) -> None:
    async with engine.open() as store:
        first_us = await _some(engine, store)
        asked = {
            f"{name}_us" if name in ("since", "until") else name: first_us + value * HOUR_US
            if name in ("since", "until")
            else value
            for name, value in query.items()
        }
        matches = await store.decisions.find_quiet(DecisionQuery(**asked))
        assert [record.offset for record in matches] == offsets


async def test_a_page_of_decisions_goes_on_behind_the_last(engine: Engine) -> None:
    async with engine.open() as store:
        await _some(engine, store)
        page = await store.decisions.find_quiet(DecisionQuery(limit=2))
        rest = await store.decisions.find_quiet(DecisionQuery(before_seq=page[-1].seq))
        assert [record.offset for record in rest] == [3, 1, 0]


async def test_times_are_counted_back_from_now_although_the_clock_was_set(engine: Engine) -> None:
    async with engine.open() as store:
        await _some(engine, store)
        engine.clock.step(-10 * 3600)
        now_us = engine.clock.wall_us()
        matches = await store.decisions.find_quiet(DecisionQuery(since_us=now_us - 3 * HOUR_US))
        assert [record.offset for record in matches] == [5, 4, 3]


async def test_an_empty_store_has_none(engine: Engine) -> None:
    async with engine.open() as store:
        assert await store.decisions.find_quiet(DecisionQuery(since_us=NOW_US, until_us=NOW_US + 1)) == []
